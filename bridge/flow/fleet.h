// The phones of one bridge: what each should have, what was read of it, and which call to the UEM
// comes next. Load -> decide -> commit; knows no transport, no clock of its own and no thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bridge/domain/pacer.h"
#include "bridge/domain/phone_policy.h"
#include "bridge/domain/phone_state.h"
#include "bridge/domain/uem.h"
#include "bridge/flow/bridge_store.h"
#include "muster/v1/bridge.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::bridge {

// What the agency has set up for one app.
struct AppConfig {
  std::string app_id;
  std::optional<ManagedApp> ios, android;
  // The UEM's copy of the app's approval group: its UUID; empty: none is told of approvals.
  std::string user_group;
};

struct FleetOptions {
  std::string tenant, bridge_id;
  std::vector<AppConfig> apps;
  PacerOptions pace;
  absl::Duration sweep_every = absl::Hours(6);  // every phone's apps are read again
  // Signs a restrictions profile (CMS); null: profiles go unsigned.
  std::function<absl::StatusOr<std::string>(const std::string&)> sign_profile;
};

// Device ids are made from the tenant, the bridge and the UEM's id of the phone, so that a bridge
// that lost its state speaks for the same devices.
std::string PhoneDeviceId(const std::string& tenant, const std::string& bridge_id,
                          const std::string& uem_id);

// What happened to a phone; the sessions tell the controller.
struct FleetEvents {
  std::function<void(const v1::PhoneRecord&)> appeared;    // new, or its identity changed
  std::function<void(const std::string& device_id)> left;  // no longer in the UEM's list
  // Its facts, its apps or a state changed: report it. `inventory`: everything installed, where it
  // was read and is another than before.
  std::function<void(const std::string& device_id, const v1::PhoneReport&,
                     const std::optional<v1::InventoryReport>& inventory)>
      changed;
};

// Thread-compatible: one lock around it.
class Fleet {
 public:
  Fleet(FleetOptions options, BridgeStore* store, FleetEvents events);

  // Records and operations of before. What was SENT is resolved by reading before anything else of
  // its target is sent. DATA_LOSS, UNAVAILABLE.
  absl::Status Load(absl::Time now);

  // The signed documents of a phone say this now.
  void SetPolicy(const std::string& device_id, PhonePolicyPtr policy, absl::Time now);
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
};

}  // namespace muster::bridge
