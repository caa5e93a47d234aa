// Enforcement on this machine: which filesystems and files are marked, armed or not.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/adapters/linux/gate.h"
#include "agent/adapters/linux/lookout.h"
#include "agent/adapters/linux/mount_marks.h"
#include "agent/adapters/linux/process_judge.h"
#include "agent/flow/enforcer.h"

namespace muster::agent {

struct EnforcerOptions {
  bool monitor = false;
  MarkScope scope;
  GateHooks hooks;
};

// Thread-safe. Without CAP_SYS_ADMIN it works and only says that nothing can be blocked.
class LinuxEnforcer final : public Enforcer {
 public:
  // `on_event` runs after a first decision is kept or the marks changed: it must not block.
  LinuxEnforcer(EnforcerOptions options, const Clock* clock, Machine* machine,
                std::function<void()> on_event);
  ~LinuxEnforcer() override;

  // Puts the gate up, on descriptors of an earlier one where there are some.
  void Start(std::optional<GateGroups> groups = std::nullopt);
  // Stops deciding and gives the descriptors away, so that Start here or in another program can
  // go on with them: nothing passes in between. Empty: nothing is blocked anyway.
  std::optional<GateGroups> HandOver();

  void Swap(EnforcementState state) override;
  void SetArmed(bool armed) override;
  EnforcerStatus status() const override;
  std::vector<ExecRecord> TakeRecords(uint32_t* dropped) override;
  void KillDisallowed() override;
  std::vector<v1::Canary> Prove() override;

  // Takes back what the kernel was told to let through; see FanotifyGroup.
  void ForgetAllowed();

  GateState& shared() { return shared_; }
  // False when a decision has been going on for seconds.
  bool Healthy() const;

 private:
  void OpenGate(std::optional<GateGroups> groups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RetireGate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MarkFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WithGroup(const std::function<void(const FanotifyGroup&)>& use);
  std::vector<std::string> CannotEnforce() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const EnforcerOptions options_;
  const std::function<void()> on_event_;
  GateState shared_;
  MountMarks marks_;
  ProcessJudge judge_;
  Mutex kill_mu_;   // one search at a time is enough
  Mutex prove_mu_;  // one probe at a time
  mutable Mutex mu_;
  std::unique_ptr<Gate> gate_ ABSL_GUARDED_BY(mu_);
  bool armed_ ABSL_GUARDED_BY(mu_) = true;
  std::string open_error_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> marked_files_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> retired_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::Canary> canaries_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> enforcing_{false};
  std::unique_ptr<Lookout> lookout_;  // from Start to the end
};

}  // namespace muster::agent
