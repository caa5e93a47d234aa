#include "agent/adapters/linux/gate_server.h"

#include <sys/socket.h>

#include <utility>

#include "agent/adapters/linux/frames.h"
#include "agent/flow/gate_messages.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"

namespace muster::agent {

GateServer::GateServer(Fd socket, Parts parts)
    : socket_(std::move(socket)), parts_(std::move(parts)), thread_([this] { Serve(); }) {}

GateServer::~GateServer() {
  Stop();
  thread_.join();
}

bool GateServer::Stop() {
  shutdown(socket_.get(), SHUT_RDWR);
  MutexLock lock(&mu_);
  stopped_ = true;
  return !slow_;
}

// What a worker asked before it ended can still be read: it must not change anything after the
// next worker has begun.
bool GateServer::Begin(const v1::GateRequest& request) {
  MutexLock lock(&mu_);
  slow_ = request.has_prove() || request.has_kill_disallowed();
  return !stopped_;
}

void GateServer::Serve() {
  uint32_t unconfirmed = 0;  // decisions given to a worker that has not asked again since
  for (;;) {
    v1::GateRequest request;
    // A worker may have nothing to ask for as long as it likes.
    if (!ReceiveFrame(socket_.get(), &request, absl::Hours(24 * 365)).ok()) break;
    unconfirmed = 0;
    if (!Begin(request)) break;
    const v1::GateReply reply = Answer(std::move(request));
    unconfirmed = static_cast<uint32_t>(reply.records_size()) + reply.dropped();
    if (!SendFrame(socket_.get(), reply, limits::kGateAnswerTime).ok()) break;
  }
  // It may have died with them: counted as lost, though it may have reported them.
  if (unconfirmed > 0) parts_.on_lost(unconfirmed);
  finished_ = true;
}

v1::GateReply GateServer::Answer(v1::GateRequest request) {
  v1::GateReply reply;
  switch (request.request_case()) {
    case v1::GateRequest::kSwap: {
      absl::StatusOr<EnforcementState> state = FromGateState(request.swap());
      if (!state.ok()) {
        Log(Severity::kError, "the worker's state was refused: ", state.status().message());
        break;
      }
      parts_.enforcer->Swap(*std::move(state));
      parts_.on_state(request.swap());
      break;
    }
    case v1::GateRequest::kSetArmed:
      parts_.enforcer->SetArmed(request.set_armed());
      break;
    case v1::GateRequest::kStatus:
      *reply.mutable_status() = ToGateStatus(parts_.enforcer->status());
      parts_.add_status(*reply.mutable_status());
      break;
    case v1::GateRequest::kTakeRecords: {
      uint32_t dropped = 0;
      for (const ExecRecord& record : parts_.enforcer->TakeRecords(&dropped)) {
        *reply.add_records() = ToGateRecord(record);
      }
      reply.set_dropped(dropped);
      break;
    }
    case v1::GateRequest::kKillDisallowed:
      parts_.enforcer->KillDisallowed();
      break;
    case v1::GateRequest::kProve:
      for (const v1::Canary& canary : parts_.enforcer->Prove()) *reply.add_canaries() = canary;
      break;
    case v1::GateRequest::REQUEST_NOT_SET:
      break;
  }
  return reply;
}

}  // namespace muster::agent
