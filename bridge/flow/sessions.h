// One multiplexed stream: for each phone the documents that were accepted for it, verified exactly
// as on a laptop, and the chain of its reports.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/flow/accept_policy.h"
#include "agent/flow/outbox.h"
#include "agent/flow/report_log.h"
#include "bridge/domain/phone_policy.h"
#include "bridge/flow/bridge_store.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "muster/v1/device_service.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::bridge {

struct BridgeIdentity {
  std::string tenant, bridge_id;
  std::string certificate_key_sha256;
  std::string instance_id;
};

// Thread-compatible: one lock around it. Answers and reports are handed out by TakeOutgoing() only
// after the store was committed.
class Sessions {
 public:
  using PolicyChanged = std::function<void(const std::string& device_id, PhonePolicyPtr)>;
  Sessions(BridgeIdentity identity, PrivateKey key, BridgeStore* store, const Clock* clock,
           PolicyChanged changed);

  absl::Status Load();
  // A stream begins: the bridge's own Hello is first, then one of each phone.
  v1::AgentMessage MakeHello();
  void OnConnected();
  void OnDisconnected();
  void OnMessage(const v1::ControllerMessage& message);

  void Add(const v1::PhoneIdentity& phone, const std::string& device_id);
  void Leave(const std::string& device_id);
  // Signed, chained and saved; sent after the next commit. An empty device id: the bridge's own.
  absl::Status Report(const std::string& device_id, v1::Report body);

  // Documents end and entitlements expire: policies whose time has come are made anew.
  void Tick();
  absl::Time NextTick() const;
};

}  // namespace muster::bridge
