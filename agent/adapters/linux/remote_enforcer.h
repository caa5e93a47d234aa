// The worker's end of enforcement: every call is one question to the supervisor.
#pragma once

#include <vector>

#include "agent/adapters/files/file_io.h"
#include "agent/flow/enforcer.h"
#include "common/mutex.h"
#include "muster/v1/agent_gate.pb.h"

namespace muster::agent {

// Thread-safe: one question at a time. A supervisor that does not answer ends this process, and
// a new worker takes its place.
class RemoteEnforcer final : public Enforcer {
 public:
  explicit RemoteEnforcer(Fd socket) : socket_(std::move(socket)) {}

  void Swap(EnforcementState state) override;
  void SetArmed(bool armed) override;
  EnforcerStatus status() const override;
  std::vector<ExecRecord> TakeRecords(uint32_t* dropped) override;
  void KillDisallowed() override;
  std::vector<v1::Canary> Prove() override;

 private:
  v1::GateReply Ask(const v1::GateRequest& request) const;

  mutable Mutex mu_;
  const Fd socket_;
};

}  // namespace muster::agent
