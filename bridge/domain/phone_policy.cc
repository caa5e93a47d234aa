#include "bridge/domain/phone_policy.h"

namespace muster::bridge {

const AppRuling* PhonePolicy::FindByBundle(absl::string_view bundle_id) const {
  const auto it = by_bundle.find(std::string(bundle_id));
  return it == by_bundle.end() ? nullptr : &apps[it->second];
}

}  // namespace muster::bridge
