// The lists the agency lacked: what is blocked, who has what, since when and why; and how far the
// receivers of webhooks are.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "controller/flow/services.h"
#include "controller/flow/webhooks.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

// Every app that somebody could be kept from: blocklisted, RESTRICTED or PROHIBITED.
absl::Status ReportBlockedApps(const Services& services, const v1::ReportBlockedAppsRequest& in,
                               v1::ReportBlockedAppsResponse& out);

// Every grant that holds (or is in the asked state), with its ticket, approvers, dates, training
// and devices.
absl::Status ReportGrantedUsers(const Services& services, const v1::ReportGrantedUsersRequest& in,
                                v1::ReportGrantedUsersResponse& out);

absl::Status ListTrmHistory(const Services& services, const v1::ListTrmHistoryRequest& in,
                            v1::ListTrmResponse& out);

absl::Status ListWebhooks(const Services& services, const std::vector<Webhook>& webhooks,
                          v1::ListWebhooksResponse& out);

}  // namespace muster
