// The keys of a ceremony: private ones in files or tokens, public ones in PEM files. Nothing of a
// private key is ever printed.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto.h"
#include "muster/v1/policy.pb.h"

namespace muster::cli {

// `where`: a PEM file, or "pkcs11:..." with its PIN in `pin_file`. FAILED_PRECONDITION when others
// can read one of these files; the errors of pkcs11_key.h.
absl::StatusOr<PrivateKey> LoadSigningKey(const std::string& where, const std::string& pin_file);

// A file that is nobody else's to read. INVALID_ARGUMENT with `what` and the path when it cannot be
// read, is empty or larger than `max_bytes`; FAILED_PRECONDITION when others can read it.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path, absl::string_view what,
                                           size_t max_bytes);

// INVALID_ARGUMENT, naming the file.
absl::StatusOr<v1::TrustedKey> ReadPublicKey(const std::string& path);
absl::StatusOr<std::vector<v1::TrustedKey>> ReadPublicKeys(const std::vector<std::string>& paths);

}  // namespace muster::cli
