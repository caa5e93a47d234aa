// Files that musterctl writes: new ones, secrets among them, and signed documents in place.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"

namespace muster::cli {

// A new file that has `mode` from its first moment. ALREADY_EXISTS when `path` exists: a secret
// never goes into a file that others may have open, and no draft overwrites another.
absl::Status WriteNewFile(const std::string& path, const std::string& bytes, mode_t mode);
// The same, 0600.
absl::Status WriteSecretFile(const std::string& path, const std::string& bytes);
// Through a new file beside it and rename: the old content or the new, never half.
absl::Status ReplaceFile(const std::string& path, const std::string& bytes, mode_t mode = 0644);
// ALREADY_EXISTS when there is something, to say so before any work is done.
absl::Status CheckIsNew(const std::string& path);

}  // namespace muster::cli
