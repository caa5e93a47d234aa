// From the documents of a phone to what they say of each app; equal policies are one object.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "agent/flow/accepted_state.h"
#include "bridge/domain/phone_policy.h"

namespace muster::bridge {

// Thread-compatible.
class PolicyMaker {
 public:
  // Null: no cohort policy was accepted yet. The owner is the one person of the assignment; of
  // several nobody is: then no entitlement counts.
  PhonePolicyPtr Make(const agent::AcceptedPolicy& accepted, v1::Platform::Id platform,
                      absl::Time now);

 private:
  // Most phones have no entitlement: of them one policy is made, not one each.
  struct Plain {
    PhonePolicyPtr policy;
    absl::Time made_at;
  };
  PhonePolicyPtr Intern(PhonePolicy policy);

  std::map<std::string, std::weak_ptr<const PhonePolicy>> interned_;  // by all of its content
  size_t prune_at_ = 64;
  std::map<std::string, Plain> plain_;  // by the documents
};

}  // namespace muster::bridge
