#include "controller/domain/grant.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/time_proto.h"
#include "tests/support/now.h"

namespace muster {
namespace {

TEST(NextGrantState, EveryStateAndEvent) {
  using E = GrantEvent;
  using G = v1::Grant;
  std::map<std::pair<G::State, E>, G::State> arrows = {
      {{G::ACTIVE, E::kRecertDue}, G::RECERT_DUE},     {{G::RECERT_DUE, E::kRecertify}, G::ACTIVE},
      {{G::RECERT_DUE, E::kLapse}, G::LAPSED},         {{G::RECERT_DUE, E::kSuspend}, G::SUSPENDED},
      {{G::ACTIVE, E::kSuspend}, G::SUSPENDED},        {{G::SUSPENDED, E::kResume}, G::ACTIVE},
      {{G::UNSANCTIONED, E::kAdopt}, G::ADOPTED},      {{G::ADOPTED, E::kActivate}, G::ACTIVE},
      {{G::BREAK_GLASS, E::kReview}, G::REVIEWED},     {{G::REVIEWED, E::kActivate}, G::ACTIVE},
      {{G::REVOKING, E::kVerifiedAbsent}, G::REVOKED},
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
    EXPECT_EQ(EntitlementOf(f.grant, f.person, f.member, std::nullopt, kNow).has_value(), c.live)
        << c.name;
    EXPECT_EQ(WhyNotLive(f.grant, f.person, f.member, std::nullopt, kNow).empty(), c.live)
        << c.name;
  }
}

TEST(EntitlementOf, TheAccountsEndBoundsIt) {
  Facts f = Live();
  *f.person.mutable_expires_at() = ToProto(kNow + absl::Minutes(1));
  EXPECT_EQ(FromProto(EntitlementOf(f.grant, f.person, true, std::nullopt, kNow)->not_after()),
            kNow + absl::Minutes(1));
}

TEST(EntitlementOf, SuspendedGrantsAreToldWithTheirReason) {
  Facts f = Live();
  f.grant.set_state(v1::Grant::SUSPENDED);
  EXPECT_FALSE(EntitlementOf(f.grant, f.person, true, std::nullopt, kNow).has_value());
  f.grant.set_suspended_for(v1::Grant::Suspension::TRM_PROHIBITED);
  *f.grant.mutable_export_until() = ToProto(kNow + absl::Hours(5));
  const auto trm = EntitlementOf(f.grant, f.person, true, std::nullopt, kNow);
  ASSERT_TRUE(trm.has_value());
  EXPECT_TRUE(trm->suspended_by_trm());
  EXPECT_EQ(FromProto(trm->export_until()), kNow + absl::Hours(5));
  f.grant.set_suspended_for(v1::Grant::Suspension::ARCHIVE_OVERDUE);
  EXPECT_TRUE(
      EntitlementOf(f.grant, f.person, true, std::nullopt, kNow)->suspended_archive_overdue());
}

TEST(GrantFor, TheTermCountsFromTheDecision) {
  v1::Request request;
  request.set_app_id("whatsapp");
  request.set_person_id("guid-a");
  *request.mutable_decided_at() = ToProto(kNow - absl::Hours(2));
  *request.mutable_term() = ToProto(absl::Hours(24));
  EXPECT_EQ(FromProto(GrantFor(request, kNow).not_after()), kNow + absl::Hours(22));
}

v1::Grant InState(v1::Grant::State state) {
  v1::Grant out;
  out.set_grant_id("GR-1");
  out.set_state(state);
  out.set_app_id("whatsapp");
  out.set_person_id("guid-a");
  out.set_person_upn("alice@agency.test");
  out.add_approved_by_upn("soc@agency.test");
  StartTerm(out, absl::Hours(24), kNow);
  return out;
}

GrantDecision By(const std::string& name) {
  return {.by = {"guid-" + name, name + "@agency.test"},
          .trm = v1::Trm::RESTRICTED,
          .reason = "r",
          .term = absl::Hours(24 * 180),
          .now = kNow + absl::Hours(20)};
}

// A decision's code from every state, for the states where it is allowed.
template <typename F>
void ExpectOnlyFrom(F decide, const std::set<v1::Grant::State>& states) {
  for (int s = v1::Grant::State_MIN; s <= v1::Grant::State_MAX; ++s) {
    const auto state = static_cast<v1::Grant::State>(s);
    EXPECT_EQ(
        decide(InState(state), By("soc2")).status().code(),
        states.contains(state) ? absl::StatusCode::kOk : absl::StatusCode::kFailedPrecondition)
        << v1::Grant::State_Name(state);
  }
}

TEST(GrantDecisions, FromWhichState) {
  ExpectOnlyFrom(Recertify, {v1::Grant::RECERT_DUE});
  ExpectOnlyFrom(Suspend, {v1::Grant::ACTIVE, v1::Grant::RECERT_DUE});
  ExpectOnlyFrom(Resume, {v1::Grant::SUSPENDED});
  ExpectOnlyFrom(ReviewAndKeep, {v1::Grant::BREAK_GLASS});
  ExpectOnlyFrom(ReviewAndEnd, {v1::Grant::BREAK_GLASS});
}

TEST(GrantDecisions, NobodyDecidesOnTheirOwn) {
  for (const auto& [decide, state] : {std::pair{&Recertify, v1::Grant::RECERT_DUE},
                                      {&Resume, v1::Grant::SUSPENDED},
                                      {&ReviewAndKeep, v1::Grant::BREAK_GLASS},
                                      {&ReviewAndEnd, v1::Grant::BREAK_GLASS}}) {
    GrantDecision own = By("a");
    EXPECT_EQ(decide(InState(state), own).status().code(), absl::StatusCode::kPermissionDenied);
    GrantDecision no_reason = By("soc2");
    no_reason.reason = " ";
    EXPECT_EQ(decide(InState(state), no_reason).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  // Who opened a break-glass grant does not review it.
  EXPECT_EQ(ReviewAndKeep(InState(v1::Grant::BREAK_GLASS), By("soc")).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(GrantDecisions, NotAfterTheTerm) {
  for (const auto& [decide, state] :
       {std::pair{&Recertify, v1::Grant::RECERT_DUE}, {&ReviewAndKeep, v1::Grant::BREAK_GLASS}}) {
    GrantDecision late = By("soc2");
    late.now = kNow + absl::Hours(24) - absl::Nanoseconds(1);
    EXPECT_TRUE(decide(InState(state), late).ok());
    late.now = kNow + absl::Hours(24);
    EXPECT_EQ(decide(InState(state), late).status().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST(GrantDecisions, TheReviewerIsNoApproverUnderAnyName) {
  v1::Grant grant = InState(v1::Grant::BREAK_GLASS);
  grant.add_approved_by_id("guid-soc");
  GrantDecision renamed = By("soc2");
  renamed.by = {"guid-soc", "s.renamed@agency.test"};
  EXPECT_EQ(ReviewAndKeep(grant, renamed).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(Recertify, BeginsANewTerm) {
  const v1::Grant got = *Recertify(InState(v1::Grant::RECERT_DUE), By("soc2"));
  EXPECT_EQ(got.state(), v1::Grant::ACTIVE);
  EXPECT_EQ(FromProto(got.not_after()), kNow + absl::Hours(20 + 24 * 180));
  EXPECT_EQ(got.certified_by_upn(), "soc2@agency.test");
  EXPECT_EQ(got.recertifications(), 1u);
  GrantDecision prohibited = By("soc2");
  prohibited.trm = v1::Trm::PROHIBITED;
  EXPECT_EQ(Recertify(InState(v1::Grant::RECERT_DUE), prohibited).status().code(),
            absl::StatusCode::kFailedPrecondition);
  GrantDecision long_term = By("soc2");
  long_term.term = absl::Hours(24 * 366);
  EXPECT_EQ(Recertify(InState(v1::Grant::RECERT_DUE), long_term).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(FollowTrm, SuspendsAndResumesItsOwn) {
  v1::Trm trm;
  trm.set_status(v1::Trm::PROHIBITED);
  trm.set_decision_id("TRM-9");
  *trm.mutable_export_until() = ToProto(kNow + absl::Hours(480));
  v1::Trm lifted = trm;
  lifted.set_status(v1::Trm::RESTRICTED);
  for (const auto state : {v1::Grant::ACTIVE, v1::Grant::RECERT_DUE}) {
    const v1::Grant suspended = *FollowTrm(InState(state), trm, kNow);
    EXPECT_EQ(suspended.state(), v1::Grant::SUSPENDED);
    EXPECT_EQ(suspended.suspended_for(), v1::Grant::Suspension::TRM_PROHIBITED);
    EXPECT_EQ(FromProto(suspended.export_until()), kNow + absl::Hours(480));
    EXPECT_EQ(Resume(suspended, By("soc2")).status().code(), absl::StatusCode::kFailedPrecondition);
    const v1::Grant resumed = *FollowTrm(suspended, lifted, kNow);
    EXPECT_EQ(resumed.state(), v1::Grant::ACTIVE);
    EXPECT_FALSE(resumed.has_export_until());
  }
  // What an operator suspended becomes the TRM office's, so that chats can be exported, and the
  // operator's again afterwards: lifting the one never lifts the other.
  const v1::Grant looked_into = *Suspend(InState(v1::Grant::ACTIVE), By("soc2"));
  const v1::Grant both = *FollowTrm(looked_into, trm, kNow);
  EXPECT_EQ(both.suspended_by_upn(), "soc2@agency.test");
  const v1::Grant back = *FollowTrm(both, lifted, kNow);
  EXPECT_EQ(back.state(), v1::Grant::SUSPENDED);
  EXPECT_EQ(back.suspended_for(), v1::Grant::Suspension::INVESTIGATION);
  EXPECT_FALSE(back.has_export_until());
  EXPECT_EQ(Resume(back, By("soc2"))->state(), v1::Grant::ACTIVE);
  EXPECT_FALSE(FollowTrm(looked_into, lifted, kNow).has_value());
  EXPECT_EQ(FollowTrm(looked_into, trm, kNow)->suspended_for(),
            v1::Grant::Suspension::TRM_PROHIBITED);
  for (const auto state : {v1::Grant::UNSANCTIONED, v1::Grant::REVOKING, v1::Grant::REVOKED}) {
    EXPECT_FALSE(FollowTrm(InState(state), trm, kNow).has_value());
  }
}

}  // namespace
}  // namespace muster
