// From a ticket to a live entitlement and back, over the real store and directory.
#include <gtest/gtest.h>

#include "tests/controller/flow/world.h"
#include "tests/support/test_device.h"

namespace muster {
namespace {

class LifecycleTest : public World {
 protected:
  LifecycleTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
  }

  TestDevice Enrol(const std::string& owner) {
    TestDevice device;
    device.id = EnrolDevice(device.key, owner).device.device_id();
    return device;
  }

  // The device reports, signed, that it runs what is published now.
  void ReportInForce(TestDevice& device) {
    v1::Report report;
    const auto snapshot = store_->Read();
    for (const auto found =
             DocumentsFor(*snapshot, LoadDevice(*snapshot, device.id)->value, clock_.Now());
         const DocumentPtr& doc : *found) {
      auto* d = report.mutable_policy()->add_documents();
      d->set_name(doc->name);
      d->set_version(doc->version);
      d->set_sha256(doc->sha256);
    }
    AddCanary(report);
    const auto outcome = IngestReport(*services_, device.id, device.Sign(report), {});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    Settle();
  }

  v1::Verdict::Kind Verdict(const std::string& person, const std::string& device) {
    return Explain(*services_, *hub_, person + "@agency.test", device, "whatsapp")->verdict();
  }
};

using Lines = std::vector<std::string>;

TEST_F(LifecycleTest, ApprovedUntilRevoked) {
  TestDevice laptop = Enrol("alice");
  const std::string id = SubmitFor("alice")->request_id();
  EXPECT_EQ(id, "REQ-000001");
  EXPECT_EQ(Verdict("alice", laptop.id), v1::Verdict::BLOCK);
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  EXPECT_EQ(RequestNow(id).state(), v1::Request::PROVISIONING);
  Settle();
  EXPECT_NE(DirectoryText().find("member: uid=alice,dc=agency,dc=test"), std::string::npos);
  EXPECT_EQ(RequestNow(id).state(), v1::Request::VERIFYING);
  EXPECT_EQ(Entitlements(laptop.id), Lines({"GR-000001 whatsapp"}));
  EXPECT_EQ(Verdict("alice", laptop.id), v1::Verdict::ALLOW);
  EXPECT_EQ(Verdict("bob", laptop.id), v1::Verdict::BLOCK);
  ReportInForce(laptop);
  EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE);

  ASSERT_TRUE(Revoke("GR-000001", "left the project").ok());
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::REVOKING);
  EXPECT_EQ(Verdict("alice", laptop.id), v1::Verdict::BLOCK);
  Settle();
  EXPECT_EQ(DirectoryText().find("member: uid=alice"), std::string::npos);
  EXPECT_EQ(Entitlements(laptop.id), Lines());
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::REVOKING);  // The device has not said so.
  ReportInForce(laptop);
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::REVOKED);
  // And a new request starts over.
  EXPECT_EQ(SubmitFor("alice")->request_id(), "REQ-000002");
}

TEST_F(LifecycleTest, APersonWithoutADeviceDoesNotBlockIt) {
  const std::string id = SubmitFor("alice")->request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE);
  EXPECT_EQ(RequestNow(id).detail(), "the person has no enrolled device yet");
}

TEST_F(LifecycleTest, RevocationReachesDevicesWhileTheDirectoryIsDown) {
  TestDevice laptop = Enrol("alice");
  ASSERT_TRUE(ApproveBy("soc", SubmitFor("alice")->request_id()).ok());
  Settle();
  ASSERT_EQ(Entitlements(laptop.id), Lines({"GR-000001 whatsapp"}));
  directory_->error = absl::UnavailableError("the directory is down");
  ASSERT_TRUE(Revoke("GR-000001", "now").ok());
  Settle();
  EXPECT_EQ(Entitlements(laptop.id), Lines());
  EXPECT_EQ(GrantNow("GR-000001").detail(),
            "blocked on devices; still in the group: the directory is down");
  directory_->error = absl::OkStatus();
  Settle();
  ReportInForce(laptop);
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::REVOKED);
}

TEST_F(LifecycleTest, ProvisioningWaitsForTheDirectoryAndFailsOnARefusal) {
  directory_->error = absl::UnavailableError("no answer");
  const std::string waiting = SubmitFor("alice")->request_id();
  ASSERT_TRUE(ApproveBy("soc", waiting).ok());
  Settle();
  EXPECT_EQ(RequestNow(waiting).state(), v1::Request::PROVISIONING);
  EXPECT_EQ(RequestNow(waiting).detail(), "the directory does not answer; trying again: no answer");
  directory_->error = absl::PermissionDeniedError("no right");
  Settle();
  EXPECT_EQ(RequestNow(waiting).state(), v1::Request::PROVISION_FAILED);
  EXPECT_EQ(RequestNow(waiting).detail(), "the directory refused: no right");
  directory_->error = absl::OkStatus();
  EXPECT_TRUE(SubmitFor("alice").ok());  // It is open for a new try.
}

TEST_F(LifecycleTest, WithoutWriteBackTheSyncMovesItOn) {
  settings_.write_back = false;
  const std::string id = SubmitFor("alice")->request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  EXPECT_EQ(RequestNow(id).state(), v1::Request::PROVISIONING);
  WriteDirectory({"alice"});  // The AirWatch team.
  ASSERT_TRUE(Sync().ok());
  Settle();
  EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE);
  ASSERT_TRUE(Revoke("GR-000001", "now").ok());
  Settle();
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::REVOKING);
  WriteDirectory({});
  ASSERT_TRUE(Sync().ok());
  Settle();
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::REVOKED);
}

TEST_F(LifecycleTest, RefusalsChangeNothing) {
  const std::string id = SubmitFor("alice")->request_id();
  const uint64_t before = AuditCount();
  const auto code = [](const absl::Status& s) { return s.code(); };
  EXPECT_EQ(code(ApproveBy("desk", id)), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(ApproveBy("alice", id)), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(ApproveBy("soc", "REQ-000009")), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(SubmitFor("alice").status()), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(code(SubmitFor("nobody").status()), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(SubmitFor("bob", "nothing").status()), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(SubmitFor("bob", "slack").status()), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(Revoke("GR-000009", "r").status()), absl::StatusCode::kNotFound);
  EXPECT_EQ(AuditCount(), before);
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  EXPECT_EQ(code(ApproveBy("soc", id)), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(ApproveBy("second", id)), absl::StatusCode::kFailedPrecondition);
}

TEST_F(LifecycleTest, AProhibitedAppIsDeniedAtOnceAndStored) {
  const v1::Request denied = *SubmitFor("alice", "signal");
  EXPECT_EQ(denied.state(), v1::Request::DENIED);
  EXPECT_EQ(denied.reason_code(), "TRM_PROHIBITED");
  EXPECT_EQ(RequestNow(denied.request_id()).state(), v1::Request::DENIED);
}

TEST_F(LifecycleTest, DryRunsWriteNothing) {
  const std::string id = SubmitFor("alice")->request_id();
  const int before = store_->commits();
  EXPECT_TRUE(DecideRequest(*services_, Who("soc"),
                            {.decision = Decision::kApprove, .request_id = id, .reason = "r"}, true)
                  .ok());
  EXPECT_TRUE(
      SetTrm(*services_, Who("soc"), {"whatsapp", v1::Trm::PROHIBITED, "T", "r"}, true).ok());
  EXPECT_TRUE(CreateToken(*services_, Who("soc"),
                          {.platform = v1::Platform::LINUX,
                           .owner_upn = "bob@agency.test",
                           .group = "",
                           .ttl = absl::Hours(1)},
                          true)
                  .ok());
  EXPECT_TRUE(reconciler_->SyncNow(Who("soc"), true).ok());
  EXPECT_EQ(store_->commits(), before);
}

TEST_F(LifecycleTest, TrainingGatesTheGrant) {
  const auto submit = [&](const std::string& training) {
    return Submit(*services_, Who("desk"),
                  {.person_upn = "alice@agency.test",
                   .app_id = "whatsapp",
                   .ticket = "INC1",
                   .justification = "j",
                   .device_id = "",
                   .training_acknowledged = training,
                   .term = absl::Hours(24)},
                  false);
  };
  TestDevice laptop = Enrol("alice");
  const std::string id = submit("")->request.request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  EXPECT_EQ(Entitlements(laptop.id), Lines());
  EXPECT_EQ(RequestNow(id).state(), v1::Request::VERIFYING);
  const auto again = submit("2026-1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->request.request_id(), id);
  Settle();
  EXPECT_EQ(Entitlements(laptop.id), Lines({"GR-000001 whatsapp"}));
}

TEST_F(LifecycleTest, ProhibitingSuspendsAndPermittingAgainResumes) {
  TestDevice laptop = Enrol("alice");
  ASSERT_TRUE(ApproveBy("soc", SubmitFor("alice")->request_id()).ok());
  Settle();
  const auto set = [&](v1::Trm::Status status) {
    const auto outcome = SetTrm(*services_, Who("soc"), {"whatsapp", status, "T-2", "r"}, false);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->touched.persons, 1u);
    EXPECT_EQ(outcome->touched.devices, 1u);
    Settle();
  };
  set(v1::Trm::PROHIBITED);
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::SUSPENDED);
  EXPECT_EQ(Entitlements(laptop.id), Lines({"GR-000001 whatsapp suspended"}));
  EXPECT_EQ(Verdict("alice", laptop.id), v1::Verdict::ALLOW_EXPORT_ONLY);
  clock_.Advance(limits::kExportDeadline);
  EXPECT_EQ(Verdict("alice", laptop.id), v1::Verdict::BLOCK);
  set(v1::Trm::RESTRICTED);
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::ACTIVE);
}

TEST_F(LifecycleTest, TheTermEnds) {
  TestDevice laptop = Enrol("alice");
  ASSERT_TRUE(ApproveBy("soc", SubmitFor("alice")->request_id()).ok());
  Settle();
  EXPECT_EQ(Verdict("alice", laptop.id), v1::Verdict::ALLOW);
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(Verdict("alice", laptop.id), v1::Verdict::BLOCK);
}

// A crash before any one commit, then a restart of the loops: the end is always the same and
// nothing happens twice.
TEST_F(LifecycleTest, ACrashBetweenAnyTwoStepsHeals) {
  for (int fail_at = 1; fail_at <= 6; ++fail_at) {
    const std::string who = absl::StrCat("u", fail_at);
    const auto submitted = SubmitFor(who);
    ASSERT_TRUE(submitted.ok()) << submitted.status();
    const std::string id = submitted->request_id();
    store_->FailIn(fail_at);
    if (!ApproveBy("soc", id).ok()) {
      EXPECT_EQ(RequestNow(id).state(), v1::Request::AWAITING_APPROVAL);
      ASSERT_TRUE(ApproveBy("soc", id).ok());
    }
    Settle();
    store_->FailIn(0);
    Settle();
    EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE) << fail_at;
    const std::string grant = RequestNow(id).grant_id();
    store_->FailIn(fail_at);
    if (!Revoke(grant, "r").ok()) {
      EXPECT_EQ(GrantNow(grant).state(), v1::Grant::ACTIVE);
      ASSERT_TRUE(Revoke(grant, "r").ok());
    }
    Settle();
    store_->FailIn(0);
    Settle();
    EXPECT_EQ(GrantNow(grant).state(), v1::Grant::REVOKED) << fail_at;
    EXPECT_EQ(DirectoryText().find("member: uid=" + who + ","), std::string::npos) << fail_at;
  }
}

TEST_F(LifecycleTest, TheTransactionTiesRequestToDevice) {
  TestDevice laptop = Enrol("alice");
  const v1::Request request = *SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request.request_id()).ok());
  Settle();
  ReportInForce(laptop);
  Lines verbs;
  for (const auto found = store_->Read()->Scan("audit/", "", 1'000);
       const Record& record : *found) {
    v1::AuditRecord stored;
    v1::AuditEntry entry;
    ASSERT_TRUE(stored.ParseFromString(record.bytes) && entry.ParseFromString(stored.entry()));
    if (entry.transaction_id() == request.transaction_id()) verbs.push_back(entry.verb());
  }
  EXPECT_EQ(verbs, Lines({"request.submit", "request.approve", "member.add", "grant.activate",
                          "request.member-seen", "document.publish", "request.active"}));
}

}  // namespace
}  // namespace muster
