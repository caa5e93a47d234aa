// What a phone's reports prove, and what they mean for requests and for records.
#include "controller/flow/phone_reports.h"

#include <gtest/gtest.h>

#include "common/archive_limits.h"
#include "controller/flow/obligations.h"
#include "tests/controller/flow/phone_world.h"

namespace muster {
namespace {

using Strings = std::vector<std::string>;

// The report of the documents that this phone should run.
v1::Report Runs(const std::vector<DocumentPtr>& documents) {
  v1::Report report;
  for (const DocumentPtr& doc : documents) {
    auto* named = report.mutable_policy()->add_documents();
    named->set_name(doc->name);
    named->set_version(doc->version);
    named->set_sha256(doc->sha256);
  }
  return report;
}

class PhoneProofTest : public PhoneWorld {
 protected:
  PhoneProofTest() {
    Connect();
    id_ = Phone("u-1", "alice");
  }
  void Report(v1::StatusReport::Mode mode, bool blocked) {
    v1::Report status;
    status.mutable_status()->set_mode(mode);
    if (!blocked) status.mutable_status()->add_cannot_enforce("IOS_UNSUPERVISED: not supervised");
    ASSERT_TRUE(Send(id_, status).ok());
    v1::Report policy = Runs(*DocumentsFor(*store_->Read(), DeviceNow(id_), clock_.Now()));
    AddCanary(policy, blocked ? v1::Canary::BLOCKED : v1::Canary::NOT_TRIED, "workspace-one");
    ASSERT_TRUE(Send(id_, policy).ok());
    Settle();
  }
  Strings Shown() {
    Strings out;
    for (const auto states = StatesOf(*store_->Read(), DeviceNow(id_), {}, clock_.Now());
         const v1::DocumentState& s : *states) {
      out.push_back(absl::StrCat(s.name() == AssignmentName(id_) ? "assignment" : s.name(), " ",
                                 v1::DocumentState::State_Name(s.state()), " ", s.detail()));
    }
    return out;
  }
  // The states of what alice owes now.
  Strings Owed() {
    EXPECT_TRUE(RunArchiveDeadlines(*services_).ok());
    Strings out;
    for (const auto owed = ObligationsOf(*store_->Read(), IdOf(kAlice));
         const v1::Obligation& o : *owed) {
      out.push_back(v1::Obligation::State_Name(o.state()));
    }
    return out;
  }
  std::string id_;
};

TEST_F(PhoneProofTest, AnEnforcedPhoneVerifiesAndCarriesARequestOn) {
  const auto request = SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  Settle();
  EXPECT_EQ(RequestNow(request->request_id()).state(), v1::Request::VERIFYING);
  Report(v1::StatusReport::ENFORCING, true);
  EXPECT_EQ(Shown(), Strings({"root VERIFIED ", "assignment VERIFIED ", "cohort/ios VERIFIED "}));
  EXPECT_EQ(RequestNow(request->request_id()).state(), v1::Request::ACTIVE);
}

TEST_F(PhoneProofTest, APhoneThatCannotBeEnforcedNeverHoldsARequestUp) {
  const auto request = SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  Settle();
  Report(v1::StatusReport::REPORT_ONLY, false);
  const std::string why = "this phone cannot block: IOS_UNSUPERVISED: not supervised";
  EXPECT_EQ(Shown(), Strings({"root APPLIED " + why, "assignment APPLIED " + why,
                              "cohort/ios APPLIED " + why}));
  const v1::Request now = RequestNow(request->request_id());
  EXPECT_EQ(now.state(), v1::Request::ACTIVE);
  EXPECT_EQ(now.detail(), absl::StrCat("not verified on device ", id_, ": ", why));
}

// Another app of the same person is no reason to keep them waiting; a revocation does wait.
TEST_F(PhoneProofTest, AnotherAppThatIsThereHoldsNoApprovalUp) {
  const auto request = SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  Settle();
  const auto report = [&](v1::Canary::Result result) {
    v1::Report status;
    status.mutable_status()->set_mode(v1::StatusReport::ENFORCING);
    ASSERT_TRUE(Send(id_, status).ok());
    v1::Report policy = Runs(*DocumentsFor(*store_->Read(), DeviceNow(id_), clock_.Now()));
    AddCanary(policy, result, "app removal");
    ASSERT_TRUE(Send(id_, policy).ok());
    Settle();
  };
  report(v1::Canary::RAN);
  const v1::Request now = RequestNow(request->request_id());
  EXPECT_EQ(now.state(), v1::Request::ACTIVE);
  EXPECT_EQ(now.detail(),
            absl::StrCat("not verified on device ", id_, ": the probe ran on app removal"));
  ASSERT_TRUE(Revoke(now.grant_id(), "left").ok());
  Settle();
  report(v1::Canary::RAN);
  EXPECT_EQ(GrantNow(now.grant_id()).state(), v1::Grant::REVOKING);
  report(v1::Canary::BLOCKED);
  EXPECT_EQ(GrantNow(now.grant_id()).state(), v1::Grant::REVOKED);
}

TEST_F(PhoneProofTest, ExplainSaysWhetherThisPhoneCanEnforceIt) {
  const auto link = [&] {
    const auto said = Explain(*services_, *hub_, "alice@agency.test", id_, "whatsapp");
    EXPECT_EQ(said->reason(), "NO_GRANT");
    const auto& last = said->chain(said->chain_size() - 1);
    return absl::StrCat(last.condition(), ": ", last.holds() ? "yes, " : "no, ", last.detail());
  };
  EXPECT_EQ(link(),
            "this phone can enforce it: no, UNKNOWN: its bridge has not reported on it yet");
  const std::pair<v1::PhoneApp::State, const char*> kCases[] = {
      {v1::PhoneApp::NOT_ENFORCEABLE,
       "this phone can enforce it: no, NOT_ENFORCEABLE: IOS_UNSUPERVISED: so"},
      {v1::PhoneApp::UNKNOWN, "this phone can enforce it: no, UNKNOWN: IOS_UNSUPERVISED: so"},
      {v1::PhoneApp::COMPLIANT, "this phone can enforce it: yes, COMPLIANT: IOS_UNSUPERVISED: so"},
  };
  for (const auto& [state, want] : kCases) {
    ASSERT_TRUE(Send(id_, StateOf("whatsapp", state, "IOS_UNSUPERVISED: so")).ok());
    EXPECT_EQ(link(), want);
  }
}

// A report that does not name an app shows nothing of it; that is well only where nothing is to be
// enforced.
TEST_F(PhoneProofTest, ExplainSaysWhetherThePhonesReportNamesTheApp) {
  const auto link = [&](const std::string& app) {
    const auto said = Explain(*services_, *hub_, "alice@agency.test", id_, app);
    const auto& last = said->chain(said->chain_size() - 1);
    return absl::StrCat(v1::Verdict::Kind_Name(said->verdict()),
                        last.holds() ? ": yes, " : ": no, ", last.detail());
  };
  ASSERT_TRUE(Send(id_, StateOf("signal", v1::PhoneApp::COMPLIANT)).ok());
  EXPECT_EQ(link("whatsapp"),
            "BLOCK: no, UNKNOWN: the phone's last report does not name this app; its bridge "
            "reports again when it has this policy");
  const auto request = SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  Settle();
  EXPECT_EQ(link("whatsapp"), "ALLOW: yes, there is nothing to enforce, as last reported");
  ASSERT_TRUE(Revoke(RequestNow(request->request_id()).grant_id(), "left").ok());
  LoadCatalogue();  // it knows the apps on a laptop alone
  EXPECT_EQ(link("whatsapp"), "BLOCK: yes, there is nothing to enforce, as last reported");
}

// Unenrolled, with a grant and nothing exported: what was on it may be lost.
TEST_F(PhoneProofTest, WhatWasOnAPhoneThatIsUnenrolledIsLookedInto) {
  const auto request = SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  Settle();
  Report(v1::StatusReport::ENFORCING, true);
  ASSERT_EQ(RequestNow(request->request_id()).state(), v1::Request::ACTIVE);
  v1::Report installed;
  installed.mutable_inventory()->set_full(true);
  installed.mutable_inventory()->add_installed()->set_app_id("whatsapp");
  ASSERT_TRUE(Send(id_, installed).ok());
  clock_.Advance(absl::Hours(24));
  ASSERT_TRUE(Send(id_, StateOf("whatsapp", v1::PhoneApp::COMPLIANT)).ok());
  EXPECT_EQ(Owed(), Strings({"ACCRUING"}));
  v1::Report gone = StateOf("whatsapp", v1::PhoneApp::UNKNOWN);
  gone.mutable_phone()->mutable_facts()->set_enrolment(v1::PhoneFacts::UNENROLLED);
  ASSERT_TRUE(Send(id_, gone).ok());
  EXPECT_EQ(Owed(), Strings({"LOSS_SUSPECTED"}));
  const auto incident = Find<v1::Incident>(*store_->Read(), DeviceGoneKey(id_));
  ASSERT_TRUE(incident->has_value());
  EXPECT_EQ((*incident)->value.cause(), v1::Incident::WIPED);
  // Retired afterwards, it was still gone since then.
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(RetireDevice(*services_, Who("soc"), id_, "lost", false).ok());
  EXPECT_EQ(Find<v1::Incident>(*store_->Read(), DeviceGoneKey(id_)).value()->value.cause(),
            v1::Incident::WIPED);
}

// The bridge is heard of, the phone is not: then nobody knows what it owes.
TEST_F(PhoneProofTest, APhoneThatTheUemHasNotHeardOfIsSilent) {
  const auto request = SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  Settle();
  Report(v1::StatusReport::ENFORCING, true);
  const absl::Time seen = clock_.Now();
  clock_.Advance(limits::kDefaultSilentAfter + absl::Hours(1));
  v1::Report report = StateOf("whatsapp", v1::PhoneApp::UNKNOWN);
  *report.mutable_phone()->mutable_facts()->mutable_last_seen_at() = ToProto(seen);
  ASSERT_TRUE(Send(id_, report).ok());
  EXPECT_EQ(Owed(), Strings({"UNKNOWN"}));
  *report.mutable_phone()->mutable_facts()->mutable_last_seen_at() = ToProto(clock_.Now());
  ASSERT_TRUE(Send(id_, report).ok());
  EXPECT_NE(Owed(), Strings({"UNKNOWN"}));
}

}  // namespace
}  // namespace muster
