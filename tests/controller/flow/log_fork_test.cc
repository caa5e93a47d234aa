// Two controllers with one key of the log, whose logs part.
#include "absl/strings/match.h"
#include "controller/flow/witness.h"
#include "tests/controller/flow/witness_world.h"

namespace muster {
namespace {

// What somebody with the store and all online keys in hand can do: another log under the same key.
class ForkTest : public WitnessTest {
 protected:
  // A copy of the store whose log has only the first `size` entries.
  std::unique_ptr<Store> Copy(const std::string& name, uint64_t size) {
    std::unique_ptr<Store> out = *RocksDbStore::Open(dir_.File(name));
    Mutation mutation;
    for (const auto found = store_->Read()->Scan("", "", 100'000); const Record& record : *found) {
      if (!absl::StartsWith(record.key, "audit/")) {
        mutation.puts.push_back({record.key, record.bytes});
      } else if (mutation.audit.size() < size) {
        v1::AuditEntry entry;
        EXPECT_TRUE(entry.ParseFromString(Parse<v1::AuditRecord>(record)->value.entry()));
        mutation.audit.push_back(entry);
      }
    }
    EXPECT_TRUE(out->Commit(std::move(mutation)).ok());
    EXPECT_EQ(out->Read()->log_head().root, HeadAt(size).root) << "it is the same log so far";
    return out;
  }
};

TEST_F(ForkTest, EachWayToForkIsAlarmedByTheControllerThatTheDeviceComesTo) {
  Grow(40);
  const LogHead point = Head();
  Grow(5);
  const LogHead seen = Head();  // what the device got from the true controller
  struct Case {
    std::string name;
    int grown;         // entries that the other log has after the common ones
    std::string want;  // alarm
  };
  const Case kCases[] = {
      {"an old copy", 0, "AUDIT_LOG_BEHIND"},
      {"rewritten, and shorter", 4, "AUDIT_LOG_BEHIND"},
      {"rewritten, as long", 5, "AUDIT_LOG_FORKED"},
      {"rewritten, and longer", 60, "AUDIT_LOG_FORKED"},
  };
  for (const Case& c : kCases) {
    const auto other = Copy(c.name, point.size);
    Grow(c.grown, other.get(), "test.rewritten");
    const Services services{*other, clock_, entropy_, work_, settings_};
    ASSERT_EQ(DeviceAlarms(other.get()), std::vector<std::string>{});
    const absl::Status heard = CheckSeenLog(services, laptop_.id, HelloOf(seen));
    ASSERT_TRUE(heard.ok()) << heard;
    const auto alarms = DeviceAlarms(other.get());
    ASSERT_EQ(alarms.size(), 1u) << c.name;
    EXPECT_TRUE(absl::StartsWith(alarms[0], c.want)) << c.name << ": " << alarms[0];
    // Its heads are as well signed as the true ones, and no proof leads there.
    Mutation forget;  // The Beacon that was copied along would give it away to itself.
    forget.deletes.push_back(DocumentKey(kBeaconName));
    ASSERT_TRUE(other->Commit(std::move(forget)).ok());
    const auto beacons = MakeBeacon(services, signer_);
    ASSERT_TRUE(beacons.ok()) << beacons.status();
    v1::ControllerMessage message;
    ASSERT_TRUE(message.ParseFromString((*beacons)->MessageFor({}, seen.size)));
    EXPECT_TRUE(OpenCheckpoint(BeaconIn(message.beacon()).audit_checkpoint(), LogKeysOf(TrustNow()),
                               "agency/audit")
                    .ok());
    EXPECT_FALSE(ProvesFrom(seen, message.beacon())) << c.name;
  }
  // The true log grows beyond it, and all is well.
  Grow(60);
  EXPECT_TRUE(CheckSeenLog(*services_, laptop_.id, HelloOf(seen)).ok());
  EXPECT_EQ(DeviceAlarms(), std::vector<std::string>{});
}

TEST_F(ForkTest, AControllerThatWasPutBackKnowsItByItsOwnBeacon) {
  Grow(40);
  const LogHead point = Head();
  Grow(5);
  ASSERT_TRUE(MakeBeacon(*services_, signer_).ok());
  const auto other = Copy("other", point.size);  // with the newer Beacon
  const Services services{*other, clock_, entropy_, work_, settings_};
  EXPECT_EQ(MakeBeacon(services, signer_).status().code(), absl::StatusCode::kDataLoss);
  Grow(60, other.get(), "test.rewritten");
  EXPECT_EQ(MakeBeacon(services, signer_).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace muster
