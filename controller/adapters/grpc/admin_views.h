// What operators read: pages and views from one snapshot.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/services.h"
#include "controller/flow/signer.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

absl::Status ListApps(const Services& services, const v1::ListAppsRequest& in,
                      v1::ListAppsResponse& out);
absl::Status GetApp(const Services& services, const v1::GetAppRequest& in, v1::AppView& out);
absl::Status ListTrm(const Services& services, const v1::ListTrmRequest& in,
                     v1::ListTrmResponse& out);
absl::Status GetBlocklist(const Services& services, v1::GetBlocklistResponse& out);
absl::Status ListRequests(const Services& services, const v1::ListRequestsRequest& in,
                          v1::ListRequestsResponse& out);
absl::Status GetRequest(const Services& services, const v1::GetRequestRequest& in,
                        v1::Request& out);
absl::Status ListGrants(const Services& services, const v1::ListGrantsRequest& in,
                        v1::ListGrantsResponse& out);
absl::Status GetGrant(const Services& services, const v1::GetGrantRequest& in, v1::Grant& out);
absl::Status ListDevices(const Services& services, const v1::ListDevicesRequest& in,
                         v1::ListDevicesResponse& out);
absl::Status GetDevice(const Services& services, const DeviceHub& hub,
                       const v1::GetDeviceRequest& in, v1::DeviceView& out);
absl::Status GetPolicy(const Services& services, const Signer& signer, v1::PolicyView& out);

}  // namespace muster
