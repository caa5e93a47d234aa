// Runs what reads files of strangers (a packager's own library, an export) in a process of its own,
// so that a hostile one can cost neither this process's memory nor its time. Thread-safe.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/agent_limits.h"
#include "muster/v1/device.pb.h"

namespace muster::agent {

struct HelperCall {
  std::string program;  // absolute
  std::vector<std::string> args;
  // Whose rights it has; used when this process is root.
  uid_t uid = 0;
  gid_t gid = 0;
  // Become the descriptors 3, 4, … of the helper; -1: that one is closed.
  std::vector<int> fds = {};
  uint64_t memory_bytes = limits::kHelperMemoryBytes;
  size_t answer_bytes = limits::kMaxHelperBytes;
  absl::Duration time = limits::kHelperTime;
};

// What a helper printed and complained, whatever it ended with.
struct HelperAnswer {
  std::string out;    // at most HelperCall::answer_bytes
  std::string words;  // clean text, short
};

// Waits for its end. NOT_FOUND: no such program; DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED: it took or
// printed more than `call` allows, and was killed; UNAVAILABLE: it could not be started.
absl::StatusOr<HelperAnswer> AskHelper(const HelperCall& call);

// The one v1::DeviceInventory that the helper prints, whose updated_at says that it is whole.
// NOT_FOUND: no such program; DEADLINE_EXCEEDED after limits::kHelperTime; RESOURCE_EXHAUSTED: it
// prints too much; UNAVAILABLE: it failed, with its own words; INVALID_ARGUMENT: what it prints is
// none.
absl::StatusOr<v1::DeviceInventory> RunHelper(const HelperCall& call);

// The path of the helper `name`: in `dir`, or where `dir` is empty beside this program, or where
// `cmake --install` puts it.
std::string FindHelper(const std::string& dir, const std::string& name);

}  // namespace muster::agent
