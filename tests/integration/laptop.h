// The laptop of the tests: a tmpfs with programs on it, throwaway accounts, and a real agent that
// enforces on that tmpfs alone. Needs root. Everything is taken back in the destructors; mounts
// are private to the test process and end with it, accounts of a killed test are removed by the
// next one. Thread-compatible.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/tenant.h"

namespace muster {

// Local accounts muster-it-<pid>-a, -b, ..., without home directories.
class TestAccounts {
 public:
  explicit TestAccounts(int count);
  ~TestAccounts();
  TestAccounts(const TestAccounts&) = delete;
  TestAccounts& operator=(const TestAccounts&) = delete;

  const std::string& name(size_t n) const { return names_[n]; }
  uid_t uid(size_t n) const { return uids_[n]; }

 private:
  std::vector<std::string> names_;
  std::vector<uid_t> uids_;
};

// What came of an attempt to start a program.
enum class Started { kRan, kBlocked, kKilled, kOther };
std::ostream& operator<<(std::ostream& os, Started started);

// As `uid`. kRan: it ran and exited with 0; kBlocked: execve gave EPERM; kKilled: SIGKILL ended
// it, as it ends what runs already when a policy arrives. Anything else is a failure. `login_uid`
// as in process.h.
Started TryRun(const std::vector<std::string>& argv, uid_t uid,
               std::optional<uint32_t> login_uid = std::nullopt);

// muster-agent on one state directory.
class TestAgent {
 public:
  // `more` are further arguments for enrolment and running.
  TestAgent(std::string state, std::string log, std::vector<std::string> more)
      : state_(std::move(state)), log_(std::move(log)), more_(std::move(more)) {}

  // Both as a command with its result; `Ask` as root, or as `uid`.
  CommandResult Enrol(const TestTenant& tenant, const std::string& token_file,
                      const std::vector<std::string>& args = {}) const;
  CommandResult Ask(std::vector<std::string> args, std::optional<uid_t> uid = std::nullopt) const;

  // Returns when it answers; a failure when it does not. `by`: a program that becomes the agent.
  void Start(const std::vector<std::string>& args, const std::vector<std::string>& by = {});
  void Kill() { program_->Kill(); }
  void Stop();  // expects that it ends well
  bool Running() { return program_ != nullptr && program_->Running(); }
  pid_t pid() const { return program_->pid(); }

  Json Status() const;  // null when it does not answer
  // "VERDICT reason" for an account.
  std::string Explain(const std::string& app, const std::string& account) const;
  std::string DeviceId() const;  // of agent.json
  const std::string& state() const { return state_; }
  std::string browser_root() const { return state_ + "-browsers"; }
  std::string Log() const { return ReadWhole(log_); }

 private:
  const std::string state_, log_;
  const std::vector<std::string> more_;
  std::unique_ptr<Program> program_;
};

class TestLaptop {
 public:
  // Makes the tmpfs below `folder` and puts `chat` and `editor` on it: two programs of ours that
  // end with 0 at once. Package database, flatpaks, snaps and homes are empty ones of its own.
  explicit TestLaptop(const std::string& folder);
  ~TestLaptop();
  TestLaptop(const TestLaptop&) = delete;
  TestLaptop& operator=(const TestLaptop&) = delete;

  // Enrols it for `owner`, starts the agent and waits until it enforces and the controller has
  // verified the policy that is in force on it.
  void Join(TestTenant& tenant, const std::string& owner);
  void StartAgent(const std::vector<std::string>& by = {}) {
    agent_.Start({"--filesystems", mount_}, by);
  }
  void StartMonitor() { agent_.Start({"--filesystems", mount_, "--monitor"}); }
  // False when it is not so in time for a loaded machine.
  bool WaitForVerifiedPolicy(TestTenant& tenant) const {
    return tenant.WaitForVerifiedPolicy(device_);
  }
  bool WaitForConnection(bool connected) const;

  TestAgent& agent() { return agent_; }
  const std::string& device() const { return device_; }
  const std::string& mount() const { return mount_; }
  std::string chat() const { return mount_ + "/chat"; }
  std::string editor() const { return mount_ + "/editor"; }
  // Packages without files, as dpkg would note them.
  void InstallPackage(const std::string& name, const std::string& version) const;
  void RemoveAllPackages() const;

 private:
  const std::string folder_, mount_;
  TestAgent agent_;
  std::string device_;
};

}  // namespace muster
