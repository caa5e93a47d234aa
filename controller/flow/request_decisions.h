// What people decide about a request that waits.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/requests.h"
#include "controller/flow/services.h"

namespace muster {

enum class Decision { kApprove, kDeny, kCancel, kAskMore, kAnswer, kDuplicate, kEscalate };

struct DecisionInput {
  Decision decision = Decision::kDeny;
  std::string request_id;
  std::string reason;              // or question, or answer
  uint64_t expected_revision = 0;  // 0: whatever it is
  std::string duplicate_of = "";   // of kDuplicate
  std::string to_role = "";        // of kEscalate; empty: the next in line
};

// An approval begins the way into the group in the same commit; of break-glass, it opens the grant.
// NOT_FOUND: no such request; ABORTED: the record is no longer at `expected_revision`; otherwise as
// the functions of domain/request.h.
absl::StatusOr<RequestOutcome> DecideRequest(const Services& services, const Actor& actor,
                                             const DecisionInput& input, bool dry_run);

// ABORTED unless `expected` is 0 or `actual`.
absl::Status CheckRevision(const std::string& id, uint64_t expected, uint64_t actual);

}  // namespace muster
