// Places and releases holds, each with its reason in the audit log.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/archive_calls.pb.h"

namespace muster {

// Every hold there is, released ones too.
absl::StatusOr<std::vector<v1::Hold>> LoadHolds(const Snapshot& snapshot);

struct HoldOutcome {
  v1::Hold hold;
  Touched touched;
};
// NOT_FOUND: a person that is not in the directory; RESOURCE_EXHAUSTED: over limits::kMaxHolds;
// otherwise as CheckHold().
absl::StatusOr<HoldOutcome> PlaceHold(const Services& services, const Actor& actor,
                                      const v1::PlaceHoldRequest& in);
// NOT_FOUND: no such hold; ABORTED: no longer at the expected revision; otherwise as the domain's
// ReleaseHold().
absl::StatusOr<HoldOutcome> EndHold(const Services& services, const Actor& actor,
                                    const v1::ReleaseHoldRequest& in);

}  // namespace muster
