// What a change of an app's TRM status means for the grants of that app, and for whom. Shared by
// the TRM office's word and by applied policy files.
#pragma once

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/services.h"
#include "muster/v1/trm.pb.h"

namespace muster {

struct TrmReach {
  std::set<std::string> persons;  // with a grant that holds
  uint32_t running = 0;           // grants
  uint32_t changed = 0;           // of these, or of what was suspended
};

// The app's grants follow its status, each with an audit entry.
absl::StatusOr<TrmReach> WriteTrmConsequences(const Services& services, const Actor& actor,
                                              const Snapshot& snapshot, const v1::Trm& trm,
                                              Mutation& mutation);
// At most once per app and mutation; whoever changes a status holds ExpectPolicySet().
absl::Status WriteTrmHistory(const Snapshot& snapshot, const v1::Trm& trm, Mutation& mutation);

// Lines and counts for a person to read before it is done.
absl::Status DescribeReach(const Snapshot& snapshot, const v1::Trm& trm, const TrmReach& reach,
                           Touched& out);

absl::StatusOr<uint32_t> CountDevices(const Snapshot& snapshot);  // enrolled
absl::StatusOr<uint32_t> CountInstalled(const Snapshot& snapshot, const std::string& app_id);

// The catalogue as a whole is one thing to change.
absl::Status ExpectPolicySet(const Snapshot& snapshot, Mutation& mutation);

}  // namespace muster
