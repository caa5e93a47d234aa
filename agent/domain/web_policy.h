// Which web clients may not open in this machine's browsers. Pure.
//
// A browser's managed policy holds for every account of the machine, so what one person may use
// is opened only where nobody else can sign in.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/domain/accounts.h"
#include "agent/domain/policy_index.h"

namespace muster::agent {

struct WebDecision {
  std::vector<std::string> blocked;  // hosts, with everything below them; sorted, unique
  std::vector<std::string> notes;    // what is open although its app is denied to others, in words
  bool operator==(const WebDecision&) const = default;
};

// A host is blocked while its app is denied to whoever has no entitlement, unless the machine has
// one person and the verdict for that person is ALLOW at `now`.
WebDecision DecideWebClients(const PolicyIndex& policy, const std::vector<Account>& accounts,
                             absl::Time now);

}  // namespace muster::agent
