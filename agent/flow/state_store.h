// The seam to the agent's state directory: small files by name, each written whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster::agent {

// Names below the state directory.
inline constexpr char kIdentityFile[] = "agent.json";
inline constexpr char kDeviceKeyFile[] = "device.key";
inline constexpr char kDeviceCertFile[] = "device.pem";
inline constexpr char kCaFile[] = "ca.pem";
inline constexpr char kAcceptedFile[] = "accepted.pb";
inline constexpr char kRootFile[] = "root.pb";
inline constexpr char kCohortFile[] = "cohort.pb";
inline constexpr char kAssignmentFile[] = "assignment.pb";
inline constexpr char kBeaconFile[] = "beacon.pb";
inline constexpr char kEmergencyDenyFile[] = "emergency-deny.pb";
inline constexpr char kLearnedFile[] = "learned.pb";
inline constexpr char kInventoryFile[] = "inventory.pb";
inline constexpr char kDisarmFile[] = "disarm.pb";
inline constexpr char kBrowserFile[] = "browser-policies.json";
inline constexpr char kChainFile[] = "chain.pb";
inline constexpr char kSpoolDir[] = "spool";
inline constexpr char kChunkDir[] = "chunks";
// Below it is what any local user may read.
inline constexpr char kPublicDir[] = "run";
inline constexpr char kSeenLogFile[] = "run/audit-log.pb";  // a copy; accepted.pb alone decides
inline constexpr char kSocketFile[] = "run/agent.sock";
inline constexpr char kPidFile[] = "run/agent.pid";

// Thread-safe.
class StateStore {
 public:
  virtual ~StateStore() = default;
  // nullopt: there is no such file. UNAVAILABLE: it cannot be read.
  virtual absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const = 0;
  // The old or the new contents are on disk after a crash at any moment, and the new ones when
  // this returns ok. RESOURCE_EXHAUSTED: no space; UNAVAILABLE: any other failure.
  virtual absl::Status Write(const std::string& name, absl::string_view bytes) = 0;
  // Success when it is gone afterwards.
  virtual absl::Status Remove(const std::string& name) = 0;
  // Names (not paths) in a directory below the state directory, sorted; a missing one is empty.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const = 0;
};

}  // namespace muster::agent
