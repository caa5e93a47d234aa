// Sends operations and takes the UEM's answers to them. Thread-compatible.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/flow/fleet_parts.h"
#include "bridge/flow/groups.h"
#include "bridge/flow/judging.h"
#include "bridge/flow/memberships.h"

namespace muster::bridge {

class Sender {
 public:
  Sender(FleetParts* parts, Groups* groups, Memberships* memberships, Judging* judging)
      : parts_(parts), groups_(groups), memberships_(memberships), judging_(judging) {}

  // What was under way when the bridge ended.
  void Start(absl::Time now);
  // The call of an operation, SENT in the store before this returns. Empty: it waits for something
  // that wakes it, or is not wanted any more.
  absl::StatusOr<std::optional<UemCall>> Send(const std::string& key, absl::Time now);
  void OnAnswer(const UemCall& call, const UemAnswer& answer, absl::Time now);

 private:
  std::optional<UemCall> Carry(v1::BridgeOperation& operation, absl::Time now);
  std::optional<UemCall> CarryToPhone(v1::BridgeOperation& operation, absl::Time now);
  bool MustWait(const v1::BridgeOperation& operation, const Phone& phone, absl::Time now);
  absl::Status MarkSent(v1::BridgeOperation operation, absl::Time now);
  void TryAgain(const v1::BridgeOperation& operation, absl::Time now);
  // SENT, and nobody knows what became of it.
  void ForgetProfile(const std::string& device_id);
  void Resolve(const v1::BridgeOperation& operation, const std::string& why, absl::Time now);
  void OnAccepted(v1::BridgeOperation operation, const UemAnswer& answer, absl::Time now);
  void AskWhenItProves(const v1::BridgeOperation& profile, absl::Time now);
  void OnPhoneAccepted(v1::BridgeOperation operation, const UemAnswer& answer, absl::Time now);
  void OnDenied(v1::BridgeOperation operation, const absl::Status& status, absl::Time now);
  void Judge(const std::string& device_id, absl::Time now);

  FleetParts* parts_;
  Groups* groups_;
  Memberships* memberships_;
  Judging* judging_;
};

}  // namespace muster::bridge
