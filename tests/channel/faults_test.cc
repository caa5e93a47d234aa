// Seeded faults on both sides of the channel: killed at any write, full disks, torn writes, clocks
// that jump, connections that drop, reorder, repeat and falsify. After each round a device runs
// what was really signed, never older than what it had accepted, and the controller knows it.
//
// The seed is MUSTER_SEED, else fixed: tests/run.sh sets it from the commit. MUSTER_FAULT_ROUNDS
// is how many rounds, for long runs and for slow builds.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "tests/channel/channel.h"

namespace muster {
namespace {

uint64_t Number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text != nullptr && !absl::SimpleAtoi(text, &otherwise)) ADD_FAILURE() << name << text;
  return otherwise;
}
uint64_t Seed() { return Number("MUSTER_SEED", 20'261'120); }

class FaultsTest : public Channel {
 protected:
  int Pick(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }
  bool OneIn(int n) { return Pick(n) == 0; }

  // Something an operator does. It may fail half-way: that is the point.
  void Operate() {
    switch (Pick(8)) {
      case 0:
      case 1:
        if (const auto request = SubmitFor(OneIn(2) ? "alice" : "bob"); request.ok()) {
          ApproveBy("soc", request->request_id()).IgnoreError();
        }
        break;
      case 2:
        RevokeAny();
        break;
      case 3:
        TrySetTrm(OneIn(2) ? v1::Trm::PROHIBITED : v1::Trm::RESTRICTED);
        break;
      case 4:
        PublishDeny(OneIn(2) ? std::vector<std::string>{"slack"} : std::vector<std::string>{},
                    ++deny_version_)
            .IgnoreError();
        break;
      case 5:
        if (OneIn(10)) RotateRoot(OneIn(2), OneIn(3)).IgnoreError();
        break;
      case 6:
        work_.WakeAll();
        break;
      case 7:
        Sync().IgnoreError();
        break;
    }
  }
  void RevokeAny() {
    for (const char* person : {"alice", "bob"}) {
      const auto live = store_->Read()->Get(
          LiveGrantKey(IdOf(person == std::string("alice") ? kAlice : kBob), "whatsapp"));
      if (live.ok() && *live && OneIn(2)) {
        Revoke((*live)->bytes, "left").status().IgnoreError();
      }
    }
  }
  void TrySetTrm(v1::Trm::Status status) {
    SetTrm(*services_, Who("soc"), {"whatsapp", status, "TRM-2", "test"}, false)
        .status()
        .IgnoreError();
  }

  void OrderFaults(SimLaptop& laptop) {
    using Files = FaultyFiles::Fault;
    using Db = DyingStore::Fault;
    constexpr Files kFiles[] = {Files::kDiskFull, Files::kKilledBefore, Files::kTorn,
                                Files::kKilledAfter};
    constexpr Db kDb[] = {Db::kDiskFull, Db::kKilledBefore, Db::kKilledAfter};
    if (OneIn(3)) laptop.files().FailIn(1 + Pick(12), kFiles[Pick(4)]);
    if (OneIn(3)) dying_->FailIn(1 + Pick(20), kDb[Pick(3)]);
    if (OneIn(8)) laptop.clock().Advance(absl::Hours(Pick(24 * 80) - 24 * 40));
    if (OneIn(16)) clock_.Advance(absl::Hours(Pick(24 * 20) - 24 * 10));
  }

  // What a hostile network does to the messages that are on their way.
  void Disturb(SimLaptop& laptop) {
    Connection& c = connections_[laptop.id()];
    std::deque<std::string>& down = c.sink->down;
    if (OneIn(6)) Taken(c);  // so that more than one is on its way
    if (!down.empty() && OneIn(8)) std::swap(down.front(), down.back());
    if (!down.empty() && OneIn(8)) down.push_back(down.front());
    if (!down.empty() && OneIn(8)) captured_.push_back(down.front());
    if (!captured_.empty() && OneIn(8)) {
      down.push_front(captured_[static_cast<size_t>(Pick(static_cast<int>(captured_.size())))]);
    }
    if (!down.empty() && OneIn(12)) down.pop_front();
    if (!down.empty() && OneIn(12)) Falsify(down.front());
    if (c.up.size() > 1 && OneIn(8)) std::swap(c.up.front(), c.up.back());
    if (!c.up.empty() && OneIn(8)) c.up.push_back(c.up.front());
    if (!c.up.empty() && OneIn(12)) c.up.pop_front();
    if (captured_.size() > 50) captured_.erase(captured_.begin());
  }
  // Still a message, but not the one that was sent.
  void Falsify(std::string& bytes) {
    std::string other = bytes;
    other[static_cast<size_t>(Pick(static_cast<int>(other.size())))] ^=
        static_cast<char>(1 << Pick(8));
    v1::ControllerMessage message;
    // Not a reply that the agent has no way to doubt: the transport's TLS protects those.
    if (message.ParseFromString(other) && (message.has_update() || message.has_beacon())) {
      bytes = other;
    }
  }

  void Play(SimLaptop& laptop) {
    for (int step = Pick(30); step > 0; --step) {
      if (laptop.files().dead()) {
        Drop(laptop);
        laptop.Boot();
      }
      if (dying_->dead()) RestartController(OneIn(2));
      if (!Connected(laptop)) {
        Drop(laptop);
        Connect(laptop);
      } else if (OneIn(20)) {
        Drop(laptop);
        continue;
      }
      Disturb(laptop);
      OneIn(2) ? StepUp(laptop) : StepDown(laptop);
      if (OneIn(3)) Settle();
      CheckShown(laptop);
    }
  }

  // Whoever died starts again, clocks are right, disks have room, the network is honest.
  void Heal() {
    if (dying_->dead()) RestartController(OneIn(2));
    dying_->FailIn(0, DyingStore::Fault::kDiskFull);
    now_ += absl::Minutes(1);
    clock_.Set(now_);
    for (const auto& laptop : laptops_) {
      Drop(*laptop);
      laptop->clock().Set(now_);
      laptop->Boot();
      Connect(*laptop);
    }
    ASSERT_TRUE(Sync().ok());
    work_.WakeAll();
    ASSERT_TRUE(Quiet());
  }

  // Nothing is shown as verified that the device has not had in force.
  void CheckShown(SimLaptop& laptop) {
    for (const auto& [name, sha256] : InForce(laptop)) had_[laptop.id()].insert(sha256);
    const auto snapshot = store_->Read();
    const auto states =
        StatesOf(*snapshot, LoadDevice(*snapshot, laptop.id())->value, {}, clock_.Now());
    ASSERT_TRUE(states.ok()) << states.status();
    for (const v1::DocumentState& s : *states) {
      if (!s.has_verified_at()) continue;
      EXPECT_TRUE(had_[laptop.id()].contains(s.sha256())) << s.DebugString();
    }
  }

  void Check(SimLaptop& laptop) {
    const auto in_force = InForce(laptop);
    for (const auto& [name, sha256] : in_force) {
      EXPECT_TRUE(published_.contains(sha256)) << name << " was never published";
    }
    const v1::AcceptedState state = laptop.Saved();
    for (const auto& floor : state.floors()) {
      auto& before = floors_[laptop.id()][floor.name()];
      const auto now = std::make_pair(floor.epoch(), floor.version());
      EXPECT_GE(now, before) << floor.name();
      before = now;
    }
    CheckShown(laptop);
  }
  void CheckHealed(SimLaptop& laptop) {
    auto in_force = InForce(laptop), wanted = Wanted(laptop);
    for (const std::string& line : Shown(laptop)) {
      // A deny that was made while the clocks were behind may have ended for a device that has
      // seen documents from later: then the controller shows that, and why.
      if (absl::StartsWith(line, "emergency-deny NACKED EXPIRED")) {
        in_force.erase(kEmergencyDenyName);
        wanted.erase(kEmergencyDenyName);
        continue;
      }
      EXPECT_TRUE(absl::EndsWith(line, " VERIFIED ")) << line;
    }
    // One that has ended is kept, and says nothing any more.
    if (!wanted.contains(kEmergencyDenyName)) in_force.erase(kEmergencyDenyName);
    EXPECT_EQ(in_force, wanted);
  }

  std::mt19937_64 random_{Seed()};
  absl::Time now_ = clock_.Now();
  uint64_t deny_version_ = 0;
  std::vector<std::string> captured_;
  std::map<std::string, std::set<std::string>> had_;
  std::map<std::string, std::map<std::string, std::pair<uint32_t, uint64_t>>> floors_;
};

TEST_F(FaultsTest, AThousandRounds) {
  NewLaptop("alice");
  NewLaptop("bob");
  Heal();
  const uint64_t rounds = Number("MUSTER_FAULT_ROUNDS", 1'000);
  ASSERT_GT(rounds, 0u);
  for (uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE("seed " + std::to_string(Seed()) + ", round " + std::to_string(round));
    SimLaptop& laptop = *laptops_[static_cast<size_t>(Pick(2))];
    OrderFaults(laptop);
    if (OneIn(2)) Operate();
    Play(laptop);
    Check(laptop);
    Heal();
    for (const auto& each : laptops_) {
      Check(*each);
      CheckHealed(*each);
    }
    if (HasFailure()) return;  // What follows would only repeat it.
  }
}

}  // namespace
}  // namespace muster
