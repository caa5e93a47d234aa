// Runs a packager's own library in a process of its own, so that a hostile database can cost
// neither this process's memory nor its time. Thread-safe.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "muster/v1/device.pb.h"

namespace muster::agent {

struct HelperCall {
  std::string program;  // absolute
  std::vector<std::string> args;
  // Whose rights it has; used when this process is root.
  uid_t uid = 0;
  gid_t gid = 0;
};

// The one v1::DeviceInventory that the helper prints, whose updated_at says that it is whole.
// NOT_FOUND: no such program; DEADLINE_EXCEEDED after limits::kHelperTime; RESOURCE_EXHAUSTED: it
// prints too much; UNAVAILABLE: it failed, with its own words; INVALID_ARGUMENT: what it prints is
// none.
absl::StatusOr<v1::DeviceInventory> RunHelper(const HelperCall& call);

// The path of the helper `name`: in `dir`, or where `dir` is empty beside this program, or where
// `cmake --install` puts it.
std::string FindHelper(const std::string& dir, const std::string& name);

}  // namespace muster::agent
