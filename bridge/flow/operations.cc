#include "bridge/flow/operations.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "common/status_macros.h"

namespace muster::bridge {
namespace {

using Op = v1::BridgeOperation;
constexpr char kOperations[] = "operation/";

}  // namespace

std::string OperationKey(Op::Kind kind, const std::string& target, const std::string& detail) {
  return absl::StrCat(Op::Kind_Name(kind), ":", target, detail.empty() ? "" : ":", detail);
}

bool IsUrgent(const Op& op) {
  return op.kind() == Op::SYNC_USER_GROUP || op.kind() == Op::ADD_MISSING_USERS ||
         !op.transaction_id().empty();
}

bool ChangesGroup(Op::Kind kind) {
  return kind == Op::CREATE_APP_GROUP || kind == Op::ADD_TO_APP_GROUP ||
         kind == Op::REMOVE_FROM_APP_GROUP || kind == Op::CREATE_SMART_GROUP ||
         kind == Op::CHANGE_SMART_GROUP;
}

bool IsOpen(const Op& op) { return op.state() != Op::DONE && op.state() != Op::REFUSED; }

absl::Duration BackOff(uint32_t attempts) {
  return std::min(absl::Seconds(2) * (int64_t{1} << std::min<uint32_t>(attempts, 20)),
                  limits::kMaxUemBackoff);
}

absl::Status Operations::Load() {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, store_->List("operation"));
  for (const std::string& name : names) {
    MUSTER_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                            store_->Read(kOperations + name));
    Op op;
    if (!bytes || !op.ParseFromString(*bytes) || op.key() != name) {
      MUSTER_RETURN_IF_ERROR(store_->Remove(kOperations + name));
      continue;
    }
    open_ += IsOpen(op);
    if (!op.device_id().empty()) of_phone_[op.device_id()].insert(name);
    by_key_[name] = std::move(op);
  }
  return absl::OkStatus();
}

const Op* Operations::Find(const std::string& key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : &it->second;
}

absl::Status Operations::Save(const Op& op) {
  if (by_key_.size() >= limits::kMaxOpenOperations && Find(op.key()) == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", limits::kMaxOpenOperations, " changes wait for the UEM"));
  }
  MUSTER_RETURN_IF_ERROR(store_->Write(kOperations + op.key(), op.SerializeAsString()));
  Op copy = op;  // it may be our own, which Forget() ends
  const std::string key = copy.key();
  Forget(key);
  open_ += IsOpen(copy);
  if (!copy.device_id().empty()) of_phone_[copy.device_id()].insert(key);
  by_key_[key] = std::move(copy);
  return absl::OkStatus();
}

absl::Status Operations::Remove(const std::string& key) {
  if (Find(key) == nullptr) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(store_->Remove(kOperations + key));
  Forget(std::string(key));
  return absl::OkStatus();
}

void Operations::Forget(const std::string& key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return;
  open_ -= IsOpen(it->second);
  const auto phone = of_phone_.find(it->second.device_id());
  if (phone != of_phone_.end()) {
    phone->second.erase(it->first);
    if (phone->second.empty()) of_phone_.erase(phone);
  }
  by_key_.erase(it);
}

std::vector<const Op*> Operations::OfPhone(const std::string& device_id) const {
  std::vector<const Op*> out;
  const auto it = of_phone_.find(device_id);
  if (it == of_phone_.end()) return out;
  for (const std::string& key : it->second) out.push_back(Find(key));
  return out;
}

}  // namespace muster::bridge
