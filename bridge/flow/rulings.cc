#include "bridge/flow/rulings.h"

#include <algorithm>

namespace muster::bridge {

const AppRuling* FindRuling(const PhonePolicy& policy, absl::string_view app_id) {
  const auto it = std::lower_bound(
      policy.apps.begin(), policy.apps.end(), app_id,
      [](const AppRuling& ruling, absl::string_view id) { return ruling.app_id < id; });
  return it == policy.apps.end() || it->app_id != app_id ? nullptr : &*it;
}

bool IsGranted(const PhonePolicy& policy, absl::string_view app_id) {
  const AppRuling* ruling = FindRuling(policy, app_id);
  return ruling != nullptr && ruling->granted && ruling->verdict == v1::Verdict::ALLOW;
}

std::vector<GrantChange> GrantedBeyond(const PhonePolicy& policy, const PhonePolicy& other) {
  std::vector<GrantChange> out;
  for (const AppRuling& ruling : policy.apps) {
    if (IsGranted(policy, ruling.app_id) && !IsGranted(other, ruling.app_id)) {
      out.push_back({ruling.app_id, ruling.transaction_id});
    }
  }
  return out;
}

}  // namespace muster::bridge
