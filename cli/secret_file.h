// Writes a secret so that only its owner can read it.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace muster::cli {

// A new file, mode 0600 from its first moment. ALREADY_EXISTS when `path` exists: a secret never
// goes into a file that others may have open or may read.
absl::Status WriteSecretFile(const std::string& path, const std::string& text);

}  // namespace muster::cli
