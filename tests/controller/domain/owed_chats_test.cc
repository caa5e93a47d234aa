#include "controller/domain/owed_chats.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"

namespace muster {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

v1::ExportRecord From(const std::string& device, int day) {
  v1::ExportRecord record;
  record.set_device_id(device);
  *record.mutable_reported_at() = ToProto(kNow + absl::Hours(24 * day));
  return record;
}

v1::Obligation Stored(const std::string& device, const std::string& chat) {
  v1::Obligation o;
  o.set_device_id(device);
  o.set_chat_key(chat);
  *o.mutable_began_at() = ToProto(kNow);
  return o;
}

ArchiveDevice InUse(bool installed = false) {
  ArchiveDevice out;
  out.counts = true;
  out.installed = installed;
  return out;
}
ArchiveDevice Gone() {
  ArchiveDevice out;
  out.gone_at = kNow;
  return out;
}

// "device/chat", with '*' where it goes on with a stored obligation.
std::vector<std::string> Owed(const ExportsByChat& exports,
                              const std::map<std::string, ArchiveDevice>& devices,
                              const std::vector<v1::Obligation>& stored = {},
                              bool takes_new = true) {
  std::vector<std::string> out;
  for (const OwedChat& owed : OwedChats(exports, devices, stored, takes_new)) {
    out.push_back(absl::StrCat(owed.device_id, "/", owed.chat_key,
                               owed.before.device_id().empty() ? "" : "*"));
  }
  return out;
}

using Lines = std::vector<std::string>;

TEST(OwedChats, Rules) {
  // Nothing known: every device owes whatever chats there are.
  EXPECT_EQ(Owed({}, {{"a", InUse()}, {"b", InUse()}}), (Lines{"a/", "b/"}));
  // A chat is owed where it was reported last; another device owes only when it has the app.
  EXPECT_EQ(Owed({{"x", {From("a", 1)}}}, {{"a", InUse()}, {"b", InUse()}}), (Lines{"a/x"}));
  EXPECT_EQ(Owed({{"x", {From("a", 1)}}}, {{"a", InUse()}, {"b", InUse(true)}}),
            (Lines{"a/x", "b/"}));
  EXPECT_EQ(Owed({{"x", {From("a", 1), From("b", 2)}}}, {{"a", InUse()}, {"b", InUse()}}),
            (Lines{"b/x"}));
  // A new phone owes as soon as the old one is gone.
  EXPECT_EQ(Owed({{"x", {From("a", 1)}}}, {{"a", Gone()}, {"b", InUse()}}), (Lines{"a/x", "b/"}));
  // What a device owed when it went stays; a device that only was there does not begin.
  EXPECT_EQ(Owed({}, {{"a", Gone()}, {"b", InUse()}}, {Stored("a", "")}), (Lines{"a/*", "b/"}));
  EXPECT_EQ(Owed({}, {{"a", Gone()}}), (Lines{}));
  // A chat keeps its clock when it moves; "whatever chats" do not move, and end with a chat.
  EXPECT_EQ(Owed({{"x", {From("a", 1), From("b", 2)}}}, {{"a", InUse()}, {"b", InUse()}},
                 {Stored("a", "x"), Stored("a", "")}),
            (Lines{"b/x*"}));
  // An ended grant begins nothing.
  EXPECT_EQ(Owed({}, {{"a", InUse()}, {"b", InUse()}}, {Stored("a", "")}, false), (Lines{"a/*"}));
}

TEST(AssignObligations, MostUrgentFirstEachChatOnceAndNotMoreThanFit) {
  std::vector<v1::Obligation> all;
  for (size_t i = 0; i < limits::kMaxAssignedObligations + 5; ++i) {
    all.push_back(Stored("a", absl::StrCat("chat", i)));
    *all.back().mutable_due_at() = ToProto(kNow + absl::Hours(1'000 - static_cast<int>(i)));
  }
  all.push_back(all.back());  // on another device
  all.back().set_device_id("b");
  v1::Obligation over = Stored("a", "over");
  over.set_state(v1::Obligation::CLEAR);
  *over.mutable_ended_at() = ToProto(kNow);
  all.push_back(over);
  v1::DeviceAssignment out;
  AssignObligations(all, out);
  ASSERT_EQ(static_cast<size_t>(out.obligations_size()), limits::kMaxAssignedObligations);
  EXPECT_EQ(out.obligations(0).chat_key(),
            absl::StrCat("chat", limits::kMaxAssignedObligations + 4));
  EXPECT_EQ(out.obligations(1).chat_key(),
            absl::StrCat("chat", limits::kMaxAssignedObligations + 3));
}

}  // namespace
}  // namespace muster
