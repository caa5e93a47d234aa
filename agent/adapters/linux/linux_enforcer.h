// Enforcement on this machine: which filesystems and files are marked, armed or not.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/adapters/linux/gate.h"
#include "agent/flow/enforcer.h"

namespace muster::agent {

struct EnforcerOptions {
  bool monitor = false;
  // Paths whose filesystems are marked; empty: all that can hold programs.
  std::vector<std::string> filesystems;
  GateHooks hooks;
};

// Thread-safe. Without CAP_SYS_ADMIN it works and only says that nothing can be blocked.
class LinuxEnforcer final : public Enforcer {
 public:
  // `on_record` runs on the decision thread after a first decision is kept: it must not block.
  LinuxEnforcer(EnforcerOptions options, const Clock* clock, Machine* machine,
                std::function<void()> on_record);
  ~LinuxEnforcer() override;

  // Puts the gate up. Mounts that come later: call RefreshMarks.
  void Start();
  void RefreshMarks();

  void Swap(EnforcementState state) override;
  void SetArmed(bool armed) override;
  EnforcerStatus status() const override;
  std::vector<ExecRecord> TakeRecords(uint32_t* dropped) override;
  void KillDisallowed() override;
  std::vector<v1::Canary> Prove() override;

 private:
  void OpenGate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RetireGate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MarkAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MarkMounts() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MarkFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void KillOne(const GateState::View& view, int pid);

  const EnforcerOptions options_;
  GateState shared_;
  Mutex kill_mu_;  // one search at a time is enough
  mutable Mutex mu_;
  std::unique_ptr<Gate> gate_ ABSL_GUARDED_BY(mu_);
  bool armed_ ABSL_GUARDED_BY(mu_) = true;
  std::string open_error_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> marked_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> failed_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> marked_files_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> retired_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> enforcing_{false};
};

}  // namespace muster::agent
