#include "agent/adapters/linux/remote_enforcer.h"

#include <unistd.h>

#include <utility>

#include "agent/adapters/linux/frames.h"
#include "agent/flow/gate_messages.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

// sysexits(3), EX_UNAVAILABLE: the supervisor starts another worker on it.
constexpr int kExitAlone = 69;

}  // namespace

v1::GateReply RemoteEnforcer::Ask(const v1::GateRequest& request) const {
  MutexLock lock(&mu_);
  v1::GateReply reply;
  absl::Status status = SendFrame(socket_.get(), request, limits::kGateAnswerTime);
  if (status.ok()) status = ReceiveFrame(socket_.get(), &reply, limits::kGateAnswerTime);
  if (!status.ok()) {
    Log(Severity::kError, "the worker lost its supervisor: ", status.message());
    _exit(kExitAlone);
  }
  return reply;
}

void RemoteEnforcer::Swap(EnforcementState state) {
  v1::GateRequest request;
  *request.mutable_swap() = ToGateState(state);
  Ask(request);
}

void RemoteEnforcer::SetArmed(bool armed) {
  v1::GateRequest request;
  request.set_set_armed(armed);
  Ask(request);
}

EnforcerStatus RemoteEnforcer::status() const {
  v1::GateRequest request;
  request.mutable_status();
  return FromGateStatus(Ask(request).status());
}

std::vector<ExecRecord> RemoteEnforcer::TakeRecords(uint32_t* dropped) {
  v1::GateRequest request;
  request.mutable_take_records();
  const v1::GateReply reply = Ask(request);
  *dropped = reply.dropped();
  std::vector<ExecRecord> out;
  out.reserve(static_cast<size_t>(reply.records_size()));
  for (const v1::GateRecord& record : reply.records()) out.push_back(FromGateRecord(record));
  return out;
}

void RemoteEnforcer::KillDisallowed() {
  v1::GateRequest request;
  request.mutable_kill_disallowed();
  Ask(request);
}

std::vector<v1::Canary> RemoteEnforcer::Prove() {
  v1::GateRequest request;
  request.mutable_prove();
  const v1::GateReply reply = Ask(request);
  return {reply.canaries().begin(), reply.canaries().end()};
}

}  // namespace muster::agent
