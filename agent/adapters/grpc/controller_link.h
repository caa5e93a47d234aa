// The stream to the controller, over mTLS. One channel, one stream, two threads of ours.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/flow/outbox.h"
#include "common/mutex.h"
#include "muster/v1/device_service.pb.h"

namespace grpc {
class ClientContext;
}

namespace muster::agent {

struct LinkTarget {
  std::string controller;  // host:port
  std::string ca_pem, key_pem, certificate_pem;
};

struct LinkEvents {
  std::function<v1::AgentMessage()> hello;
  std::function<void()> connected;
  std::function<void(const absl::Status&)> disconnected;
  std::function<void(const v1::ControllerMessage&)> message;
};

// How long to wait before the next attempt: full jitter over a window that doubles from 200 ms
// to 30 s and starts again after the controller has said something. A Drain's window replaces
// one wait. Pure but for the random number; thread-compatible.
class Backoff {
 public:
  absl::Duration NextWindow();
  void Succeeded() { failures_ = 0; }
  void Drain(absl::Duration window) { drain_ = window; }

 private:
  int failures_ = 0;
  absl::Duration drain_ = absl::ZeroDuration();
};

// Connects and reconnects until it is destroyed.
class ControllerLink {
 public:
  ControllerLink(LinkTarget target, LinkEvents events, Outbox* outbox);
  ~ControllerLink();

 private:
  void Run();
  absl::Status RunStream();
  // False: stopping.
  bool Sleep(absl::Duration d);

  const LinkTarget target_;
  const LinkEvents events_;
  Outbox* const outbox_;
  Backoff backoff_;
  Mutex mu_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread thread_;
};

// DeviceService.Enroll over TLS with `ca_pem`, without a client certificate. UNAVAILABLE: no
// controller there, or its certificate is not by this CA; else what the controller says.
absl::StatusOr<v1::EnrollResponse> CallEnroll(const std::string& controller,
                                              const std::string& ca_pem,
                                              const v1::EnrollRequest& request);

}  // namespace muster::agent
