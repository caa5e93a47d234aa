// Tells other systems of every transition, signed, at least once and in order. The audit log is the
// outbox: an event exists exactly when its change does, and each receiver has a place in it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "controller/flow/services.h"
#include "muster/v1/audit.pb.h"
#include "muster/v1/guidance.pb.h"
#include "muster/v1/webhook.pb.h"

namespace muster {

struct Webhook {
  std::string name, url, ca_file;   // ca_file empty: the system's authorities
  std::string secret;               // of the HMAC
  std::vector<std::string> topics;  // "grant.*", "request.deny"; empty: all
};

struct WebhookPost {
  std::string url, ca_file, body;
  std::vector<std::string> headers;  // "Name: value"
};

// Thread-safe.
class WebhookTransport {
 public:
  virtual ~WebhookTransport() = default;
  // OK when the receiver answered 2xx; else what it answered, or why it could not be reached.
  virtual absl::Status Post(const WebhookPost& post) = 0;
};

// The event of one audit entry as JSON: id, topic, time, tenant, transaction id, actor, reason,
// object, state before and after, the record, and the texts for requester and person.
absl::StatusOr<std::string> EventBody(const Services& services, const Snapshot& snapshot,
                                      const v1::AuditEntry& entry);
// With the signature: hex HMAC-SHA256 over "<id>.<unix seconds>.<body>".
WebhookPost MakePost(const Webhook& webhook, const v1::AuditEntry& entry, std::string body,
                     absl::Time now);

// One receiver. Run() blocks until Stop(); call it from one thread.
class WebhookSender {
 public:
  using OnError = std::function<void(const absl::Status&, absl::string_view)>;
  WebhookSender(const Services& services, Webhook webhook, WebhookTransport& transport,
                OnError on_error)
      : services_(services),
        webhook_(std::move(webhook)),
        transport_(transport),
        on_error_(std::move(on_error)) {}

  void Run();
  void Stop();
  // Delivers what is due now. How long until there may be more to do.
  absl::StatusOr<absl::Duration> Round();

 private:
  absl::StatusOr<v1::WebhookState> Load(const Snapshot& snapshot, uint64_t* revision) const;
  absl::StatusOr<absl::Duration> Deliver(const Snapshot& snapshot, v1::WebhookState state,
                                         uint64_t revision);
  bool Wants(absl::string_view topic) const;
  absl::Status Save(const v1::WebhookState& state, uint64_t& revision);

  const Services& services_;
  const Webhook webhook_;
  WebhookTransport& transport_;
  const OnError on_error_;
  Mutex mu_;
  CondVar stopping_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace muster
