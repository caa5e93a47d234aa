#include "controller/flow/device_hub.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/limits.h"
#include "controller/flow/records.h"
#include "tests/controller/flow/stream/fake_stream.h"

namespace muster {
namespace {

TEST(DeviceHub, SendsWhatTheAgentLacksInOrder) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  hub.Start("d", id, "cohort/linux", {{"assignment/d", {1, "assignment/d#1"}}},
            {Doc("assignment/d", 2), Doc("root", 3), Doc("root", 2), Doc("emergency-deny", 1)});
  hub.OfferCohort(Cohort(2));
  EXPECT_EQ(stream->Texts(), Texts({"root#2"}));  // One write in flight.
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(),
            Texts({"root#2", "root#3", "emergency-deny#1", "assignment/d#2", "cohort/linux#2"}));
}

TEST(DeviceHub, SendsNothingThatTheAgentHas) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  hub.Start("d", id, "cohort/linux", {{"root", {1, "root#1"}}}, {Doc("root", 1)});
  EXPECT_EQ(stream->Texts(), Texts());
  hub.Offer("d", Doc("root", 1));
  EXPECT_EQ(stream->Texts(), Texts());
}

TEST(DeviceHub, LatestWinsWhileAWriteIsInFlight) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  hub.Start("d", id, "cohort/linux", {}, {Doc("assignment/d", 1)});
  for (int v = 2; v <= 9; ++v) hub.Offer("d", Doc("assignment/d", v));
  hub.Offer("d", Doc("assignment/d", 4));  // Late and old: loses.
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"assignment/d#1", "assignment/d#9"}));
}

TEST(DeviceHub, NothingIsSentBeforeHello) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  hub.Offer("d", Doc("assignment/d", 3));
  EXPECT_EQ(stream->Texts(), Texts());
  hub.Start("d", id, "cohort/linux", {}, {Doc("assignment/d", 2)});  // Loaded before the offer.
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"assignment/d#3"}));
}

TEST(DeviceHub, ReportAcksCoalesceAndYieldToDocuments) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  hub.Start("d", id, "cohort/linux", {}, {Doc("root", 1)});
  for (uint64_t seq = 1; seq <= 5; ++seq) hub.AckReport("d", id, seq, "");
  hub.Offer("d", Doc("assignment/d", 1));
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"root#1", "assignment/d#1", "ack 5"}));
}

TEST(DeviceHub, TheLatestReceiptsGoOnceAfterDocuments) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  const auto receipts = [](int n) {
    v1::ControllerMessage message;
    for (int i = 0; i < n; ++i) message.mutable_receipts()->add_receipts();
    return std::make_shared<const std::string>(message.SerializeAsString());
  };
  hub.Start("d", id, "cohort/linux", {}, {Doc("root", 1)});
  hub.OfferReceipts("d", receipts(1));
  hub.OfferReceipts("d", receipts(3));
  hub.Offer("d", Doc("assignment/d", 1));
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"root#1", "assignment/d#1", "receipts 3"}));
  hub.OfferReceipts("d", receipts(3));
  hub.OfferReceipts("d", nullptr);
  hub.OfferReceipts("nobody", receipts(1));
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts().size(), 3u);
  hub.OfferReceipts("d", receipts(2));
  EXPECT_EQ(stream->Texts().back(), "receipts 2");
}

TEST(DeviceHub, ANewStreamReplacesTheOldOne) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto old_stream = std::make_shared<FakeStream>(), new_stream = std::make_shared<FakeStream>();
  const auto old_id = hub.Open("d", old_stream, kNever);
  hub.Start("d", old_id, "cohort/linux", {}, {});
  const auto new_id = hub.Open("d", new_stream, kNever);
  EXPECT_EQ(old_stream->closed(), absl::StatusCode::kAborted);
  hub.Closed("d", old_id);  // The old one's end does not touch the new one.
  EXPECT_TRUE(hub.Connected("d"));
  hub.Start("d", new_id, "cohort/linux", {}, {Doc("root", 1)});
  EXPECT_EQ(new_stream->Texts(), Texts({"root#1"}));
  hub.Closed("d", new_id);
  EXPECT_FALSE(hub.Connected("d"));
}

TEST(DeviceHub, ACohortReachesItsOwnDevicesOnly) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto linux_stream = std::make_shared<FakeStream>(), ios_stream = std::make_shared<FakeStream>();
  hub.Start("l", hub.Open("l", linux_stream, kNever), "cohort/linux", {}, {});
  hub.Start("i", hub.Open("i", ios_stream, kNever), "cohort/ios", {}, {});
  hub.OfferCohort(Cohort(1));
  EXPECT_EQ(linux_stream->Texts(), Texts({"cohort/linux#1"}));
  EXPECT_EQ(ios_stream->Texts(), Texts());
}

TEST(DeviceHub, WavesDecideWhichVersionADeviceGets) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto inside = std::make_shared<FakeStream>(), outside = std::make_shared<FakeStream>();
  const bool d_first = WaveHash("d") < WaveHash("e");
  const std::string in = d_first ? "d" : "e", out = d_first ? "e" : "d";
  hub.Start(in, hub.Open(in, inside, kNever), "cohort/linux", {}, {});
  CohortPublication publication = Cohort(2);
  publication.base = Doc("cohort/linux", 1);
  publication.cutoff = WaveHash(in);
  hub.OfferCohort(publication);
  // One that comes later is told the same.
  hub.Start(out, hub.Open(out, outside, kNever), "cohort/linux", {}, {});
  EXPECT_EQ(inside->Texts(), Texts({"cohort/linux#2"}));
  EXPECT_EQ(outside->Texts(), Texts({"cohort/linux#1"}));
  outside->Complete();
  hub.WriteDone(out, 2);
  publication.cutoff = ~uint64_t{0};
  hub.OfferCohort(publication);
  EXPECT_EQ(outside->Texts(), Texts({"cohort/linux#1", "cohort/linux#2"}));
}

TEST(DeviceHub, ChunksAreSentWhenAskedForAndTheLastListCounts) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  auto policy = std::make_shared<Document>(*Doc("cohort/linux", 1));
  for (const char* name : {"a", "b", "c"}) {
    policy->chunks.push_back({name, std::make_shared<const std::string>(std::string(3, *name))});
  }
  CohortPublication publication;
  publication.name = "cohort/linux";
  publication.target = policy;
  hub.OfferCohort(publication);
  hub.Start("d", id, "cohort/linux", {}, {});
  hub.Need("d", id, {"a", "b", "c"});
  hub.Need("d", id, {"b", "unknown", "c"});
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"cohort/linux#1", "chunk b=bbb", "chunk c=ccc"}));
}

BeaconsPtr BeaconOver(const std::vector<DocumentPtr>& documents) {
  std::map<std::string, Beacons::Leaf> leaves;
  std::vector<std::string> hashes;
  for (const DocumentPtr& doc : documents) {
    v1::DocumentLeaf leaf;
    leaf.set_name(doc->name);
    leaf.set_version(doc->version);
    leaf.set_sha256(doc->sha256);
    leaves[LeafKey(doc->name)] = {leaf, hashes.size()};
    hashes.push_back(LeafHash(LeafText(leaf)));
  }
  return std::make_shared<const Beacons>(v1::SignedDoc(), MerkleTree(std::move(hashes)),
                                         std::move(leaves), nullptr);
}

TEST(DeviceHub, ABeaconComesLastWithAProofForEachOfTheDevicesDocuments) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>(), idle = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  hub.Start("e", hub.Open("e", idle, kNever), "cohort/linux", {}, {});
  const std::vector<DocumentPtr> all = {Doc("root", 1), Doc("assignment/d", 1),
                                        Doc("assignment/e", 1)};
  hub.OfferBeacon(BeaconOver(all), true);
  hub.Start("d", id, "cohort/linux", {}, {all[0], all[1]});
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"root#1", "assignment/d#1", "beacon 2"}));
  EXPECT_EQ(idle->Texts(), Texts({"beacon 0"}));
  idle->Complete();
  hub.WriteDone("e", id + 1);
  hub.Acked("d", id, "beacon", Sha256Hex(""));
  // Between two rounds only those hear of a new one whose documents changed.
  hub.Offer("d", Doc("assignment/d", 2));
  Drain(hub, *stream, id);
  hub.OfferBeacon(BeaconOver(all), false);
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(),
            Texts({"root#1", "assignment/d#1", "beacon 2", "assignment/d#2", "beacon 2"}));
  EXPECT_EQ(idle->Texts(), Texts({"beacon 0"}));
}

TEST(DeviceHub, AStreamThatDoesNotMoveIsCancelled) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stuck = std::make_shared<FakeStream>(), silent = std::make_shared<FakeStream>(),
       well = std::make_shared<FakeStream>(), ended = std::make_shared<FakeStream>();
  hub.Start("stuck", hub.Open("stuck", stuck, kNever), "cohort/linux", {}, {Doc("root", 1)});
  hub.Open("silent", silent, kNever);
  hub.Start("well", hub.Open("well", well, kNever), "cohort/linux", {}, {});
  hub.Start("ended", hub.Open("ended", ended, kStart + absl::Hours(1)), "cohort/linux", {}, {});
  clock.Advance(limits::kStuckStream - absl::Milliseconds(1));
  hub.Sweep();
  EXPECT_EQ(stuck->closed(), absl::StatusCode::kOk);
  EXPECT_EQ(silent->closed(), absl::StatusCode::kOk);
  clock.Advance(absl::Milliseconds(1));
  hub.Sweep();
  EXPECT_EQ(stuck->closed(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(silent->closed(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ended->closed(), absl::StatusCode::kOk);
  clock.Advance(absl::Hours(1));
  hub.Sweep();
  EXPECT_EQ(ended->closed(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(well->closed(), absl::StatusCode::kOk);
}

TEST(DeviceHub, AFloodOfReportsIsThrottledAndTheThrottleLifted) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  hub.Start("d", id, "cohort/linux", {}, {});
  uint64_t seq = 0;
  const auto report = [&] {
    hub.AckReport("d", id, ++seq, "");
    Drain(hub, *stream, id);
  };
  for (uint32_t i = 0; i < limits::kReportsPerMinute; ++i) report();
  EXPECT_EQ(stream->Texts().back(), "ack 600");
  report();
  EXPECT_EQ(stream->Texts().back(), "throttle 1s");
  clock.Advance(absl::Minutes(1));
  report();  // The minute before was too busy still.
  EXPECT_EQ(stream->Texts().back(), "ack 602");
  clock.Advance(absl::Minutes(1));
  report();
  EXPECT_EQ(stream->Texts().back(), "throttle 0");
}

TEST(DeviceHub, ADrainTellsEveryStreamOnceAlsoALateOne) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>(), late = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  hub.Start("d", id, "cohort/linux", {}, {});
  EXPECT_EQ(hub.Drain(), limits::kMinDrainWindow);
  Drain(hub, *stream, id);
  hub.Start("e", hub.Open("e", late, kNever), "cohort/linux", {}, {Doc("root", 1)});
  EXPECT_EQ(stream->Texts(), Texts({"drain 200ms"}));
  EXPECT_EQ(late->Texts(), Texts({"drain 200ms"}));
}

TEST(DeviceHub, DeliveriesSayWhenABytesWereSentAndApplied) {
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream, kNever);
  hub.Start("d", id, "cohort/linux", {}, {Doc("assignment/d", 1)});
  clock.Advance(absl::Seconds(2));
  hub.Acked("d", id, "assignment/d", "other");
  hub.Acked("d", id, "assignment/d", "assignment/d#1");
  const Delivery delivery = hub.DeliveriesOf("d").at("assignment/d");
  EXPECT_EQ(delivery.sha256, "assignment/d#1");
  EXPECT_EQ(delivery.sent_at, kStart);
  EXPECT_EQ(delivery.applied_at, kStart + absl::Seconds(2));
  EXPECT_TRUE(hub.DeliveriesOf("other").empty());
}

}  // namespace
}  // namespace muster
