// A private key in a file, as the bridge takes it: of the superuser or its own, hidden from others.
#pragma once

#include <sys/stat.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster::bridge {

// Whether the file that fstat() says this of may hold a key of the user `self`. INVALID_ARGUMENT:
// it is no file; FAILED_PRECONDITION: others may read or change it, in words with what to run.
absl::Status CheckKeyFile(const std::string& path, const struct stat& info, uid_t self);

// All of it, PEM or not. A link is followed (Certbot and systemd give keys as links): the open file
// is checked, so that what was looked at is what is read. As CheckKeyFile; also RESOURCE_EXHAUSTED:
// larger than `max_bytes`, NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE.
absl::StatusOr<std::string> ReadKeyFile(const std::string& path, size_t max_bytes);

}  // namespace muster::bridge
