// Judges phones: from what is known of one to what is reported and what is to be done.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/domain/phone_state.h"
#include "bridge/flow/fleet_parts.h"
#include "bridge/flow/phone_reader.h"
#include "bridge/flow/rulings.h"

namespace muster::bridge {

// Thread-compatible.
class Judging {
 public:
  explicit Judging(FleetParts* parts);

  struct Occasion {
    const PhoneReading* reading = nullptr;  // fresh
    std::vector<GrantChange> began, ended;  // grants, by a new policy
  };
  // Load, judge, save; reports what changed and queues what is due.
  void Run(Phone& phone, const Occasion& occasion, absl::Time now);
  // Soon, or at its time: states change with it.
  void RunAt(const std::string& device_id, absl::Time at) {
    due_.Put(device_id, Urgency::kSweep, at);
  }
  void RunDue(absl::Time now);  // at most limits::kMaxJudgedAtOnce
  absl::Time NextAt() const { return due_.NextAt(/*urgent=*/false); }
  void Forget(const std::string& device_id) { due_.Drop(device_id); }

  // What proves the enforcement there now.
  std::vector<v1::Canary> CanariesOf(const Phone& phone, absl::Time now) const;
  // The controller lost what was told: all of it is told again.
  void ReportAnew(Phone& phone, absl::Time now);

  struct Profile {
    std::string hash, bytes;
  };
  // What the phone should hide now. FAILED_PRECONDITION: nothing.
  absl::StatusOr<Profile> MakeProfileOf(const Phone& phone, absl::Time now) const;

 private:
  PhoneView View(const v1::PhoneRecord& record, const PhonePolicy& policy, bool all_operations,
                 absl::Time now) const;
  void Report(v1::PhoneRecord& record, const PhonePolicy* policy, const PhoneView& view,
              std::optional<v1::InventoryReport> inventory, absl::Time now);

  FleetParts* parts_;
  Agenda due_;
  std::vector<std::pair<std::string, AppSetup>> ios_, android_;
};

}  // namespace muster::bridge
