// The one place of musterctl that knows gRPC: mutual TLS to the controller of a profile.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/admin_client.h"
#include "cli/profile.h"

namespace muster::cli {

// Reads the profile's files; connects on the first call. INVALID_ARGUMENT when a file cannot be
// read. Every call ends after `timeout`. Set GRPC_SSL_CIPHER_SUITES before the first call (see
// main.cc): it is what keeps TLS below 1.3 out.
absl::StatusOr<std::unique_ptr<AdminClient>> Connect(const Profile& profile,
                                                     absl::Duration timeout);

}  // namespace muster::cli
