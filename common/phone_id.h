// The device id of a phone. Made from the tenant, the bridge and the UEM's own id of the phone: a
// bridge that lost its state speaks for the same devices, and none can name another one's.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace muster {

inline constexpr char kPhoneIdPrefix[] = "phn-";  // no other device id begins so

// "phn-" and the first 16 hex digits of SHA-256("<tenant>|<bridge id>|<uem id>"). Pure.
std::string PhoneDeviceId(absl::string_view tenant, absl::string_view bridge_id,
                          absl::string_view uem_id);

}  // namespace muster
