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

// The window within which the next attempt is made, at a random moment (full jitter). It doubles
// from 200 ms to 30 s, and starts again after a stream that lived for 30 s, or for ten times the
// window before it: so a restarted controller is found again quickly, and whatever ends every
// stream at once is not tried at full speed. Pure; thread-compatible.
class Backoff {
 public:
  // A stream ended, or could not begin: `lived` is then zero.
  // `taken_over`: another agent with this certificate has connected; two copies must not throw
  // each other out at full speed.
  void Ended(absl::Duration lived, bool taken_over);
  // Replaces the next window.
  void Drain(absl::Duration window) { drain_ = window; }
  absl::Duration NextWindow();

 private:
  int failures_ = 0;
  bool taken_over_ = false;
  absl::Duration drain_ = absl::ZeroDuration(), last_ = absl::ZeroDuration();
};

// Connects and reconnects until it is destroyed.
class ControllerLink {
 public:
  // `target` is asked at every attempt: a renewed certificate is used by the next one.
  ControllerLink(std::function<LinkTarget()> target, LinkEvents events, Outbox* outbox);
  ~ControllerLink();

  // Ends the present stream, as a Drain of a moment would.
  void Reconnect();

 private:
  void Run();
  absl::Status RunStream(absl::Duration* lived);
  // False: stopping.
  bool Sleep(absl::Duration d);

  const std::function<LinkTarget()> target_;
  const LinkEvents events_;
  Outbox* const outbox_;
  Backoff backoff_;
  Mutex mu_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool reconnect_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread thread_;
};

// DeviceService.Enroll over TLS with `ca_pem`, without a client certificate. UNAVAILABLE: no
// controller there, or its certificate is not by this CA; else what the controller says.
absl::StatusOr<v1::EnrollResponse> CallEnroll(const std::string& controller,
                                              const std::string& ca_pem,
                                              const v1::EnrollRequest& request);

// DeviceService.Renew with the present certificate: the new one in PEM. Errors as CallEnroll.
absl::StatusOr<std::string> CallRenew(const LinkTarget& target, const std::string& csr);

}  // namespace muster::agent
