// Carries approved requests into the group and revoked grants out of it, and notices when
// devices have followed. Every step is decided from the store, so running it twice is harmless
// and a crash between two steps heals on the next run.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "controller/flow/directory.h"
#include "controller/flow/services.h"

namespace muster {

// What a request waits for when write-back is off.
std::string WaitingForHands(const std::string& upn, const std::string& group);

// PROVISIONING -> VERIFYING: journals the intent, adds each person to the approval group and reads
// back (with write-back off the sync does it instead). Somebody who is in the group by hand
// already is taken as such. A directory that does not answer leaves the request
// where it is, with the reason in its detail; a refusal makes it PROVISION_FAILED. The status
// is only about the store: one request's trouble never stops the others.
absl::Status ProvisionRequests(const Services& services, Directory& directory);

// REVOKING: takes each person out of the group and reads back.
absl::Status RemoveRevoked(const Services& services, Directory& directory);

// VERIFYING -> ACTIVE and REVOKING -> REVOKED, where the devices have verified.
absl::Status AdvanceVerified(const Services& services);

}  // namespace muster
