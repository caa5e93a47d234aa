// The files that a profile is signed with.
#pragma once

#include <string>

#include "common/profile_signer.h"

namespace muster::cli {

// Two PEM files. Errors as ProfileSigner::New; also FAILED_PRECONDITION: others can read the key;
// INVALID_ARGUMENT: one cannot be read.
absl::StatusOr<ProfileSigner> LoadProfileSigner(const std::string& certificate,
                                                const std::string& key, absl::Time now);

}  // namespace muster::cli
