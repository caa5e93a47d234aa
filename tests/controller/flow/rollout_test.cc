// A changed policy's way to the fleet, the Beacon over it, and what a change costs.
#include "controller/flow/rollout.h"

#include <gtest/gtest.h>

#include "controller/flow/publish_cohort.h"
#include "tests/controller/flow/world.h"
#include "tests/support/test_device.h"

namespace muster {
namespace {

constexpr char kCohort[] = "cohort/linux";

// Takes every write at once.
class OpenStream final : public DeviceSink {
 public:
  void Write(Frame) override {}
  void Close(const absl::Status&) override {}
  void Cancel(const absl::Status&) override {}
};

class RolloutTest : public World {
 protected:
  RolloutTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
    for (int i = 0; i < 3; ++i) devices_.push_back(Enrol(i == 0 ? "alice" : "bob"));
    std::sort(devices_.begin(), devices_.end(), [](const TestDevice& a, const TestDevice& b) {
      return WaveHash(a.id) < WaveHash(b.id);
    });
    for (TestDevice& device : devices_) Answer(device);
    Settle();
  }

  TestDevice Enrol(const std::string& owner) {
    TestDevice device;
    device.id = EnrolDevice(device.key, owner).device.device_id();
    const auto id = hub_->Open(device.id, std::make_shared<OpenStream>(), absl::InfiniteFuture());
    hub_->Start(device.id, id, kCohort, {}, {});
    return device;
  }

  // The device reports that it runs what it should.
  void Answer(TestDevice& device) {
    const auto snapshot = store_->Read();
    v1::Report report;
    for (const auto found =
             DocumentsFor(*snapshot, LoadDevice(*snapshot, device.id)->value, clock_.Now());
         const DocumentPtr& doc : *found) {
      auto* d = report.mutable_policy()->add_documents();
      d->set_name(doc->name);
      d->set_version(doc->version);
      d->set_sha256(doc->sha256);
    }
    AddCanary(report, answer_);
    ASSERT_TRUE(IngestReport(*services_, device.id, device.Sign(report), {}).ok());
  }
  void Status(TestDevice& device, v1::StatusReport::Mode mode) {
    v1::Report report;
    report.mutable_status()->set_mode(mode);
    ASSERT_TRUE(IngestReport(*services_, device.id, device.Sign(report), {}).ok());
  }
  void Refuse(const TestDevice& device) {
    v1::Nack nack;
    nack.set_name(kCohort);
    nack.set_sha256(PolicyOf(device)->sha256);
    nack.set_code("MALFORMED");
    ASSERT_TRUE(RecordNack(*services_, device.id, nack).ok());
  }
  DocumentPtr PolicyOf(const TestDevice& device) {
    return *CohortDocumentOf(*store_->Read(), v1::Platform::LINUX, device.id);
  }
  std::vector<uint64_t> Versions() {
    std::vector<uint64_t> out;
    for (const TestDevice& device : devices_) out.push_back(PolicyOf(device)->version);
    return out;
  }
  v1::RolloutView Status() {
    v1::ListRolloutsRequest in;
    v1::ListRolloutsResponse out;
    EXPECT_TRUE(ListRollouts(*services_, *hub_, in, out).ok());
    EXPECT_EQ(out.items_size(), 1);
    return out.items(0);
  }
  std::string StateNow() {
    const v1::Rollout rollout = Status().rollout();
    return absl::StrCat(v1::Rollout::State_Name(rollout.state()), " ", rollout.percent());
  }
  absl::Status Tell(RolloutAction action, bool dry_run = false) {
    return DecideRollout(*services_, Who("soc"), action, "linux", "because", dry_run).status();
  }
  void ChangePolicy(v1::Trm::Status status) {
    LoadCatalogue(status);
    Settle();
  }
  size_t StoredChunks() { return KeyTails(*store_->Read(), ChunkKey(kCohort, ""))->size(); }

  std::vector<TestDevice> devices_;  // in the order of the waves
  v1::Canary::Result answer_ = v1::Canary::BLOCKED;
};

using Numbers = std::vector<uint64_t>;

TEST_F(RolloutTest, TheFirstPolicyGoesToEverybodyAtOnce) {
  EXPECT_EQ(StateNow(), "COMPLETE 100");
  EXPECT_EQ(Versions(), Numbers({1, 1, 1}));
}

TEST_F(RolloutTest, DevicesThatOnlyMonitorAreNotWaitedForAndDevicesThatFailAre) {
  for (TestDevice& device : devices_) Status(device, v1::StatusReport::MONITORING);
  ChangePolicy(v1::Trm::PROHIBITED);
  EXPECT_EQ(StateNow(), "RUNNING 1");
  Answer(devices_[0]);
  Settle();
  EXPECT_EQ(StateNow(), "RUNNING 100") << "one device is 1 % and 10 % of three";
  EXPECT_EQ(Status().counts().verified(), 0u);
  Status(devices_[0], v1::StatusReport::ENFORCING);
  answer_ = v1::Canary::RAN;
  Answer(devices_[0]);
  ChangePolicy(v1::Trm::RESTRICTED);
  const std::string before = StateNow();
  Answer(devices_[0]);
  clock_.Advance(absl::Hours(5));
  Settle();
  EXPECT_EQ(StateNow(), before) << "a policy that is not enforced goes no further";
  answer_ = v1::Canary::BLOCKED;
  Answer(devices_[0]);
  Settle();
  EXPECT_NE(StateNow(), before);
}

TEST_F(RolloutTest, AChangeGoesInWavesAsDevicesAnswer) {
  const size_t chunks = StoredChunks();
  ChangePolicy(v1::Trm::PROHIBITED);
  EXPECT_EQ(StateNow(), "RUNNING 1");
  EXPECT_EQ(Versions(), Numbers({2, 1, 1}));
  EXPECT_GT(StoredChunks(), chunks);  // Both versions can be sent.
  const v1::RolloutView view = Status();
  EXPECT_EQ(view.counts().devices(), 3u);
  EXPECT_EQ(view.counts().in_wave(), 1u);
  EXPECT_EQ(view.rollout().from_version(), 1u);
  EXPECT_EQ(view.rollout().to_version(), 2u);
  Answer(devices_[1]);  // It runs what it should, which is not the new version.
  Settle();
  EXPECT_EQ(StateNow(), "RUNNING 1");
  Answer(devices_[0]);
  Settle();  // 10 % of three is the same device.
  EXPECT_EQ(StateNow(), "RUNNING 100");
  EXPECT_EQ(Versions(), Numbers({2, 2, 2}));
  Answer(devices_[1]);
  Settle();
  EXPECT_EQ(StateNow(), "RUNNING 100");
  Answer(devices_[2]);
  Settle();
  EXPECT_EQ(StateNow(), "COMPLETE 100");
  EXPECT_EQ(Status().counts().verified(), 3u);
  EXPECT_EQ(StoredChunks(), chunks);  // The old one's are gone.
  EXPECT_EQ(*store_->Read()->Get(BaseDocumentKey(kCohort)), std::nullopt);
}

TEST_F(RolloutTest, ARefusalPausesAndAnAbortBringsBackWhatWasThere) {
  ChangePolicy(v1::Trm::PROHIBITED);
  const std::string before = PolicyOf(devices_[2])->sha256;
  Refuse(devices_[0]);
  Settle();
  EXPECT_EQ(StateNow(), "PAUSED 1");
  EXPECT_EQ(Status().counts().nacked(), 1u);
  EXPECT_NE(Status().rollout().reason().find("1 of 1 devices"), std::string::npos);
  EXPECT_EQ(Versions(), Numbers({2, 1, 1}));
  EXPECT_EQ(Tell(RolloutAction::kPause).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Tell(RolloutAction::kAbort, true).ok());
  EXPECT_EQ(StateNow(), "PAUSED 1");  // A dry run.
  EXPECT_TRUE(Tell(RolloutAction::kAbort).ok());
  Settle();
  EXPECT_EQ(StateNow(), "ABORTED 1");
  EXPECT_EQ(Versions(), Numbers({3, 3, 3}));
  const auto content = [&](const DocumentPtr& doc) {
    v1::SignedDoc envelope;
    v1::CohortPolicy policy;
    EXPECT_TRUE(envelope.ParseFromString(*doc->bytes));
    EXPECT_TRUE(policy.ParseFromString(envelope.payload()));
    policy.clear_header();
    return policy.SerializeAsString();
  };
  EXPECT_NE(PolicyOf(devices_[0])->sha256, before);
  const std::string reverted = content(PolicyOf(devices_[0]));
  // The refused content stays out, however often the publisher looks.
  work_.WakeAll();
  Settle();
  EXPECT_EQ(Versions(), Numbers({3, 3, 3}));
  EXPECT_EQ(content(PolicyOf(devices_[0])), reverted);
  // Other content begins anew.
  ChangePolicy(v1::Trm::PERMITTED);
  EXPECT_EQ(StateNow(), "RUNNING 1");
  EXPECT_EQ(Versions(), Numbers({4, 3, 3}));
}

TEST_F(RolloutTest, PausedByAPersonItWaitsAndResumes) {
  ChangePolicy(v1::Trm::PROHIBITED);
  EXPECT_EQ(Tell(RolloutAction::kResume).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Tell(RolloutAction::kPause).ok());
  Answer(devices_[0]);
  clock_.Advance(absl::Hours(1));
  Settle();
  EXPECT_EQ(StateNow(), "PAUSED 1");
  EXPECT_EQ(Versions(), Numbers({2, 1, 1}));
  EXPECT_TRUE(Tell(RolloutAction::kResume).ok());
  Settle();
  EXPECT_EQ(StateNow(), "RUNNING 100");
  EXPECT_EQ(DecideRollout(*services_, Who("soc"), RolloutAction::kPause, "linux", "", false)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DecideRollout(*services_, Who("soc"), RolloutAction::kPause, "plan9", "r", false)
                .status()
                .code(),
            absl::StatusCode::kNotFound);
}

TEST_F(RolloutTest, ASecondChangeKeepsTheOldBaseAndStartsAtTheFirstWave) {
  ChangePolicy(v1::Trm::PROHIBITED);
  ChangePolicy(v1::Trm::PERMITTED);
  EXPECT_EQ(Versions(), Numbers({3, 1, 1}));
  // A renewal of dates gives the base a version below the target's.
  clock_.Advance(limits::kCohortLife / 2);
  work_.WakeAll();
  Settle();
  const Numbers versions = Versions();
  EXPECT_GT(versions[0], versions[1]);
  EXPECT_GT(versions[1], 3u);
}

TEST_F(RolloutTest, ACrashAtAnyCommitHeals) {
  for (int fail_at = 1; fail_at <= 6; ++fail_at) {
    SCOPED_TRACE(fail_at);
    LoadCatalogue(fail_at % 2 == 1 ? v1::Trm::PROHIBITED : v1::Trm::RESTRICTED);
    store_->FailIn(fail_at);
    Settle();
    store_->FailIn(0);
    work_.WakeAll();
    for (int i = 0; i < 3; ++i) {
      Settle();
      for (TestDevice& device : devices_) Answer(device);
    }
    Settle();
    EXPECT_EQ(StateNow(), "COMPLETE 100");
    const Numbers versions = Versions();
    EXPECT_EQ(versions, Numbers(3, versions[0]));
  }
}

TEST_F(RolloutTest, OneApprovalSignsOnePersonsAssignments) {
  const auto before = signer_.counts();
  ASSERT_TRUE(ApproveBy("soc", SubmitFor("alice")->request_id()).ok());
  Settle();
  auto after = signer_.counts();
  EXPECT_EQ(after["assignment"], before.at("assignment") + 1);  // Alice has one device.
  EXPECT_EQ(after["policy"], before.at("policy"));
  ASSERT_TRUE(ApproveBy("soc", SubmitFor("bob")->request_id()).ok());
  Settle();
  EXPECT_EQ(signer_.counts()["assignment"], after["assignment"] + 2);
  EXPECT_EQ(signer_.counts()["policy"], after["policy"]);
}

Trust TrustOf(const Snapshot& snapshot) {
  const auto stored = Load<v1::SignedDoc>(snapshot, DocumentKey(kRootName), "no root");
  v1::Root root;
  EXPECT_TRUE(root.ParseFromString(stored->value.payload()));
  return *Trust::FromRoot(root);
}

TEST_F(RolloutTest, TheBeaconNamesEveryCurrentDocument) {
  ChangePolicy(v1::Trm::PROHIBITED);  // A base and a target: both are current.
  const BeaconsPtr beacons = *MakeBeacon(*services_, signer_);
  ASSERT_NE(beacons, nullptr);
  const auto snapshot = store_->Read();
  const Trust trust = TrustOf(*snapshot);
  for (const TestDevice& device : devices_) {
    const auto own = DocumentsFor(*snapshot, LoadDevice(*snapshot, device.id)->value, clock_.Now());
    v1::ControllerMessage message;
    ASSERT_TRUE(message.ParseFromString(beacons->MessageFor(*own, 0)));
    const auto beacon =
        VerifyBeacon({message.beacon().beacon(), trust, kBeaconName, Floor(), clock_.Now()});
    ASSERT_TRUE(beacon.ok()) << beacon.status();
    // root, two cohort policies, three assignments
    EXPECT_EQ(beacon->payload().tree_size(), 6u);
    ASSERT_EQ(message.beacon().proofs_size(), static_cast<int>(own->size()));
    for (int i = 0; i < message.beacon().proofs_size(); ++i) {
      v1::InclusionProof proof = message.beacon().proofs(i);
      EXPECT_EQ(proof.leaf().sha256(), own->at(static_cast<size_t>(i))->sha256);
      EXPECT_TRUE(VerifyInclusion(beacon->payload(), proof).ok());
      proof.mutable_leaf()->set_version(proof.leaf().version() - 1);
      EXPECT_FALSE(VerifyInclusion(beacon->payload(), proof).ok());
    }
  }
  ASSERT_TRUE(RetireDevice(*services_, Who("soc"), devices_[0].id, "lost", false).ok());
  ASSERT_TRUE(MakeBeacon(*services_, signer_).ok());
  const auto stored = Load<v1::SignedDoc>(*store_->Read(), DocumentKey(kBeaconName), "no beacon");
  v1::Beacon beacon;
  ASSERT_TRUE(beacon.ParseFromString(stored->value.payload()));
  EXPECT_EQ(beacon.tree_size(), 5u);
}

}  // namespace
}  // namespace muster
