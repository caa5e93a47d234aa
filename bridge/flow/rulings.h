// Small questions to a phone's policy. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "bridge/domain/phone_policy.h"

namespace muster::bridge {

// Null: the policy does not know the app.
const AppRuling* FindRuling(const PhonePolicy& policy, absl::string_view app_id);
// A live entitlement allows it.
bool IsGranted(const PhonePolicy& policy, absl::string_view app_id);

// An app that this policy grants and the other does not. `transaction_id` is of the request.
struct GrantChange {
  std::string app_id, transaction_id;
};
std::vector<GrantChange> GrantedBeyond(const PhonePolicy& policy, const PhonePolicy& other);

}  // namespace muster::bridge
