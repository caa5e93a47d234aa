// Which heads of the audit log a device takes, keeps as evidence, and reports.
#include "agent/domain/seen_log.h"

#include <gtest/gtest.h>

#include "common/log_limits.h"
#include "common/time_proto.h"
#include "tests/agent/test_tenant.h"

namespace muster::agent {
namespace {

const absl::Time kSeenAt = At("2026-03-01T12:00:00Z");

class SeenLogTest : public ::testing::Test {
 protected:
  SeenLogTest() {
    tenant_.NameLogKey();
    tenant_.log().AddSome(9);
  }
  Trust TrustNow() { return *Trust::FromRoot(tenant_.Root()); }
  v1::Beacon BeaconOf(const v1::BeaconUpdate& update) {
    v1::Beacon out;
    EXPECT_TRUE(out.ParseFromString(update.beacon().payload()));
    return out;
  }
  // Of the log as it is now, for a device that has `from` entries.
  absl::StatusOr<v1::SeenLog> Offer(const v1::SeenLog& seen, uint64_t from, absl::Time at) {
    tenant_.ProveLogFrom(from);
    const v1::BeaconUpdate update = tenant_.Beacon(1, {});
    return AcceptHead(seen, BeaconOf(update), update, TrustNow(), at);
  }
  TestTenant tenant_{kSeenAt};
};

TEST_F(SeenLogTest, EverySizeContinuesEveryOtherOne) {
  LogFolder whole = tenant_.log();
  whole.AddSome(31);
  for (uint64_t old_size = 0; old_size <= 40; ++old_size) {
    v1::SeenLog seen;
    seen.set_size(old_size);
    seen.set_root(whole.Root(old_size));
    seen.set_epoch(1);
    for (uint64_t size = old_size; size <= 40; ++size) {
      tenant_.log() = LogFolder(kTestTenant);
      for (uint64_t i = 0; i < size; ++i) tenant_.log().AddBytes(whole.entry(i));
      const auto next = Offer(seen, old_size, kSeenAt);
      ASSERT_TRUE(next.ok()) << old_size << " to " << size << ": " << next.status();
      EXPECT_EQ(next->size(), size);
      EXPECT_EQ(next->root(), whole.Root(size));
    }
  }
}

TEST_F(SeenLogTest, AHeadIsSeenSinceItWasFirstSeen) {
  const v1::SeenLog first = *Offer({}, 0, kSeenAt);
  v1::SeenLog want;
  want.set_size(9);
  want.set_root(tenant_.log().Root(9));
  want.set_checkpoint(tenant_.log().Note(9));
  want.set_epoch(1);
  *want.mutable_at() = ToProto(kSeenAt);
  EXPECT_EQ(first.ShortDebugString(), want.ShortDebugString());
  EXPECT_EQ(Offer(first, 9, kSeenAt + absl::Hours(1))->ShortDebugString(), want.ShortDebugString());
  tenant_.log().AddSome(1);
  EXPECT_EQ(FromProto(Offer(first, 9, kSeenAt + absl::Hours(1))->at()), kSeenAt + absl::Hours(1));
}

TEST_F(SeenLogTest, OnlyWhatAccusesSomebodyIsKept) {
  const v1::SeenLog seen = *Offer({}, 0, kSeenAt);
  const v1::Beacon beacon = BeaconOf(tenant_.Beacon(1, {}));
  for (int i = 0; i <= static_cast<int>(VerifyCode::kInconsistent); ++i) {
    const auto code = static_cast<VerifyCode>(i);
    const bool accuses = code == VerifyCode::kRollback || code == VerifyCode::kEquivocation ||
                         code == VerifyCode::kInconsistent;
    const v1::SeenLog next =
        WithRefused(seen, beacon, TrustNow(), VerifyError(code, "why: so"), kSeenAt);
    v1::SeenLog want = seen;
    if (accuses) {
      want.set_refused_checkpoint(beacon.audit_checkpoint());
      want.set_refused_code(std::string(VerifyCodeName(code)));
      want.set_refused_detail("why: so");
      *want.mutable_refused_at() = ToProto(kSeenAt);
    }
    EXPECT_EQ(next.ShortDebugString(), want.ShortDebugString()) << VerifyCodeName(code);
  }
  EXPECT_EQ(WithRefused(seen, beacon, TrustNow(), absl::UnavailableError("x"), kSeenAt)
                .ShortDebugString(),
            seen.ShortDebugString());
}

TEST_F(SeenLogTest, IsDueAtFirstDailyAndAfterEachRefusal) {
  const absl::Duration day = limits::kWitnessInterval;
  struct Case {
    const char* name;
    bool checkpoint;
    const char* refused;
    absl::Time told, now;
    bool want;
  } const kCases[] = {
      {"nothing", false, "", absl::InfinitePast(), kSeenAt, false},
      {"a head without a signature", false, "", kSeenAt, kSeenAt + day, false},
      {"first head", true, "", absl::InfinitePast(), kSeenAt, true},
      {"just told", true, "", kSeenAt, kSeenAt, false},
      {"a moment before", true, "", kSeenAt, kSeenAt + day - absl::Nanoseconds(1), false},
      {"a day later", true, "", kSeenAt, kSeenAt + day, true},
      {"clock turned back", true, "", kSeenAt, kSeenAt - absl::Seconds(1), true},
      {"refused", false, "ROLLBACK", absl::InfinitePast(), kSeenAt, true},
      {"refused and told", true, "ROLLBACK", kSeenAt, kSeenAt + day / 2, false},
      {"refused a day ago", true, "ROLLBACK", kSeenAt, kSeenAt + day, true},
  };
  for (const Case& c : kCases) {
    v1::SeenLog seen;
    if (c.checkpoint) seen.set_checkpoint("note");
    seen.set_refused_code(c.refused);
    if (c.told != absl::InfinitePast()) *seen.mutable_told_at() = ToProto(c.told);
    EXPECT_EQ(WitnessDue(seen, c.now), c.want) << c.name;
  }
}

}  // namespace
}  // namespace muster::agent
