// The supervisor's end: answers one worker until that is gone.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "agent/adapters/files/file_io.h"
#include "agent/flow/enforcer.h"
#include "common/mutex.h"
#include "muster/v1/agent_gate.pb.h"

namespace muster::agent {

class GateServer {
 public:
  struct Parts {
    Enforcer* enforcer = nullptr;
    // What the supervisor itself adds to the enforcer's status.
    std::function<void(v1::GateStatus&)> add_status;
    // Decisions that went to a worker which may have died with them.
    std::function<void(uint32_t)> on_lost;
    // Each state that was put in force, as it came.
    std::function<void(const v1::GateState&)> on_state;
  };
  GateServer(Fd socket, Parts parts);
  // Waits for the question at hand.
  ~GateServer();

  // Begins no further question. False: one is at hand that may take seconds.
  bool Stop();
  bool finished() const { return finished_; }

 private:
  void Serve();
  // False: stopped.
  bool Begin(const v1::GateRequest& request);
  v1::GateReply Answer(v1::GateRequest request);

  const Fd socket_;
  const Parts parts_;
  Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  bool slow_ ABSL_GUARDED_BY(mu_) = false;  // the question at hand takes its time
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

}  // namespace muster::agent
