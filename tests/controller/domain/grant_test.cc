#include "controller/domain/grant.h"

#include <gtest/gtest.h>

#include <map>

#include "common/time_proto.h"
#include "tests/support/now.h"

namespace muster {
namespace {

TEST(NextGrantState, EveryStateAndEvent) {
  using E = GrantEvent;
  using G = v1::Grant;
  std::map<std::pair<G::State, E>, G::State> arrows = {
      {{G::ACTIVE, E::kRecertDue}, G::RECERT_DUE}, {{G::RECERT_DUE, E::kRecertify}, G::ACTIVE},
      {{G::RECERT_DUE, E::kLapse}, G::LAPSED},     {{G::ACTIVE, E::kSuspend}, G::SUSPENDED},
      {{G::SUSPENDED, E::kResume}, G::ACTIVE},     {{G::UNSANCTIONED, E::kAdopt}, G::ADOPTED},
      {{G::ADOPTED, E::kActivate}, G::ACTIVE},     {{G::BREAK_GLASS, E::kReview}, G::REVIEWED},
      {{G::REVIEWED, E::kActivate}, G::ACTIVE},    {{G::REVOKING, E::kVerifiedAbsent}, G::REVOKED},
  };
  // Any live state can be revoked.
  for (const auto state : {G::ACTIVE, G::RECERT_DUE, G::LAPSED, G::SUSPENDED, G::UNSANCTIONED,
                           G::ADOPTED, G::BREAK_GLASS, G::REVIEWED}) {
    arrows[{state, E::kRevoke}] = G::REVOKING;
  }
  for (int s = G::State_MIN; s <= G::State_MAX; ++s) {
    for (int e = 0; e <= static_cast<int>(E::kVerifiedAbsent); ++e) {
      const auto state = static_cast<G::State>(s);
      const auto event = static_cast<E>(e);
      const auto want = arrows.find({state, event});
      const auto got = NextGrantState(state, event);
      const std::string name = G::State_Name(state) + " " + std::string(GrantEventName(event));
      if (want == arrows.end()) {
        EXPECT_EQ(got.status().code(), absl::StatusCode::kFailedPrecondition) << name;
      } else {
        ASSERT_TRUE(got.ok()) << name;
        EXPECT_EQ(*got, want->second) << name;
      }
    }
  }
}

struct Facts {
  v1::Grant grant;
  v1::Person person;
  bool member = true;
};

Facts Live() {
  Facts f;
  f.grant.set_grant_id("GR-1");
  f.grant.set_state(v1::Grant::ACTIVE);
  f.grant.set_app_id("whatsapp");
  f.grant.set_person_id("guid-a");
  f.grant.set_training_acknowledged("2026-1");
  *f.grant.mutable_not_after() = ToProto(kNow + absl::Hours(1));
  f.person.set_person_id("guid-a");
  f.person.set_enabled(true);
  return f;
}

// "Live" as DESIGN section 3 says it, one condition at a time.
TEST(EntitlementOf, Liveness) {
  using Edit = void (*)(Facts&);
  const struct {
    const char* name;
    Edit edit;
    bool live;
  } kCases[] = {
      {"all hold", [](Facts&) {}, true},
      {"recertification due", [](Facts& f) { f.grant.set_state(v1::Grant::RECERT_DUE); }, true},
      {"ends now", [](Facts& f) { *f.grant.mutable_not_after() = ToProto(kNow); }, false},
      {"not a member", [](Facts& f) { f.member = false; }, false},
      {"disabled", [](Facts& f) { f.person.set_enabled(false); }, false},
      {"deleted", [](Facts& f) { f.person.set_deleted(true); }, false},
      {"account expired", [](Facts& f) { *f.person.mutable_expires_at() = ToProto(kNow); }, false},
      {"account expires later",
       [](Facts& f) { *f.person.mutable_expires_at() = ToProto(kNow + absl::Minutes(1)); }, true},
      {"no training", [](Facts& f) { f.grant.clear_training_acknowledged(); }, false},
      {"unsanctioned", [](Facts& f) { f.grant.set_state(v1::Grant::UNSANCTIONED); }, false},
      {"adopted, not yet active", [](Facts& f) { f.grant.set_state(v1::Grant::ADOPTED); }, false},
      {"lapsed", [](Facts& f) { f.grant.set_state(v1::Grant::LAPSED); }, false},
      {"revoking", [](Facts& f) { f.grant.set_state(v1::Grant::REVOKING); }, false},
      {"revoked", [](Facts& f) { f.grant.set_state(v1::Grant::REVOKED); }, false},
      {"break-glass needs neither training nor group",
       [](Facts& f) {
         f.grant.set_state(v1::Grant::BREAK_GLASS);
         f.grant.clear_training_acknowledged();
         f.member = false;
       },
       true},
      {"break-glass of a disabled account",
       [](Facts& f) {
         f.grant.set_state(v1::Grant::BREAK_GLASS);
         f.person.set_enabled(false);
       },
       false},
      {"break-glass of an account that has expired",
       [](Facts& f) {
         f.grant.set_state(v1::Grant::BREAK_GLASS);
         *f.person.mutable_expires_at() = ToProto(kNow);
       },
       false},
      {"break-glass ended",
       [](Facts& f) {
         f.grant.set_state(v1::Grant::BREAK_GLASS);
         *f.grant.mutable_not_after() = ToProto(kNow);
       },
       false},
  };
  for (const auto& c : kCases) {
    Facts f = Live();
    c.edit(f);
    EXPECT_EQ(EntitlementOf(f.grant, f.person, f.member, kNow).has_value(), c.live) << c.name;
    EXPECT_EQ(WhyNotLive(f.grant, f.person, f.member, kNow).empty(), c.live) << c.name;
  }
}

TEST(EntitlementOf, TheAccountsEndBoundsIt) {
  Facts f = Live();
  *f.person.mutable_expires_at() = ToProto(kNow + absl::Minutes(1));
  EXPECT_EQ(FromProto(EntitlementOf(f.grant, f.person, true, kNow)->not_after()),
            kNow + absl::Minutes(1));
}

TEST(EntitlementOf, SuspendedGrantsAreToldWithTheirReason) {
  Facts f = Live();
  f.grant.set_state(v1::Grant::SUSPENDED);
  EXPECT_FALSE(EntitlementOf(f.grant, f.person, true, kNow).has_value());
  f.grant.set_suspended_for(v1::Grant::Suspension::TRM_PROHIBITED);
  *f.grant.mutable_export_until() = ToProto(kNow + absl::Hours(5));
  const auto trm = EntitlementOf(f.grant, f.person, true, kNow);
  ASSERT_TRUE(trm.has_value());
  EXPECT_TRUE(trm->suspended_by_trm());
  EXPECT_EQ(FromProto(trm->export_until()), kNow + absl::Hours(5));
  f.grant.set_suspended_for(v1::Grant::Suspension::ARCHIVE_OVERDUE);
  EXPECT_TRUE(EntitlementOf(f.grant, f.person, true, kNow)->suspended_archive_overdue());
}

TEST(GrantFor, TheTermCountsFromTheDecision) {
  v1::Request request;
  request.set_app_id("whatsapp");
  request.set_person_id("guid-a");
  *request.mutable_decided_at() = ToProto(kNow - absl::Hours(2));
  *request.mutable_term() = ToProto(absl::Hours(24));
  EXPECT_EQ(FromProto(GrantFor(request, kNow).not_after()), kNow + absl::Hours(22));
}

}  // namespace
}  // namespace muster
