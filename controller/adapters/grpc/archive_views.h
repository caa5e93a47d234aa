// What operators see of exports and of what is owed, and the records staff's receipts.
#pragma once

#include "absl/status/status.h"
#include "controller/flow/services.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

absl::Status ListObligations(const Services& services, const v1::ListObligationsRequest& in,
                             v1::ListObligationsResponse& out);
// Each with how long it must be kept, and why.
absl::Status ListExports(const Services& services, const v1::ListExportsRequest& in,
                         v1::ListExportsResponse& out);
absl::Status GetRetention(const Services& services, v1::RetentionPolicy& out);
absl::Status DoSubmitReceipts(const Services& services, const Actor& actor,
                              const v1::SubmitReceiptsRequest& in, v1::SubmitReceiptsResponse& out);

}  // namespace muster
