// The decision: one pure function shared by controller and agent (DESIGN, section 3).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "muster/v1/explain.pb.h"
#include "muster/v1/trm.pb.h"

namespace muster {

// What the decision needs to know of one entitlement. "Live" as the controller compiled it; the
// time limit is checked here, on the device, at every decision.
struct EntitlementFacts {
  std::string grant_id;
  absl::Time not_after = absl::InfinitePast();  // min over entitlement, assignment, cohort
  bool suspended_by_trm = false;
  bool messages_covered = false;  // true: nothing is left to export
  absl::Time export_until = absl::InfinitePast();
  bool suspended_archive_overdue = false;
};

struct DecisionInputs {
  // A signed emergency deny names the app now, and what it says to the person.
  bool emergency_denied = false;
  std::string emergency_reason = {};
  std::string app_id;
  std::string app_name;
  v1::Trm::Status trm = v1::Trm::UNLISTED;
  std::string trm_decision_id;
  bool blocklisted = false;
  std::optional<EntitlementFacts> entitlement;
  // Why there is no live entitlement, in words, where the caller knows; may be empty.
  std::string no_entitlement_because;
  std::string how_to_ask;
  absl::Time now;
};

// Reason codes: EMERGENCY_DENY (before everything else), TRM_PROHIBITED_EXPORT, TRM_PROHIBITED,
// ARCHIVE_OVERDUE, "GRANT <id>", NO_GRANT, BLOCKLISTED, TRM_PERMITTED, UNLISTED. The first row of
// the table that fits wins; the chain holds every condition looked at, in order, and ends with the
// row that fitted.
v1::Explanation Decide(const DecisionInputs& in);

// The verdict alone, without building words: for the exec path. Always equals
// Decide(in).verdict().
v1::Verdict::Kind DecideVerdict(bool emergency_denied, v1::Trm::Status trm, bool blocklisted,
                                const EntitlementFacts* entitlement, absl::Time now);

}  // namespace muster
