#include "controller/domain/hold.h"

#include <gtest/gtest.h>

#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "tests/support/now.h"

namespace muster {
namespace {

const std::string kChat(64, 'a');

v1::Hold Make(const std::string& id, const std::string& person, const std::string& chat,
              const std::vector<std::string>& of_matter = {}) {
  v1::Hold out;
  out.set_hold_id(id);
  out.set_person_id(person);
  out.set_chat_key(chat);
  if (!of_matter.empty()) out.set_matter("2027-14");
  out.mutable_person_ids()->Assign(of_matter.begin(), of_matter.end());
  out.set_reason("litigation");
  return out;
}

TEST(HoldsOn, PersonChatAndMatter) {
  std::vector<v1::Hold> holds = {Make("H1", "p1", ""), Make("H2", "", kChat),
                                 Make("H3", "", "", {"p2", "p3"}), Make("H4", "p1", "")};
  *holds[3].mutable_released_at() = ToProto(kNow);
  const auto ids = [&](const char* person, const std::string& chat) {
    std::string out;
    for (const v1::Hold* hold : HoldsOn(person, chat, holds)) out += hold->hold_id() + " ";
    return out;
  };
  EXPECT_EQ(ids("p1", ""), "H1 ");
  EXPECT_EQ(ids("p1", kChat), "H1 H2 ");
  EXPECT_EQ(ids("p2", "other"), "H3 ");
  EXPECT_EQ(ids("p3", kChat), "H2 H3 ");
  EXPECT_EQ(ids("p4", "other"), "");
  EXPECT_EQ(ids("", ""), "");
}

TEST(CheckHold, ExactlyOneOfThree) {
  const std::pair<v1::Hold, bool> kCases[] = {
      {Make("", "p1", ""), true},
      {Make("", "", kChat), true},
      {Make("", "", "", {"p1"}), true},
      {Make("", "", ""), false},
      {Make("", "p1", kChat), false},
      {Make("", "p1", "", {"p2"}), false},
      {Make("", "", kChat, {"p2"}), false},
      {Make("", "", "AB"), false},
      {Make("", "", std::string(64, 'A')), false},
      {Make("", "", "", std::vector<std::string>(limits::kMaxHoldPersons, "p")), true},
      {Make("", "", "", std::vector<std::string>(limits::kMaxHoldPersons + 1, "p")), false},
  };
  for (const auto& [hold, want] : kCases) {
    EXPECT_EQ(CheckHold(hold).ok(), want) << hold.ShortDebugString().substr(0, 200);
  }
  v1::Hold no_reason = Make("", "p1", "");
  no_reason.clear_reason();
  EXPECT_FALSE(CheckHold(no_reason).ok());
  v1::Hold no_persons = Make("", "", "");
  no_persons.set_matter("2027-14");
  EXPECT_EQ(CheckHold(no_persons).message(),
            "whose records does the matter hold? Name its persons");
}

TEST(ReleaseHold, OnceAndWithAReason) {
  const Operator rim{.person_id = "r", .upn = "rim@agency.test"};
  const v1::Hold hold = Make("HOLD-000001", "p1", "");
  EXPECT_EQ(ReleaseHold(hold, rim, "", kNow).status().code(), absl::StatusCode::kInvalidArgument);
  const v1::Hold released = *ReleaseHold(hold, rim, "settled", kNow);
  EXPECT_FALSE(IsInForce(released));
  EXPECT_EQ(released.released_by_upn(), "rim@agency.test");
  EXPECT_EQ(released.release_reason(), "settled");
  EXPECT_EQ(ReleaseHold(released, rim, "again", kNow).status().message(),
            "HOLD-000001 was released 2027-01-15T08:00:00Z by rim@agency.test");
}

}  // namespace
}  // namespace muster
