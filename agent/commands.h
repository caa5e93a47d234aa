// The subcommands of muster-agent; each returns the exit code (DESIGN, section 12).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/adapters/files/local_machine.h"

namespace muster::agent {

struct EnrollOptions {
  std::string controller, ca_file, token_file, state_dir, hostname;
  bool force = false;
  MachinePaths machine;
};
int RunEnroll(const EnrollOptions& options);

struct RunOptions {
  std::string state_dir;
  std::vector<std::string> arguments;  // everything after `run`, as it was typed
};
// Becomes the supervisor, which starts `worker` with the same arguments.
int RunAgent(const RunOptions& options);

struct WorkerOptions {
  std::string state_dir;
  std::string run_user_dir = "/run/user";  // the session buses are below it
  MachinePaths machine;
  std::string browser_root = "/";  // stands before the paths of browsers' policy files
};
int RunWorker(const WorkerOptions& options);

struct AskOptions {
  std::string state_dir;
  std::string output = "table";  // or "json"
};
int RunStatus(const AskOptions& options);
int RunExplain(const AskOptions& options, const std::string& app, const std::string& user);

struct DisarmOptions {
  std::string state_dir, reason, output;
  absl::Duration duration;
  bool rearm = false;
};
int RunDisarm(const DisarmOptions& options);

struct WitnessOptions {
  std::string state_dir, out;  // empty `out`: to standard output
};
int RunWitness(const WitnessOptions& options);

struct VerifyOptions {
  std::string trust_file, state_dir, device_id, at;
  std::vector<std::string> files;
};
int RunVerify(const VerifyOptions& options);

// Prints the error; its exit code.
int Fail(const absl::Status& status);

}  // namespace muster::agent
