// Nobody uses an app before they attested how to archive, and no edit of a text takes it away.
#include "controller/flow/attestations.h"

#include <gtest/gtest.h>

#include "common/crypto.h"
#include "controller/domain/archive_guidance.h"
#include "controller/flow/deadlines.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;

class AttestationsTest : public World {
 protected:
  AttestationsTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
    laptop_ = EnrolDevice(TestDevice().key, "alice").device.device_id();
  }
  absl::Status Guide(const std::string& version, const std::string& text = "Export.") {
    LoadedPolicies loaded;
    loaded.archive = ArchiveTexts{.version = version, .texts = {{"linux", text}}};
    return ApplyPolicies(*services_, Who("soc"), loaded, {}).status();
  }
  v1::Request Open(const std::string& training = "training-7") {
    const auto out = Submit(*services_, Who("desk"),
                            {.person_upn = "alice@agency.test",
                             .app_id = "whatsapp",
                             .ticket = absl::StrCat("INC", ++tickets_),
                             .justification = "liaison",
                             .training_acknowledged = training,
                             .term = absl::Hours(24 * 90)},
                            false);
    EXPECT_TRUE(out.ok()) << out.status();
    EXPECT_TRUE(ApproveBy("soc", out->request.request_id()).ok());
    Settle();
    return RequestNow(out->request.request_id());
  }
  absl::StatusOr<AttestationOutcome> Desk(const std::string& version, bool dry_run = false,
                                          const std::string& person = "alice") {
    v1::RecordAttestationRequest in;
    in.set_person_upn(person + "@agency.test");
    in.set_app_id("whatsapp");
    in.set_version(version);
    in.set_dry_run(dry_run);
    auto out = RecordAttestation(*services_, Who("desk"), in);
    Settle();
    return out;
  }
  absl::Status Agent(const std::string& version, const std::string& sha256) {
    v1::GuidanceAttestation attestation;
    attestation.set_version(version);
    attestation.set_sha256(sha256);
    *attestation.mutable_at() = ToProto(clock_.Now());
    Mutation mutation;
    const auto snapshot = store_->Read();
    const Actor device{{"", laptop_}, "certificate 2", "test"};
    MUSTER_RETURN_IF_ERROR(
        WriteAttestation(*services_, *snapshot, device, IdOf(kAlice), attestation, mutation));
    MUSTER_RETURN_IF_ERROR(store_->Commit(std::move(mutation)).status());
    work_.WakePerson(IdOf(kAlice));
    Settle();
    return absl::OkStatus();
  }
  void PublishAll() {
    work_.WakeAll();
    Settle();
  }
  std::string laptop_;
};

TEST_F(AttestationsTest, AGrantGoesLiveWithTheAttestation) {
  ASSERT_TRUE(Guide("2026-2").ok());
  const v1::Request request = Open();
  EXPECT_EQ(request.state(), v1::Request::VERIFYING);
  EXPECT_EQ(request.detail(),
            "the archive guidance is not attested; the person does so with `muster-agent archive "
            "guide`, or record it with `musterctl archive attest --person alice@agency.test --app "
            "whatsapp --version VERSION`");
  EXPECT_EQ(Entitlements(laptop_), Lines());
  const auto why = Explain(*services_, *hub_, "alice@agency.test", laptop_, "whatsapp");
  ASSERT_TRUE(why.ok());
  EXPECT_EQ(v1::Verdict::Kind_Name(why->verdict()), "BLOCK");
  bool shown = false;
  for (const auto& link : why->chain()) {
    if (link.condition() != "the archive guidance is attested") continue;
    shown = true;
    EXPECT_FALSE(link.holds());
    EXPECT_EQ(link.detail(), "no version attested");
  }
  EXPECT_TRUE(shown);
  EXPECT_EQ(why->next_step(),
            "The person has to read how to archive and attest it: `muster-agent archive guide` on "
            "their laptop, or record it with `musterctl archive attest --person alice@agency.test "
            "--app whatsapp --version VERSION`.");

  const auto dry = Desk("2026-2", true);
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->touched.changes, Lines{"alice@agency.test: archive guidance 2026-2 attested"});
  EXPECT_EQ(Entitlements(laptop_), Lines());
  ASSERT_TRUE(Desk("2026-2").ok());
  EXPECT_EQ(Entitlements(laptop_), Lines{request.grant_id() + " whatsapp"});
  const v1::Training on_file = GrantNow(request.grant_id()).archive_attestation();
  EXPECT_EQ(on_file.version(), "2026-2");
  EXPECT_EQ(on_file.text_sha256(), ArchiveTextsSha256({{"linux", "Export."}}));
  EXPECT_EQ(on_file.recorded_by_upn(), "desk@agency.test");
  EXPECT_EQ(RequestNow(request.request_id()).archive_attestation().version(), "2026-2");
  const uint64_t entries = AuditCount();
  ASSERT_TRUE(Desk("2026-2").ok());  // the same again
  EXPECT_EQ(AuditCount(), entries);
}

TEST_F(AttestationsTest, TheAgentsWordCountsForATextOnFileOnly) {
  ASSERT_TRUE(Guide("2026-2").ok());
  const v1::Request request = Open();
  ASSERT_TRUE(Agent("2026-9", "").ok());
  ASSERT_TRUE(Agent("2026-2", Sha256Hex("Another text.")).ok());
  EXPECT_EQ(Entitlements(laptop_), Lines());
  const auto refused = Audited("archive.attestation-refused");
  ASSERT_EQ(refused.size(), 2u);
  EXPECT_EQ(refused[0].reason(), "version 2026-9: not on file");
  EXPECT_EQ(refused[1].reason(), "version 2026-2: another text is on file");
  ASSERT_TRUE(Agent("2026-2", Sha256Hex("Export.")).ok());
  EXPECT_EQ(Entitlements(laptop_), Lines{request.grant_id() + " whatsapp"});
  EXPECT_EQ(Audited("archive.attested").size(), 1u);
}

// Each commit on the way may be the last before a crash.
TEST_F(AttestationsTest, ACrashLosesNothingAndADeviceMaySayItAgain) {
  ASSERT_TRUE(Guide("2026-2").ok());
  const v1::Request request = Open();
  store_->FailIn(1);
  EXPECT_FALSE(Agent("2026-2", "").ok());
  EXPECT_EQ(Entitlements(laptop_), Lines());
  ASSERT_TRUE(Agent("2026-2", "").ok());
  ASSERT_TRUE(Agent("2026-2", "").ok());
  EXPECT_EQ(Entitlements(laptop_), Lines{request.grant_id() + " whatsapp"});
  EXPECT_EQ(Audited("grant.attestation").size(), 1u);
}

TEST_F(AttestationsTest, AVersionTakesNothingAwayUntilRecertification) {
  const std::string grant = Open().grant_id();
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(Guide("2026-2").ok());
  PublishAll();
  EXPECT_EQ(Entitlements(laptop_), Lines{grant + " whatsapp"});
  clock_.Advance(absl::Hours(24 * 70));
  ASSERT_TRUE(RunDeadlines(*services_).ok());
  Settle();
  EXPECT_EQ(Entitlements(laptop_), Lines{grant + " whatsapp"});
  ASSERT_TRUE(DecideGrant(*services_, Who("second"),
                          {.verb = GrantVerb::kRecertify,
                           .grant_id = grant,
                           .reason = "still needed",
                           .term = absl::Hours(24 * 90)},
                          false)
                  .ok());
  Settle();
  EXPECT_EQ(Entitlements(laptop_), Lines());
  ASSERT_TRUE(Desk("2026-2").ok());
  EXPECT_EQ(Entitlements(laptop_), Lines{grant + " whatsapp"});
  // A newer version asks nobody again.
  ASSERT_TRUE(Guide("2026-3", "Export more.").ok());
  PublishAll();
  EXPECT_EQ(Entitlements(laptop_), Lines{grant + " whatsapp"});
}

TEST_F(AttestationsTest, TrainingOfTheSameVersionAttestsIt) {
  ASSERT_TRUE(Guide("2026-2").ok());
  const v1::Request request = Open("2026-2");
  EXPECT_EQ(Entitlements(laptop_), Lines{request.grant_id() + " whatsapp"});
  EXPECT_EQ(request.archive_attestation().text_sha256(),
            ArchiveTextsSha256({{"linux", "Export."}}));
}

TEST_F(AttestationsTest, AttestedOnceCountsForTheNextRequest) {
  ASSERT_TRUE(Guide("2026-2").ok());
  const v1::Request first = Open();
  ASSERT_TRUE(Desk("2026-2").ok());
  ASSERT_TRUE(Revoke(first.grant_id(), "over").ok());
  Run();
  const v1::Request second = Open();
  EXPECT_EQ(Entitlements(laptop_), Lines{second.grant_id() + " whatsapp"});
}

TEST_F(AttestationsTest, WithoutAVersionNobodyWaits) {
  ASSERT_TRUE(Guide("").ok());
  const v1::Request request = Open();
  EXPECT_EQ(Entitlements(laptop_), Lines{request.grant_id() + " whatsapp"});
  ASSERT_TRUE(Guide("2026-2").ok());
  ASSERT_TRUE(Guide("").ok());
  EXPECT_EQ(*AttestSince(*store_->Read()), std::nullopt);
}

TEST_F(AttestationsTest, MistakesAreToldApart) {
  ASSERT_TRUE(Guide("2026-2").ok());
  EXPECT_EQ(Guide("2026-2", "Other words.").message(),
            "guidance/archive.yaml: version 2026-2 is on file with other texts, which people may "
            "have attested; give the new texts a new version");
  EXPECT_EQ(Desk("2026-2").status().message(),
            "alice@agency.test has neither an open request nor a grant for whatsapp; file a "
            "request first: `musterctl request submit`");
  Open();
  EXPECT_EQ(Desk("").status().message(), "the version of the guidance is missing");
  EXPECT_EQ(Desk("1999").status().message(),
            "no archive guidance '1999' is on file; see `musterctl archive guidance`");
  EXPECT_EQ(Desk("2026-2", false, "nobody").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Entitlements(laptop_), Lines());
}

TEST_F(AttestationsTest, TheGuidanceIsShownWithVersionAndHash) {
  ASSERT_TRUE(Guide("2026-2").ok());
  v1::ArchiveGuidanceView view;
  ASSERT_TRUE(GetArchiveGuidance(*services_, view).ok());
  ASSERT_EQ(view.items_size(), 1);
  EXPECT_EQ(view.items(0).platform(), "linux");
  EXPECT_EQ(view.items(0).version(), "2026-2");
  EXPECT_EQ(view.items(0).sha256(), ArchiveTextsSha256({{"linux", "Export."}}));
  EXPECT_EQ(view.items(0).text(), "Export.");
}

}  // namespace
}  // namespace muster
