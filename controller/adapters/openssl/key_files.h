// Small files and key files of a tenant. Private keys are 0600 and never logged; every error
// names the path.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto.h"

namespace muster {

// Small files, whole. NOT_FOUND and UNAVAILABLE name the path.
absl::StatusOr<std::string> ReadFile(const std::string& path);
// Through a temporary file, fsync and rename. `mode` e.g. 0600.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes, int mode);
// Fine when it is there.
absl::Status MakeFolder(const std::string& path, mode_t mode);

absl::Status WritePrivateKey(const std::string& path, const PrivateKey& key);
// DATA_LOSS: it is damaged, or others can read it.
absl::StatusOr<PrivateKey> ReadPrivateKey(const std::string& path);
// A new key as `<base>.key` (0600) and its public half as `<base>.pub`.
absl::StatusOr<PrivateKey> NewKeyPair(const std::string& base,
                                      absl::string_view algorithm = kEcdsaP256Sha256);

// Every <dir>/keys/*.key, by name. Errors as ReadPrivateKey; FAILED_PRECONDITION: there are more
// than limits::kMaxKeyFiles.
absl::StatusOr<std::vector<PrivateKey>> LoadOnlineKeys(const std::string& dir);

}  // namespace muster
