#include "controller/domain/archive_suspension.h"

#include <gtest/gtest.h>

#include "common/time_proto.h"

namespace muster {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

v1::Obligation Owed(v1::Obligation::State state, int days_late) {
  v1::Obligation o;
  o.set_grant_id("GRT-1");
  o.set_state(state);
  const absl::Time due = kNow - absl::Hours(24 * days_late);
  *o.mutable_uncovered_since() = ToProto(due - absl::Hours(24 * 20));
  *o.mutable_due_at() = ToProto(due);
  *o.mutable_export_only_at() = ToProto(due + absl::Hours(24 * 5));
  return o;
}

v1::Grant GrantIn(v1::Grant::State state,
                  v1::Grant::Suspension::Reason reason = v1::Grant::Suspension::NONE) {
  v1::Grant grant;
  grant.set_grant_id("GRT-1");
  grant.set_state(state);
  grant.set_suspended_for(reason);
  return grant;
}

TEST(SuspendForArchive, OnlyWhatRunsAndOnlyAfterTheGrace) {
  const struct {
    v1::Grant::State state;
    int days_late;
    bool want;
  } kCases[] = {{v1::Grant::ACTIVE, 4, false},      {v1::Grant::ACTIVE, 6, true},
                {v1::Grant::RECERT_DUE, 6, true},   {v1::Grant::BREAK_GLASS, 6, false},
                {v1::Grant::SUSPENDED, 6, false},   {v1::Grant::LAPSED, 6, false},
                {v1::Grant::REVOKING, 6, false},    {v1::Grant::REVOKED, 6, false},
                {v1::Grant::UNSANCTIONED, 6, false}};
  for (const auto& c : kCases) {
    const auto after =
        SuspendForArchive(GrantIn(c.state), {Owed(v1::Obligation::OVERDUE, c.days_late)}, kNow);
    EXPECT_EQ(after.has_value(), c.want) << v1::Grant::State_Name(c.state);
    if (!after) continue;
    EXPECT_EQ(after->state(), v1::Grant::SUSPENDED);
    EXPECT_EQ(after->suspended_for(), v1::Grant::Suspension::ARCHIVE_OVERDUE);
  }
}

TEST(SuspendForArchive, AnotherGrantsChatsCountNot) {
  v1::Obligation other = Owed(v1::Obligation::OVERDUE, 6);
  other.set_grant_id("GRT-2");
  EXPECT_FALSE(SuspendForArchive(GrantIn(v1::Grant::ACTIVE), {other}, kNow).has_value());
}

TEST(ResumeFromArchive, OnceNothingIsOverdueAndOnlyItsOwn) {
  using Reason = v1::Grant::Suspension;
  v1::Obligation gone = Owed(v1::Obligation::LOSS_SUSPECTED, 6);
  *gone.mutable_ended_at() = ToProto(kNow);
  const struct {
    Reason::Reason reason;
    v1::Obligation owed;
    bool want;
  } kCases[] = {{Reason::ARCHIVE_OVERDUE, Owed(v1::Obligation::EXPORTED, -10), true},
                {Reason::ARCHIVE_OVERDUE, Owed(v1::Obligation::URGENT, -1), true},
                {Reason::ARCHIVE_OVERDUE, Owed(v1::Obligation::OVERDUE, 1), false},
                {Reason::ARCHIVE_OVERDUE, Owed(v1::Obligation::RECEIPT_MISMATCH, 1), false},
                {Reason::ARCHIVE_OVERDUE, gone, true},
                {Reason::INVESTIGATION, Owed(v1::Obligation::EXPORTED, -10), false},
                {Reason::TRM_PROHIBITED, Owed(v1::Obligation::EXPORTED, -10), false},
                {Reason::DIRECTORY, Owed(v1::Obligation::EXPORTED, -10), false}};
  for (const auto& c : kCases) {
    const auto after = ResumeFromArchive(GrantIn(v1::Grant::SUSPENDED, c.reason), {c.owed}, kNow);
    EXPECT_EQ(after.has_value(), c.want)
        << Reason::Reason_Name(c.reason) << " " << v1::Obligation::State_Name(c.owed.state());
    if (!after) continue;
    EXPECT_EQ(after->state(), v1::Grant::ACTIVE);
  }
}

TEST(MessagesCovered, EverythingFromBeforeAndSomethingAtAll) {
  v1::Obligation seen = Owed(v1::Obligation::EXPORTED, -10);
  seen.set_level(v1::Evidence::E2_SEEN);
  const absl::Time at = FromProto(seen.uncovered_since());
  EXPECT_FALSE(MessagesCovered({}, at));
  EXPECT_TRUE(MessagesCovered({seen}, at));
  EXPECT_FALSE(MessagesCovered({seen}, at + absl::Seconds(1)));
  EXPECT_FALSE(MessagesCovered({seen, Owed(v1::Obligation::ACCRUING, -10)}, at));
  // Exported in the morning, and prohibited in the afternoon.
  v1::Obligation today = seen;
  today.set_state(v1::Obligation::CLEAR);
  today.set_level(v1::Evidence::E3_RECEIPTED);
  EXPECT_TRUE(MessagesCovered({today}, at));
  EXPECT_FALSE(MessagesCovered({today}, at + absl::Hours(5)));
  today.clear_uncovered_since();  // it ended with everything receipted
  EXPECT_TRUE(MessagesCovered({today}, at + absl::Hours(5)));
}

}  // namespace
}  // namespace muster
