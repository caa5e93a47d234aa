// The supervisor's end: answers one worker until that is gone.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "agent/adapters/files/file_io.h"
#include "agent/flow/enforcer.h"
#include "muster/v1/agent_gate.pb.h"

namespace muster::agent {

class GateServer {
 public:
  struct Parts {
    Enforcer* enforcer = nullptr;
    // What the supervisor itself adds to the enforcer's status.
    std::function<void(v1::GateStatus&)> add_status;
    // Each state that was put in force, as it came.
    std::function<void(const v1::GateState&)> on_state;
  };
  GateServer(Fd socket, Parts parts);
  // Waits for the question at hand.
  ~GateServer();

 private:
  void Serve();
  v1::GateReply Answer(v1::GateRequest request);

  const Fd socket_;
  const Parts parts_;
  std::thread thread_;
};

}  // namespace muster::agent
