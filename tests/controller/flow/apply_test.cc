// Policy files: what an apply deletes, what was changed elsewhere, and who gains or loses.
#include "controller/flow/apply.h"

#include <gtest/gtest.h>

#include "controller/flow/simulate.h"
#include "controller/flow/training.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;

class ApplyTest : public World {
 protected:
  ApplyTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
    const std::string id = SubmitFor("alice")->request_id();
    EXPECT_TRUE(ApproveBy("soc", id).ok());
    Settle();
  }

  // Apps as named, with the TRM status of WhatsApp, and all of them blocklisted.
  static LoadedPolicies Files(const Lines& apps, v1::Trm::Status whatsapp = v1::Trm::RESTRICTED) {
    LoadedPolicies out;
    out.trm.emplace();
    out.blocklist.emplace();
    for (const std::string& id : apps) {
      Located<v1::App> app;
      app.value.set_id(id);
      app.value.set_name(id);
      auto* identity = app.value.add_identities();
      identity->set_platform(v1::Platform::LINUX);
      identity->set_origin(v1::Origin::DPKG);
      identity->set_package_id(id);
      out.apps.push_back(app);
      out.blocklist->push_back({id, "blocklist.yaml", 2, 5});
      if (id != "whatsapp") continue;
      Located<v1::Trm> trm;
      trm.value.set_app_id(id);
      trm.value.set_status(whatsapp);
      trm.value.set_decision_id("TRM-1");
      trm.value.set_author("cto");
      out.trm->push_back(trm);
    }
    return out;
  }
  ApplyOutcome Apply(const LoadedPolicies& loaded, const ApplyOptions& options) {
    const auto out = ApplyPolicies(*services_, Who("soc"), loaded, options);
    EXPECT_TRUE(out.ok()) << out.status();
    return *out;
  }
  static Lines Deleted(const ApplyOutcome& outcome) {
    Lines out;
    for (const v1::Deletion& d : outcome.deletions) {
      out.push_back(absl::StrCat(d.what(), " ", d.devices(), " ", d.persons()));
    }
    return out;
  }
};

// Linux only monitors until `until`.
LoadedPolicies Monitoring(absl::Time until) {
  LoadedPolicies out;
  Located<v1::CohortPolicy> entry{{}, "cohorts.yaml", 3, 20};
  entry.value.set_platform(v1::Platform::LINUX);
  *entry.value.mutable_monitor_until() = ToProto(until);
  entry.value.set_monitor_reason("pilot");
  out.cohorts = {{entry}};
  return out;
}

TEST_F(ApplyTest, ACohortMonitorsAsTheSignedPolicySays) {
  const auto published = [&] {
    const auto stored = Load<v1::SignedDoc>(*store_->Read(), DocumentKey("cohort/linux"), "none");
    v1::CohortPolicy policy;
    EXPECT_TRUE(policy.ParseFromString(stored->value.payload()));
    return policy;
  };
  const v1::CohortPolicy before = published();
  const absl::Time until = clock_.Now() + absl::Hours(24);
  const LoadedPolicies files = Monitoring(until);
  const std::string line = absl::StrCat("cohort linux: monitors until ", TimeText(until));
  const ApplyOutcome dry = Apply(files, {.prune = false, .dry_run = true, .commit = ""});
  EXPECT_EQ(dry.touched.changes, Lines{line});
  ASSERT_EQ(dry.issues.size(), 1u);
  v1::SimulatePoliciesResponse simulated;
  EXPECT_EQ(*SimulatePolicies(*services_, files, false, simulated), dry.issues);
  Settle();
  EXPECT_EQ(published().header().version(), before.header().version());

  EXPECT_EQ(Apply(files, {}).touched.changes, Lines{line});
  Settle();
  EXPECT_EQ(published().header().version(), before.header().version() + 1);
  EXPECT_EQ(FromProto(published().monitor_until()), until);
  EXPECT_EQ(published().monitor_reason(), "pilot");
  EXPECT_EQ(Audited("cohort.add").size(), 1u);
  EXPECT_EQ(Apply(files, {}).touched.changes, Lines());

  clock_.Set(until + absl::Seconds(1));
  LoadCatalogue();
  Settle();
  EXPECT_EQ(FromProto(published().monitor_until()), until) << "over, and still what was said";
  EXPECT_EQ(HasErrors(Apply(Monitoring(until - absl::Hours(1)), {}).issues), true);
  LoadedPolicies none;
  none.cohorts.emplace();
  EXPECT_EQ(Apply(none, {}).touched.changes, Lines{"cohort linux: monitors no longer"});
  Settle();
  EXPECT_FALSE(published().has_monitor_until());
  EXPECT_EQ(Audited("cohort.remove").size(), 1u);
}

TEST_F(ApplyTest, EveryDeletionIsListedAndNeedsPrune) {
  const LoadedPolicies files = Files({"whatsapp"});
  const int commits = store_->commits();
  EXPECT_EQ(Deleted(Apply(files, {.prune = false, .dry_run = true, .commit = ""})),
            Lines{"blocklist signal 0 0"});  // the list is replaced whole
  EXPECT_EQ(Deleted(Apply(files, {.prune = true, .dry_run = true, .commit = ""})),
            (Lines{"app signal 0 0", "app slack 0 0", "trm signal 0 0", "blocklist signal 0 0"}));
  LoadedPolicies without = Files({"signal", "slack"});
  without.trm->push_back({Files({"whatsapp"}).trm->at(0)});
  without.trm->at(0).value.set_app_id("slack");
  EXPECT_EQ(
      Deleted(Apply(without, {true, true, ""})),
      (Lines{"app whatsapp 0 1", "trm signal 0 0", "trm whatsapp 0 1", "blocklist whatsapp 0 1"}));
  EXPECT_EQ(store_->commits(), commits);
}

TEST_F(ApplyTest, WhatChangedElsewhereStandsAndIsListed) {
  const LoadedPolicies files = Files({"signal", "slack", "whatsapp"});
  EXPECT_TRUE(Apply(files, {.prune = true, .dry_run = false, .commit = "abc1"}).applied);
  EXPECT_EQ(Apply(files, {}).touched.drift, Lines());
  ASSERT_TRUE(
      SetTrm(*services_, Who("soc"), {"whatsapp", v1::Trm::PROHIBITED, "TRM-9", "leak"}, false)
          .ok());
  LoadedPolicies shorter;
  shorter.blocklist.emplace();
  shorter.blocklist->push_back({"whatsapp", "blocklist.yaml", 2, 5});
  shorter.blocklist->push_back({"signal", "blocklist.yaml", 3, 5});
  EXPECT_TRUE(Apply(shorter, {}).applied);
  const Lines drift = {
      "trm whatsapp was changed elsewhere to PROHIBITED (decision TRM-9, soc@agency.test); the "
      "files make it RESTRICTED (decision TRM-1, cto)",
      "blocklist - slack elsewhere; the files put it back"};
  EXPECT_EQ(Apply(files, {false, true, ""}).touched.drift, drift);
  EXPECT_EQ(Apply(files, {false, false, "abc2"}).touched.drift, drift);
  EXPECT_EQ(Apply(files, {false, true, ""}).touched.drift, Lines());
  const auto applied = Find<v1::AppliedPolicies>(*store_->Read(), kAppliedPoliciesKey);
  EXPECT_EQ((*applied)->value.commit(), "abc2");
  EXPECT_EQ((*applied)->value.by_upn(), "soc@agency.test");
}

TEST_F(ApplyTest, ProhibitingByFileSuspendsAndKeepsTheExportOpen) {
  const ApplyOutcome outcome =
      Apply(Files({"signal", "slack", "whatsapp"}, v1::Trm::PROHIBITED), {});
  EXPECT_EQ(outcome.touched.grants, 1u);
  const v1::Grant grant = GrantNow("GR-000001");
  EXPECT_EQ(grant.state(), v1::Grant::SUSPENDED);
  EXPECT_EQ(FromProto(grant.export_until()), clock_.Now() + limits::kExportDeadline);
  // Its entry taken out of the files: UNLISTED, and what was suspended resumes.
  LoadedPolicies without = Files({"signal", "slack", "whatsapp"});
  without.trm->at(0).value.set_app_id("signal");
  Apply(without, {.prune = true, .dry_run = false, .commit = ""});
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::ACTIVE);
}

TEST_F(ApplyTest, TheHistoryKeepsEveryDecision) {
  ASSERT_TRUE(
      SetTrm(*services_, Who("soc"), {"whatsapp", v1::Trm::PROHIBITED, "TRM-9", "x"}, false).ok());
  clock_.Advance(absl::Hours(1));
  Apply(Files({"signal", "slack", "whatsapp"}), {});
  Lines found;
  for (const auto records = store_->Read()->Scan("trm_history/whatsapp/", "", 10);
       const Record& r : *records) {
    const v1::Trm trm = Parse<v1::Trm>(r)->value;
    found.push_back(v1::Trm::Status_Name(trm.status()) + " " + trm.decision_id());
  }
  EXPECT_EQ(found, (Lines{"RESTRICTED TRM-1", "PROHIBITED TRM-9", "RESTRICTED TRM-1"}));
}

TEST_F(ApplyTest, SimulateSaysWhoGainsAndWhoLoses) {
  const auto simulate = [&](const LoadedPolicies& files) {
    v1::SimulatePoliciesResponse out;
    EXPECT_TRUE(SimulatePolicies(*services_, files, true, out).ok());
    Lines lines;
    for (const auto& i : out.items()) {
      lines.push_back(absl::StrCat(i.app_id(), " ", i.person_upn(), " ", i.change(), " ",
                                   i.before(), " -> ", i.after(), " ", i.reason()));
    }
    return lines;
  };
  const int commits = store_->commits();
  LoadedPolicies open = Files({"signal", "slack", "whatsapp"}, v1::Trm::PERMITTED);
  open.blocklist->pop_back();  // whatsapp
  EXPECT_EQ(simulate(Files({"signal", "whatsapp"}, v1::Trm::PROHIBITED)),
            (Lines{"whatsapp alice@agency.test loses ALLOW -> ALLOW_EXPORT_ONLY "
                   "TRM_PROHIBITED_EXPORT"}));
  EXPECT_EQ(simulate(open), (Lines{"slack  loses REPORT -> BLOCK BLOCKLISTED",
                                   "whatsapp  gains BLOCK -> ALLOW TRM_PERMITTED"}));
  EXPECT_EQ(store_->commits(), commits);
}

TEST_F(ApplyTest, ATrainingTextKeepsItsWords) {
  LoadedPolicies files;
  files.training.emplace();
  files.training->set_version("2026-2");
  files.training->set_text("Save your chats.");
  files.training->set_sha256(Sha256Hex("Save your chats."));
  EXPECT_TRUE(Apply(files, {}).applied);
  EXPECT_EQ(LoadGuidance(*store_->Read())->training().version(), "2026-2");
  files.training->set_text("Save all your chats.");
  files.training->set_sha256(Sha256Hex("Save all your chats."));
  EXPECT_EQ(ApplyPolicies(*services_, Who("soc"), files, {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const auto training = TrainingFor(*services_, *store_->Read(), Who("desk"), "2026-2");
  EXPECT_EQ((*training)->text_sha256(), Sha256Hex("Save your chats."));
  EXPECT_EQ((*training)->recorded_by_upn(), "desk@agency.test");
  EXPECT_EQ((*TrainingFor(*services_, *store_->Read(), Who("desk"), "other"))->text_sha256(), "");
}

}  // namespace
}  // namespace muster
