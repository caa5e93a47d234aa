// A bridge's engine against the simulator on one fake clock: calls side by side, each with its
// latency, and kills at any moment. For tests and benchmarks.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bridge/adapters/ws1/ws1_client.h"
#include "bridge/flow/fleet.h"
#include "common/clock.h"
#include "tests/bridge/memory_bridge_store.h"
#include "tests/support/uem_simulator/client_options.h"
#include "tests/support/uem_simulator/simulator.h"

namespace muster::bridge {

class Driver {
 public:
  // The policy of a phone, by what its record says.
  using PolicyOf = std::function<PhonePolicyPtr(const v1::PhoneRecord&)>;

  Driver(FakeClock* clock, uemsim::Simulator* sim, Ws1Options uem, FleetOptions options,
         PolicyOf policy_of)
      : clock_(clock),
        sim_(sim),
        client_(std::move(uem), sim, clock),
        options_(std::move(options)),
        policy_of_(std::move(policy_of)) {
    Start();
  }

  // Until the moment, or until `done` (looked at after each step).
  void RunUntil(absl::Time end, const std::function<bool()>& done = nullptr) {
    while (clock_->Now() < end && !(done && done())) Step(end);
  }
  // The calls that are under way have had their effect; nobody hears of their answers.
  void Kill() {
    answers_.clear();
    fleet_.reset();
    store_.Crash();
    Start();
  }
  // The next call is killed between the store's commit and the call itself.
  void LoseNextCall() { lose_next_ = true; }
  // As if the phone's documents changed.
  void Renew(const std::string& device_id) {
    const auto it = phones_.find(device_id);
    if (it != phones_.end()) fleet_->SetPolicy(device_id, policy_of_(it->second), clock_->Now());
  }

  Fleet& fleet() { return *fleet_; }
  const std::map<std::string, v1::PhoneReport>& reports() const { return reports_; }
  const std::map<std::string, v1::PhoneRecord>& phones() const { return phones_; }
  uint64_t report_count() const { return report_count_; }
  uint64_t calls() const { return calls_; }
  absl::Time last_sync() const { return last_sync_; }          // when it was sent
  const std::set<std::string>& left() const { return left_; }  // whoever was said to be gone
  absl::Status trouble;                                        // the last that Next() told
  std::function<void(const UemCall&)> before_call;  // what happens in the world meanwhile

 private:
  struct Pending {
    UemCall call;
    UemAnswer answer;
  };

  void Start() {
    FleetEvents events;
    events.appeared = [this](const v1::PhoneRecord& record) {
      phones_[record.device_id()] = record;
      fresh_.insert(record.device_id());
    };
    events.left = [this](const std::string& id) {
      phones_.erase(id);
      left_.insert(id);
    };
    events.changed = [this](const PhoneChange& change) {
      reports_[change.device_id] = change.report;
      ++report_count_;
    };
    fleet_ = std::make_unique<Fleet>(options_, &store_, std::move(events));
    trouble = fleet_->Load(clock_->Now());
    phones_.clear();
    for (const v1::PhoneRecord& record : fleet_->records()) {
      phones_[record.device_id()] = record;
      fresh_.insert(record.device_id());
    }
  }

  void Step(absl::Time end) {
    const absl::Time now = clock_->Now();
    while (!answers_.empty() && answers_.begin()->first <= now) {
      const Pending pending = std::move(answers_.begin()->second);
      answers_.erase(answers_.begin());
      fleet_->Answer(pending.call, pending.answer, now);
    }
    for (const std::string& id : std::exchange(fresh_, {})) Renew(id);
    while (true) {
      absl::StatusOr<std::optional<UemCall>> call = fleet_->Next(now);
      if (!call.ok()) trouble = call.status();
      if (!call.ok() || !call->has_value()) break;
      if (std::exchange(lose_next_, false)) {
        Kill();
        return;
      }
      ++calls_;
      if ((*call)->kind == UemCall::Kind::kSyncUserGroup) last_sync_ = now;
      if (before_call) before_call(**call);
      UemAnswer answer = client_.Do(**call);
      const absl::Duration latency =
          std::clamp(sim_->TakeLatency(), absl::Milliseconds(1), absl::Seconds(60));
      answers_.emplace(now + latency, Pending{**call, std::move(answer)});
    }
    absl::Time next = std::min(end, fleet_->WakeAt(now));
    if (!answers_.empty()) next = std::min(next, answers_.begin()->first);
    clock_->Set(std::max(next, now + absl::Milliseconds(1)));
  }

  FakeClock* clock_;
  uemsim::Simulator* sim_;
  Ws1Client client_;
  FleetOptions options_;
  PolicyOf policy_of_;
  MemoryBridgeStore store_;
  std::unique_ptr<Fleet> fleet_;
  std::multimap<absl::Time, Pending> answers_;
  std::set<std::string> fresh_;  // their policy is due
  std::set<std::string> left_;
  std::map<std::string, v1::PhoneRecord> phones_;
  std::map<std::string, v1::PhoneReport> reports_;
  uint64_t report_count_ = 0, calls_ = 0;
  absl::Time last_sync_ = absl::InfinitePast();
  bool lose_next_ = false;
};

}  // namespace muster::bridge
