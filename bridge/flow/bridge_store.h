// The seam to the bridge's own state: named records, written together.
#pragma once

#include "agent/flow/state_store.h"

namespace muster::bridge {

// Names: "agent.json", "device.key", … as in a laptop's state directory; "phone/<device
// id>/<file>", "record/<device id>" (PhoneRecord), "operation/<key>" (BridgeOperation),
// "blob/<sha256>".
//
// Write and Remove are seen by later reads at once, and are durable when Commit() has returned ok.
// Nothing that rests on them leaves the bridge before that: no Ack, no report, no call to the UEM.
// After a crash the state is that of the last Commit. Thread-safe.
class BridgeStore : public agent::StateStore {
 public:
  // RESOURCE_EXHAUSTED: no space; UNAVAILABLE. The writes stay pending and the next Commit tries
  // them again.
  virtual absl::Status Commit() = 0;
};

}  // namespace muster::bridge
