// The audit log between the real controller flow and the real agent flow: proofs as devices take
// them, and what comes of a controller that forks.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "common/checkpoint.h"
#include "common/log_limits.h"
#include "controller/flow/beacon.h"
#include "tests/channel/channel.h"

namespace muster {
namespace {

class WitnessChannel : public Channel {
 protected:
  // The next Beacon for all, taken by whoever is connected.
  void NextBeacon() {
    clock_.Advance(limits::kBeaconInterval);
    for (const auto& laptop : laptops_) laptop->clock().Set(clock_.Now());
    work_.WakeAll();
    ASSERT_TRUE(Quiet());
  }
  void Grow(int entries) {
    Mutation mutation;
    for (int i = 0; i < entries; ++i) mutation.audit.emplace_back().set_verb("test.grow");
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  // "CODE", oldest first.
  std::vector<std::string> AlarmsOf(const SimLaptop& laptop) {
    std::vector<std::string> out;
    const v1::Device device = LoadDevice(*store_->Read(), laptop.id())->value;
    for (const v1::Alarm& alarm : device.alarms()) {
      out.push_back(v1::Alarm::Code_Name(alarm.code()));
    }
    return out;
  }
  void ExpectSeen(const SimLaptop& laptop) {
    v1::Beacon beacon;
    ASSERT_TRUE(beacon.ParseFromString(
        Load<v1::SignedDoc>(*store_->Read(), DocumentKey(kBeaconName), "none")->value.payload()));
    const v1::SeenLog seen = laptop.Saved().audit_log();
    EXPECT_EQ(seen.size(), beacon.audit_size());
    EXPECT_EQ(seen.root(), beacon.audit_root());
    EXPECT_EQ(seen.checkpoint(), beacon.audit_checkpoint());
    EXPECT_EQ(seen.refused_code(), "");
  }
  // A folder as it is now, to be put back later.
  void CloseStore() {
    connections_.clear();
    reconciler_.reset();
    services_.reset();
    store_.reset();
  }
  void CopyFolder(const std::string& from, const std::string& to) {
    std::filesystem::remove_all(dir_.File(to));
    std::filesystem::copy(dir_.File(from), dir_.File(to), std::filesystem::copy_options::recursive);
  }
};

TEST_F(WitnessChannel, EveryBeaconProvesFromWhatTheDeviceHas) {
  SimLaptop& laptop = NewLaptop("alice");
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  ExpectSeen(laptop);
  for (const int grown : {1, 0, 300, 7}) {
    Grow(grown);
    NextBeacon();
    ExpectSeen(laptop);
  }
  // After it was away, and after either side began anew.
  Drop(laptop);
  Grow(400);
  NextBeacon();
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  ExpectSeen(laptop);
  RestartController(false);
  laptop.Disconnect();
  laptop.Boot();
  Grow(5);
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  NextBeacon();
  ExpectSeen(laptop);
  EXPECT_EQ(AlarmsOf(laptop), std::vector<std::string>{});
  // What it has seen is told, and kept.
  clock_.Advance(limits::kWitnessInterval);
  NextBeacon();
  const auto witness = Find<v1::AuditWitness>(*store_->Read(), WitnessKey(laptop.id()));
  ASSERT_TRUE(witness.ok() && witness->has_value());
  EXPECT_TRUE(absl::StartsWith((*witness)->value.checkpoint(), "agency/audit\n"));
  EXPECT_EQ((*witness)->value.refused_code(), "");
}

TEST_F(WitnessChannel, AControllerThatWasPutBackIsCaughtByItsDevices) {
  breaks_store_ = true;  // what a device saw is not on this log
  SimLaptop& laptop = NewLaptop("alice");
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  CloseStore();
  CopyFolder("db", "old");
  WrapStore();
  laptop.Disconnect();
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  Grow(30);
  NextBeacon();
  const v1::SeenLog seen = laptop.Saved().audit_log();
  CloseStore();
  CopyFolder("old", "db");
  WrapStore();
  laptop.Disconnect();
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(AlarmsOf(laptop).front(), "AUDIT_LOG_BEHIND");
  // It goes on from there under the same key, and beyond what the device has seen.
  Grow(200);
  for (int i = 0; i < 4; ++i) NextBeacon();
  const v1::SeenLog now = laptop.Saved().audit_log();
  EXPECT_EQ(now.size(), seen.size()) << "nothing of it was taken";
  EXPECT_EQ(now.root(), seen.root());
  EXPECT_EQ(now.refused_code(), "INCONSISTENT");
  const std::vector<std::string> alarms = AlarmsOf(laptop);
  EXPECT_TRUE(std::find(alarms.begin(), alarms.end(), "AUDIT_LOG_FORKED") != alarms.end());
  // The evidence came back with the report: both heads, each signed by the log's key.
  const auto witness = Find<v1::AuditWitness>(*store_->Read(), WitnessKey(laptop.id()));
  ASSERT_TRUE(witness.ok() && witness->has_value());
  EXPECT_EQ((*witness)->value.checkpoint(), seen.checkpoint());
  v1::Root root;
  ASSERT_TRUE(root.ParseFromString(RootNow().payload()));
  const auto refused = OpenCheckpoint((*witness)->value.refused_checkpoint(),
                                      LogKeysOf(*Trust::FromRoot(root)), "agency/audit");
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_GT(refused->size, seen.size());
  EXPECT_EQ((*witness)->value.refused_code(), "INCONSISTENT");
  EXPECT_EQ(InForce(laptop), Wanted(laptop)) << "policy goes on";
}

}  // namespace
}  // namespace muster
