// The subcommands of muster-bridge; each returns the exit code (DESIGN, section 12).
#pragma once

#include <string>

#include "absl/status/status.h"

namespace muster::bridge {

struct EnrollOptions {
  std::string controller, ca_file, token_file, state_dir, name;
  bool force = false;
};
int RunEnroll(const EnrollOptions& options);

struct RunOptions {
  std::string state_dir, config_file;
};
// Speaks for the phones until SIGTERM or SIGINT.
int RunBridge(const RunOptions& options);

struct StatusOptions {
  std::string state_dir;
  std::string output = "table";  // or "json"
};
int RunStatus(const StatusOptions& options);

// Prints the error; its exit code.
int Fail(const absl::Status& status);

// Below the state directory: everything that the bridge keeps.
inline constexpr char kDatabaseFile[] = "bridge.db";
// Of this machine; empty: it has none.
std::string HostName();

}  // namespace muster::bridge
