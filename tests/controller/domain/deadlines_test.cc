#include "controller/domain/deadlines.h"

#include <gtest/gtest.h>

#include "common/limits.h"
#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "tests/support/days.h"
#include "tests/support/now.h"

namespace muster {
namespace {

DecisionTimes Times() {
  return {.sla = kDay, .escalate_to = {"soc-approver", "admin"}, .expire_after = 30 * kDay};
}

v1::Request Waiting(v1::Request::State state = v1::Request::AWAITING_APPROVAL) {
  v1::Request out;
  out.set_request_id("REQ-1");
  out.set_state(state);
  StartClock(Times(), kNow, out);
  return out;
}

// All steps that are due at `now`, one after the other, as "verb -> STATE (escalated to)".
std::vector<std::string> StepsAt(v1::Request request, absl::Time now) {
  std::vector<std::string> out;
  while (const auto step = NextDue(request, Times(), now)) {
    request = step->after;
    out.push_back(step->verb + " -> " + v1::Request::State_Name(request.state()) + " " +
                  request.escalated_to());
  }
  return out;
}

using Steps = std::vector<std::string>;

TEST(NextDueOfARequest, EscalatesAndExpires) {
  EXPECT_EQ(StepsAt(Waiting(), kNow + kDay - absl::Nanoseconds(1)), Steps());
  EXPECT_EQ(StepsAt(Waiting(), kNow + kDay),
            Steps{"request.escalate -> AWAITING_APPROVAL soc-approver"});
  v1::Request once = NextDue(Waiting(), Times(), kNow + kDay)->after;
  EXPECT_EQ(FromProto(once.due_at()), kNow + 2 * kDay);
  EXPECT_EQ(StepsAt(once, kNow + 2 * kDay), Steps{"request.escalate -> AWAITING_APPROVAL admin"});
  v1::Request twice = NextDue(once, Times(), kNow + 2 * kDay)->after;
  EXPECT_EQ(StepsAt(twice, kNow + 29 * kDay), Steps());  // nobody is left to tell
  EXPECT_EQ(StepsAt(twice, kNow + 30 * kDay), Steps{"request.expire -> EXPIRED_UNDECIDED admin"});
}

TEST(NextDueOfARequest, NoApproverIsLateWithAnUnansweredQuestion) {
  const v1::Request asked = Waiting(v1::Request::MORE_INFO);
  EXPECT_EQ(StepsAt(asked, kNow + 29 * kDay), Steps());
  EXPECT_EQ(StepsAt(asked, kNow + 30 * kDay), Steps{"request.expire -> EXPIRED_UNDECIDED "});
}

TEST(NextDueOfARequest, OnlyWhileUndecided) {
  for (int s = v1::Request::State_MIN; s <= v1::Request::State_MAX; ++s) {
    const auto state = static_cast<v1::Request::State>(s);
    EXPECT_EQ(NextDue(Waiting(state), Times(), kNow + 31 * kDay).has_value(), IsUndecided(state))
        << v1::Request::State_Name(state);
  }
}

v1::Person Somebody() {
  v1::Person p;
  p.set_person_id("guid-a");
  p.set_enabled(true);
  return p;
}

v1::Grant Running(absl::Duration term, v1::Grant::State state = v1::Grant::ACTIVE) {
  v1::Grant out;
  out.set_grant_id("GR-1");
  out.set_state(state);
  StartTerm(out, term, kNow);
  return out;
}

Steps StepsAt(v1::Grant grant, absl::Time now, const v1::Person& person = Somebody()) {
  Steps out;
  while (const auto step = NextDue(grant, person, now)) {
    grant = step->after;
    out.push_back(step->verb + " " + step->reason_code + " -> " +
                  v1::Grant::State_Name(grant.state()));
  }
  return out;
}

TEST(RecertDueAt, ThirtyDaysBeforeTheEndOrHalfWay) {
  const std::pair<absl::Duration, absl::Duration> kCases[] = {{180 * kDay, 150 * kDay},
                                                              {365 * kDay, 335 * kDay},
                                                              {60 * kDay, 30 * kDay},
                                                              {40 * kDay, 20 * kDay},
                                                              {absl::Hours(1), absl::Minutes(30)}};
  for (const auto& [term, due] : kCases) EXPECT_EQ(RecertDueAt(Running(term)), kNow + due);
  v1::Grant old = Running(180 * kDay);
  old.clear_recert_due_at();  // of a store that did not have it yet
  EXPECT_EQ(RecertDueAt(old), kNow + 150 * kDay);
}

TEST(NextDueOfAGrant, TheWholeTerm) {
  const v1::Grant active = Running(180 * kDay);
  const Steps due = {"grant.recert-due RECERTIFICATION -> RECERT_DUE"};
  EXPECT_EQ(StepsAt(active, kNow + 150 * kDay - absl::Nanoseconds(1)), Steps());
  EXPECT_EQ(StepsAt(active, kNow + 150 * kDay), due);
  v1::Grant waiting = NextDue(active, Somebody(), kNow + 150 * kDay)->after;
  const std::string reminder = "grant.recert-reminder RECERTIFICATION -> RECERT_DUE";
  for (const auto& [day, sent] : {std::pair{165.0, 1u}, {172.5, 2u}, {179.0, 3u}}) {
    const absl::Time at = kNow + day * kDay;
    EXPECT_EQ(StepsAt(waiting, at - absl::Nanoseconds(1)), Steps()) << day;
    EXPECT_EQ(StepsAt(waiting, at), Steps{reminder}) << day;
    waiting = NextDue(waiting, Somebody(), at)->after;
    EXPECT_EQ(waiting.reminders(), sent);
  }
  EXPECT_EQ(StepsAt(waiting, kNow + 180 * kDay - absl::Nanoseconds(1)), Steps());
  EXPECT_EQ(StepsAt(waiting, kNow + 180 * kDay),
            (Steps{"grant.lapse LAPSED -> LAPSED", "grant.revoke LAPSED -> REVOKING"}));
}

// A controller that was away carries everything out at once, and reminds once.
TEST(NextDueOfAGrant, AfterAnAbsence) {
  EXPECT_EQ(StepsAt(Running(180 * kDay), kNow + 175 * kDay),
            (Steps{"grant.recert-due RECERTIFICATION -> RECERT_DUE",
                   "grant.recert-reminder RECERTIFICATION -> RECERT_DUE"}));
  EXPECT_EQ(StepsAt(Running(180 * kDay), kNow + 400 * kDay),
            (Steps{"grant.recert-due RECERTIFICATION -> RECERT_DUE", "grant.lapse LAPSED -> LAPSED",
                   "grant.revoke LAPSED -> REVOKING"}));
}

TEST(NextDueOfAGrant, BreakGlassEnds) {
  v1::Grant open = Running(absl::Hours(72), v1::Grant::BREAK_GLASS);
  *open.mutable_review_due_at() = ToProto(kNow + absl::Hours(24));
  EXPECT_EQ(StepsAt(open, kNow + absl::Hours(24) - absl::Nanoseconds(1)), Steps());
  EXPECT_EQ(StepsAt(open, kNow + absl::Hours(24)),
            Steps{"grant.review-due REVIEW_DUE -> BREAK_GLASS"});
  open = NextDue(open, Somebody(), kNow + absl::Hours(24))->after;
  EXPECT_EQ(StepsAt(open, kNow + absl::Hours(72) - absl::Nanoseconds(1)), Steps());
  EXPECT_EQ(StepsAt(open, kNow + absl::Hours(72)),
            Steps{"grant.revoke BREAK_GLASS_ENDED -> REVOKING"});
}

TEST(NextDueOfAGrant, WhatIsSuspendedKeepsForTheExport) {
  v1::Grant suspended = Running(30 * kDay, v1::Grant::SUSPENDED);
  suspended.set_suspended_for(v1::Grant::Suspension::INVESTIGATION);
  EXPECT_EQ(StepsAt(suspended, kNow + 30 * kDay), Steps{"grant.revoke TERM_ENDED -> REVOKING"});
  suspended.set_suspended_for(v1::Grant::Suspension::TRM_PROHIBITED);
  *suspended.mutable_export_until() = ToProto(kNow + 40 * kDay);
  EXPECT_EQ(StepsAt(suspended, kNow + 39 * kDay), Steps());
  EXPECT_EQ(StepsAt(suspended, kNow + 40 * kDay), Steps{"grant.revoke TERM_ENDED -> REVOKING"});
  suspended.set_suspended_for(v1::Grant::Suspension::ARCHIVE_OVERDUE);
  EXPECT_EQ(StepsAt(suspended, kNow + 400 * kDay), Steps());
}

TEST(NextDueOfAGrant, APersonWhoLeftLosesEverything) {
  v1::Person gone = Somebody();
  gone.set_deleted(true);
  for (int s = v1::Grant::State_MIN + 1; s <= v1::Grant::State_MAX; ++s) {
    const auto state = static_cast<v1::Grant::State>(s);
    EXPECT_EQ(StepsAt(Running(kDay, state), kNow, gone),
              Holds(state) ? Steps{"grant.revoke PERSON_LEFT -> REVOKING"} : Steps())
        << v1::Grant::State_Name(state);
  }
}

}  // namespace
}  // namespace muster
