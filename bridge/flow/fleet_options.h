// What a fleet is told when it is made, and whom it tells.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/domain/pacer.h"
#include "bridge/domain/uem.h"
#include "common/fleet_limits.h"
#include "muster/v1/bridge.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::bridge {

// What the agency has set up for one app.
struct AppConfig {
  std::string app_id;
  std::optional<ManagedApp> ios, android;
  // The UEM's copy of the app's approval group: its UUID; empty: none is told of approvals.
  std::string user_group;

  const std::optional<ManagedApp>& managed(v1::Platform::Id platform) const {
    return platform == v1::Platform::IOS ? ios : android;
  }
};

struct FleetOptions {
  std::string tenant, bridge_id;
  std::vector<AppConfig> apps;
  PacerOptions pace;
  // The list of all phones is read again, which tells which of them checked in.
  absl::Duration list_every = limits::kPhoneListEvery;
  absl::Duration sweep_every = absl::Hours(6);  // every phone's apps are read again
  // Signs a restrictions profile (CMS) at this time, or says why not: then it is not sent. Null:
  // profiles go unsigned.
  std::function<absl::StatusOr<std::string>(const std::string&, absl::Time now)> sign_profile;
  // For people: what is or soon will be wrong with signing; empty: nothing. May be null.
  std::function<std::string(absl::Time now)> signing_trouble;

  const AppConfig* Find(const std::string& app_id) const;  // null: not set up
};

struct PhoneChange {
  std::string device_id;
  v1::PhoneReport report;
  // Everything installed, where it was read and is another than before.
  std::optional<v1::InventoryReport> inventory;
  // Absent while its policy is not known: then nothing is enforced, and nothing is claimed.
  std::optional<v1::StatusReport> status;
  std::vector<v1::Canary> canaries;  // what proves the enforcement
};

// What happened to a phone; the sessions tell the controller. All three are set, and call nothing
// of the fleet.
struct FleetEvents {
  std::function<void(const v1::PhoneRecord&)> appeared;    // new, or its identity changed
  std::function<void(const std::string& device_id)> left;  // no longer in the UEM's list
  // Its facts, its apps or a state changed: report it.
  std::function<void(const PhoneChange&)> changed;
};

}  // namespace muster::bridge
