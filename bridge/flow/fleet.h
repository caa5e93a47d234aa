// The phones of one bridge: what each should have, what was read of it, and which call to the UEM
// comes next. Load -> decide -> commit; knows no transport, no clock of its own and no thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bridge/domain/phone_policy.h"
#include "bridge/domain/uem.h"
#include "bridge/flow/bridge_store.h"
#include "bridge/flow/fleet_options.h"
#include "muster/v1/bridge.pb.h"

namespace muster::bridge {

// Thread-compatible: one lock around it.
class Fleet {
 public:
  Fleet(FleetOptions options, BridgeStore* store, FleetEvents events);
  ~Fleet();

  // Records and operations of before. What was SENT is resolved by reading before anything else of
  // its target is sent. DATA_LOSS, UNAVAILABLE.
  absl::Status Load(absl::Time now);

  // The signed documents of a phone say this now.
  void SetPolicy(const std::string& device_id, PhonePolicyPtr policy, absl::Time now);
  // What proves the enforcement on a phone now; empty: nothing.
  std::vector<v1::Canary> Canaries(const std::string& device_id, absl::Time now) const;
  // The controller lost what was told of this phone: all of it is told again.
  void ReportAnew(const std::string& device_id, absl::Time now);
  // Something may have changed there: a webhook. Read it soon; never believed.
  void Hint(const std::string& uem_id, absl::Time now);
  // The members of an approval group changed: the UEM is told to follow.
  void SyncGroup(const std::string& app_id, absl::Time now);

  // The next call, urgent ones first, as soon as the pacer lets it; empty: not now. An operation is
  // SENT in the store before it is returned here.
  absl::StatusOr<std::optional<UemCall>> Next(absl::Time now);
  // When Next() has something to say again, unless an answer or an event comes before.
  absl::Time WakeAt(absl::Time now) const;
  void Answer(const UemCall& call, const UemAnswer& answer, absl::Time now);

  v1::BridgeReport report() const;
  std::vector<v1::PhoneRecord> records() const;
  std::vector<v1::BridgeOperation> operations() const;  // open, and refused ones

 private:
  struct Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace muster::bridge
