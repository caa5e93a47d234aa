// The head of the audit log in the Beacon, and the proof that it continues what a device has seen.
#include <utility>

#include "absl/strings/match.h"
#include "controller/flow/device_session.h"
#include "tests/controller/flow/witness_world.h"

namespace muster {
namespace {

class BeaconLogTest : public WitnessTest {};

TEST_F(BeaconLogTest, TheBeaconNamesTheHeadAndTheLogsKeySignsIt) {
  for (const int more : {0, 1, 255, 300}) {
    Grow(more);
    const LogHead head = Head();
    ASSERT_TRUE(MakeBeacon(*services_, signer_).ok());
    std::vector<std::string> hashes;
    for (const auto found = store_->Read()->Scan("audit/", "", 100'000); const Record& r : *found) {
      hashes.push_back(Parse<v1::AuditRecord>(r)->value.leaf_hash());
    }
    const v1::Beacon beacon = StoredBeacon();
    EXPECT_EQ(beacon.audit_size(), hashes.size());
    EXPECT_EQ(beacon.audit_root(), MerkleRoot(hashes));
    const auto opened =
        OpenCheckpoint(beacon.audit_checkpoint(), LogKeysOf(TrustNow()), "agency/audit");
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(*opened, (Checkpoint{"agency/audit", head.size, head.root}));
    EXPECT_EQ(beacon.audit_checkpoint(), Note(*opened)) << "the same head, the same bytes";
  }
}

TEST_F(BeaconLogTest, ARootWithoutALogKeyGoesOnWithoutACheckpoint) {
  v1::Root root;
  ASSERT_TRUE(root.ParseFromString(
      Load<v1::SignedDoc>(*store_->Read(), DocumentKey(kRootName), "none")->value.payload()));
  auto* roles = root.mutable_roles();
  for (int i = 0; i < roles->size(); ++i) {
    if (roles->Get(i).role() == kLogRole) roles->DeleteSubrange(i--, 1);
  }
  ASSERT_TRUE(signer_.Follow(*Trust::FromRoot(root)).ok());
  EXPECT_FALSE(signer_.Has(kLogRole));
  EXPECT_TRUE(absl::StrContains(signer_.LogKey("agency/audit").status().message(),
                                "musterctl trust add-key log"));
  const LogHead head = Head();
  ASSERT_TRUE(MakeBeacon(*services_, signer_).ok());
  EXPECT_EQ(StoredBeacon().audit_checkpoint(), "");
  EXPECT_EQ(StoredBeacon().audit_size(), head.size);
  EXPECT_EQ(StoredBeacon().audit_root(), head.root);
}

TEST_F(BeaconLogTest, AHeadThatDoesNotContinueTheLastIsNotSigned) {
  ASSERT_TRUE(MakeBeacon(*services_, signer_).ok());
  const auto change = [&](const std::function<void(v1::Beacon&)>& edit) {
    v1::Beacon beacon = StoredBeacon();
    edit(beacon);
    Mutation mutation;
    Put(mutation, DocumentKey(kBeaconName), *signer_.Sign(beacon, kBeaconKind.role));
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  };
  const v1::Beacon good = StoredBeacon();
  change([](v1::Beacon& b) { b.mutable_audit_root()->front() ^= 1; });
  const absl::Status other = MakeBeacon(*services_, signer_).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kDataLoss) << other;
  change([&](v1::Beacon& b) {
    b = good;
    b.set_audit_size(good.audit_size() + 1);
  });
  EXPECT_EQ(MakeBeacon(*services_, signer_).status().code(), absl::StatusCode::kDataLoss);
  // Only with an epoch of the root a log begins anew.
  change([](v1::Beacon& b) { b.mutable_header()->set_epoch(0); });
  EXPECT_TRUE(MakeBeacon(*services_, signer_).ok());
}

TEST_F(BeaconLogTest, ABeaconProvesThatItContinuesWhatWasSeen) {
  Grow(700);
  const BeaconsPtr beacons = *MakeBeacon(*services_, signer_);
  const uint64_t size = beacons->log_size();
  Grow(900);  // What comes later does not change it.
  for (const uint64_t seen :
       {uint64_t{1}, uint64_t{2}, uint64_t{255}, uint64_t{256}, uint64_t{257}, size - 1, size}) {
    v1::ControllerMessage message;
    ASSERT_TRUE(message.ParseFromString(beacons->MessageFor({}, seen)));
    EXPECT_EQ(BeaconIn(message.beacon()).audit_size(), size);
    EXPECT_TRUE(ProvesFrom(HeadAt(seen), message.beacon())) << seen;
  }
  for (const uint64_t seen : {uint64_t{0}, size + 1, UINT64_MAX}) {
    v1::ControllerMessage message;
    ASSERT_TRUE(message.ParseFromString(beacons->MessageFor({}, seen)));
    EXPECT_EQ(message.beacon().audit_from(), 0u);
    EXPECT_EQ(message.beacon().audit_path_size(), 0);
  }
}

TEST_F(BeaconLogTest, AStreamProvesFromHelloAndThenFromWhatWasAcknowledged) {
  InstanceWatch instances;
  DeviceSession session(*services_, *hub_, instances);
  auto sink = std::make_shared<KeepingSink>();
  ASSERT_TRUE(
      session
          .Open({laptop_.id, DeviceNow().certificate_key_sha256(), absl::InfiniteFuture(), "test"},
                sink)
          .ok());
  const auto drain = [&] {
    while (std::exchange(sink->writing, false)) session.OnWriteDone();
  };
  const auto offer = [&] {
    hub_->OfferBeacon(*MakeBeacon(*services_, signer_), true);
    drain();
  };
  const auto answer = [&](bool accepted, const v1::BeaconUpdate& update) {
    v1::AgentMessage message;
    const std::string sha256 = Sha256Hex(update.beacon().payload());
    if (accepted) {
      message.mutable_ack()->set_name(kBeaconName);
      message.mutable_ack()->set_applied_sha256(sha256);
    } else {
      message.mutable_nack()->set_name(kBeaconName);
      message.mutable_nack()->set_sha256(sha256);
      message.mutable_nack()->set_code("EXPIRED");
    }
    ASSERT_TRUE(session.OnMessage(message).ok());
    drain();
  };
  const LogHead seen = Head();
  Grow(20);
  offer();  // Before Hello nothing is sent.
  ASSERT_EQ(sink->beacons.size(), 0u);
  v1::AgentMessage hello;
  *hello.mutable_hello() = HelloOf(seen);
  ASSERT_TRUE(session.OnMessage(hello).ok());
  drain();
  ASSERT_EQ(sink->beacons.size(), 1u);
  EXPECT_TRUE(ProvesFrom(seen, sink->beacons[0]));
  // The next waits for the word on the first: only then it is known what to prove.
  Grow();
  offer();
  Grow();
  offer();
  ASSERT_EQ(sink->beacons.size(), 1u);
  answer(true, sink->beacons[0]);
  ASSERT_EQ(sink->beacons.size(), 2u) << "latest wins";
  const v1::Beacon first = BeaconIn(sink->beacons[0]);
  const LogHead acked = {first.audit_size(), first.audit_root()};
  EXPECT_TRUE(ProvesFrom(acked, sink->beacons[1]));
  // A refused one was not seen.
  Grow();
  offer();
  answer(false, sink->beacons[1]);
  ASSERT_EQ(sink->beacons.size(), 3u);
  EXPECT_TRUE(ProvesFrom(acked, sink->beacons[2]));
  // Who never answers is not left without.
  offer();
  ASSERT_EQ(sink->beacons.size(), 3u);
  clock_.Advance(limits::kStuckStream);
  offer();
  ASSERT_EQ(sink->beacons.size(), 4u);
  EXPECT_TRUE(ProvesFrom(acked, sink->beacons[3]));
  EXPECT_EQ(DeviceAlarms(), std::vector<std::string>{});
  session.OnClosed();
}

TEST_F(BeaconLogTest, ADeviceThatHasSeenAnotherLogGetsTheProofOfThisOne) {
  Grow(10);
  hub_->OfferBeacon(*MakeBeacon(*services_, signer_), true);
  InstanceWatch instances;
  DeviceSession session(*services_, *hub_, instances);
  auto sink = std::make_shared<KeepingSink>();
  ASSERT_TRUE(
      session
          .Open({laptop_.id, DeviceNow().certificate_key_sha256(), absl::InfiniteFuture(), "test"},
                sink)
          .ok());
  const LogHead other = {5, Sha256("another log")};
  v1::AgentMessage hello;
  *hello.mutable_hello() = HelloOf(other);
  ASSERT_TRUE(session.OnMessage(hello).ok());
  while (std::exchange(sink->writing, false)) session.OnWriteDone();
  ASSERT_EQ(sink->beacons.size(), 1u);
  // Which for that device is the proof that they are two.
  EXPECT_TRUE(ProvesFrom(HeadAt(5), sink->beacons[0]));
  EXPECT_FALSE(ProvesFrom(other, sink->beacons[0]));
  ASSERT_EQ(DeviceAlarms().size(), 1u);
  EXPECT_TRUE(absl::StartsWith(DeviceAlarms()[0], "AUDIT_LOG_FORKED"));
  session.OnClosed();
}

}  // namespace
}  // namespace muster
