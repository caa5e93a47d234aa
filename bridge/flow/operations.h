// The durable outbox: every change in the UEM, from before it is sent until it was read back.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bridge/domain/uem.h"
#include "bridge/flow/bridge_store.h"
#include "muster/v1/bridge.pb.h"

namespace muster::bridge {

// Parts of a key are joined by ":"; at most one open operation has it.
std::string OperationKey(v1::BridgeOperation::Kind kind, const std::string& target,
                         const std::string& detail = "");
// An approval or its end, or what the UEM must know of it: before all other calls.
bool IsUrgent(const v1::BridgeOperation& operation);
// An application or smart group and what it holds; its target is the group's name.
bool ChangesGroup(v1::BridgeOperation::Kind kind);
bool IsOpen(const v1::BridgeOperation& operation);  // neither DONE nor REFUSED
// How long to wait after this many attempts in a row that failed.
absl::Duration BackOff(uint32_t attempts);

// Thread-compatible. Every change is written to the store at once; it is durable with the next
// Commit(). Where a write fails nothing has changed here either.
class Operations {
 public:
  explicit Operations(BridgeStore* store) : store_(store) {}
  // A damaged record is dropped: what it was for is found again by reading. UNAVAILABLE.
  absl::Status Load();

  const v1::BridgeOperation* Find(const std::string& key) const;
  // Replaces what has the key. RESOURCE_EXHAUSTED: limits::kMaxOpenOperations, or no space.
  absl::Status Save(const v1::BridgeOperation& operation);
  absl::Status Remove(const std::string& key);

  std::vector<const v1::BridgeOperation*> OfPhone(const std::string& device_id) const;
  const std::map<std::string, v1::BridgeOperation>& all() const { return by_key_; }
  size_t open() const { return open_; }

 private:
  void Forget(const std::string& key);

  BridgeStore* store_;
  std::map<std::string, v1::BridgeOperation> by_key_;
  std::map<std::string, std::set<std::string>> of_phone_;  // device id -> keys
  size_t open_ = 0;
};

}  // namespace muster::bridge
