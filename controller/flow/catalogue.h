// What a change touches, and the TRM office's word on one app.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/services.h"
#include "muster/v1/trm.pb.h"

namespace muster {

// What a change touches, for dry runs and answers.
struct Touched {
  std::vector<std::string> changes;  // one line each, in words
  uint32_t devices = 0;
  uint32_t persons = 0;
  uint32_t grants = 0;             // running ones
  std::vector<std::string> drift;  // edits made elsewhere that an apply undoes
};

struct TrmChange {
  std::string app_id;
  v1::Trm::Status status = v1::Trm::UNSPECIFIED;
  std::string decision_id, reason;
};
struct TrmOutcome {
  v1::Trm trm;
  Touched touched;
};
// Sets one app's TRM status. PROHIBITED suspends the app's running grants and keeps export
// possible until limits::kExportDeadline from now; leaving PROHIBITED resumes exactly those.
// INVALID_ARGUMENT: no status, decision or reason; NOT_FOUND: no such app.
absl::StatusOr<TrmOutcome> SetTrm(const Services& services, const Actor& actor,
                                  const TrmChange& change, bool dry_run);

}  // namespace muster
