// `verified` is a signed report with probes that were blocked: who has it, who loses it, and what
// waits for it.
#include <gtest/gtest.h>

#include "tests/controller/flow/world.h"
#include "tests/support/test_device.h"

namespace muster {
namespace {

using Result = v1::Canary::Result;
using Mode = v1::StatusReport;
using Lines = std::vector<std::string>;

class ProvenTest : public World {
 protected:
  ProvenTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
    laptop_.id = EnrolDevice(laptop_.key, "alice").device.device_id();
  }

  void Ingest(const v1::Report& report) {
    const auto outcome = IngestReport(*services_, laptop_.id, laptop_.Sign(report), {});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    Settle();
  }
  void Say(Mode::Mode mode) {
    v1::Report report;
    report.mutable_status()->set_mode(mode);
    Ingest(report);
  }
  // The documents that it should run, and a probe on / and on /home.
  void Report(const std::vector<Result>& results) {
    v1::Report report;
    const auto snapshot = store_->Read();
    for (const auto found =
             DocumentsFor(*snapshot, LoadDevice(*snapshot, laptop_.id)->value, clock_.Now());
         const DocumentPtr& doc : *found) {
      auto* d = report.mutable_policy()->add_documents();
      d->set_name(doc->name);
      d->set_sha256(doc->sha256);
    }
    const char* places[] = {"/", "/home"};
    for (size_t i = 0; i < results.size(); ++i) AddCanary(report, results[i], places[i]);
    Ingest(report);
  }
  // "name STATE CODE detail", as `device show` has them.
  Lines Shown() {
    Lines out;
    const auto snapshot = store_->Read();
    for (const auto states = StatesOf(*snapshot, DeviceNow(), {}, clock_.Now());
         const v1::DocumentState& s : *states) {
      out.push_back(absl::StrCat(s.name().substr(0, s.name().find('/')), " ",
                                 v1::DocumentState::State_Name(s.state()), " ", s.code(),
                                 s.code().empty() ? "" : ": ", s.detail()));
    }
    return out;
  }
  static Lines All(const std::string& text) {
    return {"root " + text, "assignment " + text, "cohort " + text};
  }
  v1::Device DeviceNow() { return LoadDevice(*store_->Read(), laptop_.id)->value; }
  Lines Alarmed() {
    Lines out;
    for (const v1::AuditEntry& entry : Audited("device.alarm")) out.push_back(entry.reason());
    return out;
  }

  TestDevice laptop_;
};

TEST_F(ProvenTest, OnlyABlockedProbeVerifies) {
  Say(Mode::ENFORCING);
  EXPECT_EQ(Shown(), All("QUEUED "));
  Report({});
  EXPECT_EQ(Shown(), All("APPLIED NOT_PROVEN: the report brings no probe; is the agent older than "
                         "this controller?"));
  Report({v1::Canary::NOT_TRIED});
  EXPECT_EQ(Shown(), All("APPLIED NOT_PROVEN: no probe was blocked: no probe was tried on /"));
  Report({v1::Canary::BLOCKED, v1::Canary::NOT_TRIED});
  EXPECT_EQ(Shown(), All("VERIFIED no probe was tried on /home"));
  Report({v1::Canary::BLOCKED, v1::Canary::BLOCKED});
  EXPECT_EQ(Shown(), All("VERIFIED "));
  EXPECT_EQ(Alarmed(), Lines());
}

TEST_F(ProvenTest, AProbeThatRunsTakesItBackOnceWithAnAlarm) {
  Say(Mode::ENFORCING);
  Report({v1::Canary::BLOCKED, v1::Canary::BLOCKED});
  const absl::Time verified_at = clock_.Now();
  clock_.Advance(absl::Hours(1));
  const uint64_t writes = AuditCount();
  Report({v1::Canary::BLOCKED, v1::Canary::BLOCKED});
  EXPECT_EQ(AuditCount(), writes) << "the same again is nothing to tell";
  EXPECT_EQ(FromProto(StatesOf(*store_->Read(), DeviceNow(), {}, clock_.Now())->at(0).at()),
            verified_at);
  clock_.Advance(absl::Hours(1));
  Report({v1::Canary::BLOCKED, v1::Canary::RAN});
  EXPECT_EQ(Shown(), All("APPLIED NOT_ENFORCED: the probe ran on /home"));
  EXPECT_EQ(Alarmed(), Lines({"NOT_ENFORCED: the probe ran on /home"}));
  ASSERT_EQ(DeviceNow().alarms_size(), 1) << "`device list --alarmed` finds it";
  Report({v1::Canary::RAN, v1::Canary::RAN});
  EXPECT_EQ(Shown(), All("APPLIED NOT_ENFORCED: the probe ran on /, /home"));
  LoadCatalogue(v1::Trm::PROHIBITED);
  Settle();
  Report({v1::Canary::RAN, v1::Canary::RAN});
  EXPECT_EQ(Alarmed().size(), 1u) << "it still fails: told already";
  Report({v1::Canary::BLOCKED, v1::Canary::BLOCKED});
  EXPECT_EQ(Shown(), All("VERIFIED "));
  Report({v1::Canary::BLOCKED, v1::Canary::RAN});
  EXPECT_EQ(Alarmed().size(), 2u);
}

TEST_F(ProvenTest, WhoBlocksNothingVerifiesNothing) {
  Say(Mode::ENFORCING);
  Report({v1::Canary::BLOCKED});
  Say(Mode::DISARMED);
  const std::string disarmed =
      "APPLIED DISARMED: this device is disarmed: it blocks nothing until it is armed again";
  EXPECT_EQ(Shown(), All(disarmed)) << "before its next PolicyReport";
  Report({});
  EXPECT_EQ(Shown(), All(disarmed));
  Say(Mode::ENFORCING);
  EXPECT_EQ(Shown(), All(disarmed)) << "armed again is not proven again";
  Report({v1::Canary::BLOCKED});
  EXPECT_EQ(Shown(), All("VERIFIED "));
  Say(Mode::MONITORING);
  Report({v1::Canary::BLOCKED});
  EXPECT_EQ(Shown(), All("APPLIED MONITORING: this device only monitors: it blocks nothing"));
  EXPECT_EQ(Alarmed(), Lines()) << "the change of mode is audited already";
}

TEST_F(ProvenTest, WhatWasRefusedAndThenRunIsApplied) {
  Say(Mode::MONITORING);
  v1::Nack nack;
  nack.set_name("cohort/linux");
  nack.set_sha256((*FindDocument(*store_->Read(), DocumentKey("cohort/linux")))->sha256);
  nack.set_code("EXPIRED");
  ASSERT_TRUE(RecordNack(*services_, laptop_.id, nack).ok());
  EXPECT_EQ(Shown()[2], "cohort NACKED EXPIRED: ");
  Report({});
  EXPECT_EQ(Shown(), All("APPLIED MONITORING: this device only monitors: it blocks nothing"));
  ASSERT_TRUE(RecordNack(*services_, laptop_.id, nack).ok());
  EXPECT_EQ(Shown(), All("APPLIED MONITORING: this device only monitors: it blocks nothing"))
      << "the signed report outranks the later word";
}

TEST_F(ProvenTest, ARequestWaitsForProofAndSaysWhy) {
  Say(Mode::ENFORCING);
  const std::string id = SubmitFor("alice")->request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  Report({v1::Canary::RAN});
  EXPECT_EQ(RequestNow(id).state(), v1::Request::VERIFYING);
  EXPECT_EQ(RequestNow(id).detail(), absl::StrCat("device ", laptop_.id,
                                                  " has not proven that it blocks: the probe ran "
                                                  "on /"));
  Report({v1::Canary::BLOCKED});
  EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE);
  EXPECT_EQ(RequestNow(id).detail(), "");
}

TEST_F(ProvenTest, ADeviceThatCannotVerifyIsShownAndHoldsNothingUp) {
  for (const Mode::Mode mode : {Mode::MONITORING, Mode::REPORT_ONLY, Mode::DISARMED}) {
    Say(mode);
    const std::string id = SubmitFor("alice")->request_id();
    ASSERT_TRUE(ApproveBy("soc", id).ok());
    Settle();
    EXPECT_EQ(RequestNow(id).state(), v1::Request::VERIFYING) << "it has not even reported it";
    Report({});
    EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE);
    EXPECT_EQ(RequestNow(id).detail().find(
                  absl::StrCat("not verified on device ", laptop_.id, ": this device ")),
              0u)
        << RequestNow(id).detail();
    const std::string grant = RequestNow(id).grant_id();
    ASSERT_TRUE(Revoke(grant, "no longer needed").ok());
    Settle();
    EXPECT_EQ(GrantNow(grant).state(), v1::Grant::REVOKING);
    Report({});
    EXPECT_EQ(GrantNow(grant).state(), v1::Grant::REVOKED);
    EXPECT_NE(GrantNow(grant).detail(), "");
  }
}

TEST_F(ProvenTest, OneDeviceThatProvesIsWaitedForBesideOneThatCannot) {
  Say(Mode::MONITORING);
  TestDevice second;
  second.id = EnrolDevice(second.key, "alice").device.device_id();
  const std::string id = SubmitFor("alice")->request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  Report({});
  EXPECT_EQ(RequestNow(id).state(), v1::Request::VERIFYING);
  std::swap(laptop_, second);
  Report({v1::Canary::BLOCKED});
  EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE);
  EXPECT_EQ(RequestNow(id).detail(), "");
}

TEST_F(ProvenTest, TamperingIsToldOnceEach) {
  v1::Report report;
  report.mutable_status()->set_mode(Mode::ENFORCING);
  report.mutable_status()->add_tampering()->set_what("the mark on / was removed");
  Ingest(report);
  Ingest(report);
  EXPECT_EQ(Audited("device.tampering").size(), 1u);
  EXPECT_EQ(Alarmed(), Lines({"TAMPERING: the mark on / was removed"}));
  report.mutable_status()->add_tampering()->set_what("the agent was stopped");
  Ingest(report);
  ASSERT_EQ(Audited("device.tampering").size(), 2u);
  EXPECT_EQ(Audited("device.tampering")[1].reason(),
            "the agent was stopped (1970-01-01T00:00:00Z)");
  EXPECT_EQ(DeviceNow().alarms_size(), 2);
}

}  // namespace
}  // namespace muster
