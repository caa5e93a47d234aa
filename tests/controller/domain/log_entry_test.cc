#include "controller/domain/log_entry.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/log_limits.h"
#include "common/utf8_check.h"

namespace muster {
namespace {

// Of `text` that is cut to `most` bytes.
std::string CutText(const std::string& text, size_t kept) {
  return absl::StrCat(text.substr(0, kept), "… (shortened, ", text.size(), " bytes)");
}

std::string ShortRecord(const std::string& json) {
  return absl::StrCat(R"({"shortened":true,"bytes":)", json.size(), R"(,"sha256":")",
                      Sha256Hex(json), "\"}");
}

TEST(FitEntry, LeavesWhatFits) {
  v1::AuditEntry entry;
  entry.set_verb("request.approve");
  entry.set_reason(std::string(limits::kMaxLogTextBytes, 'r'));
  entry.set_object(std::string(limits::kMaxLogNameBytes, 'o'));
  entry.set_query(std::string(limits::kMaxLogTextBytes, 'q'));
  entry.set_before(std::string(25'000, 'b'));
  entry.set_after(std::string(25'000, 'a'));
  const std::string bytes = entry.SerializeAsString();
  FitEntry(entry);
  EXPECT_EQ(entry.SerializeAsString(), bytes);
}

TEST(FitEntry, TextsAreCutBetweenCharacters) {
  v1::AuditEntry entry;
  std::string reason;
  while (reason.size() <= limits::kMaxLogTextBytes) reason += "ü";
  entry.set_reason(reason);
  const std::string object(limits::kMaxLogNameBytes + 1, 'o');
  entry.set_object(object);
  FitEntry(entry);
  const size_t mark = std::string("… (shortened, 2050 bytes)").size();
  EXPECT_EQ(entry.reason(), CutText(reason, (limits::kMaxLogTextBytes - mark) / 2 * 2));
  Utf8Check check;
  check.Add(entry.reason());
  EXPECT_FALSE(check.cut() || check.invalid_at().has_value());
  EXPECT_EQ(entry.object(), CutText(object, limits::kMaxLogNameBytes - (mark - 1)));
}

TEST(FitEntry, WhatIsNotUtf8CanStillBeReadLater) {
  v1::AuditEntry entry;
  entry.set_reason("Zugriff verweigert f\xfcr kim");  // Latin-1
  entry.set_outcome("cut in a character: \xc3");
  entry.set_object("person/ü");
  entry.add_subjects("person/\xff");
  FitEntry(entry);
  v1::AuditEntry read;
  ASSERT_TRUE(read.ParseFromString(entry.SerializeAsString()));
  EXPECT_EQ(read.reason(), "Zugriff verweigert f?r kim");
  EXPECT_EQ(read.outcome(), "cut in a character: ?");
  EXPECT_EQ(read.object(), "person/ü");
  EXPECT_EQ(read.subjects(0), "person/?");
}

TEST(FitEntry, TheLongerRecordGoesFirst) {
  const std::string query(limits::kMaxLogTextBytes + 1, 'q'), small(20'000, 's');
  const std::string big(60'000, 'b'), bigger(70'000, 'c');
  struct Case {
    std::string before, after, want_before, want_after;
  };
  const Case kCases[] = {
      {small, big, small, ShortRecord(big)},
      {big, small, ShortRecord(big), small},
      {big, bigger, big, ShortRecord(bigger)},
      {bigger, bigger, ShortRecord(bigger), ShortRecord(bigger)},
      {"", bigger, "", ShortRecord(bigger)},
  };
  for (const Case& c : kCases) {
    v1::AuditEntry entry;
    entry.set_query(query);
    entry.set_before(c.before);
    entry.set_after(c.after);
    FitEntry(entry);
    EXPECT_EQ(entry.before(), c.want_before);
    EXPECT_EQ(entry.after(), c.want_after);
    EXPECT_EQ(entry.query(), ShortRecord(query));
  }
}

TEST(FitEntry, AnEntryWithEverythingTooLongFits) {
  v1::AuditEntry entry;
  const std::string text(200'000, 't');
  for (std::string* field :
       {entry.mutable_actor_id(), entry.mutable_actor_upn(), entry.mutable_signed_in_by(),
        entry.mutable_from(), entry.mutable_verb(), entry.mutable_object(), entry.mutable_before(),
        entry.mutable_after(), entry.mutable_reason(), entry.mutable_reason_code(),
        entry.mutable_ticket(), entry.mutable_transaction_id(), entry.mutable_outcome(),
        entry.mutable_time_source(), entry.mutable_query()}) {
    *field = text;
  }
  for (size_t i = 0; i < limits::kMaxLogSubjects; ++i) {
    entry.add_subjects(std::string(limits::kMaxLogSubjectBytes, 's'));
  }
  for (int i = 0; i < 7; ++i) entry.add_roles("records-officer");
  FitEntry(entry);
  entry.set_sequence(UINT64_MAX);
  EXPECT_LE(entry.ByteSizeLong(), limits::kMaxLogEntryBytes);
}

}  // namespace
}  // namespace muster
