// Keys in a PKCS#11 token, through OpenSSL's engine "pkcs11" (package libengine-pkcs11-openssl),
// which is loaded when it is asked for. P-256 only.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto.h"

namespace muster::cli {

bool IsTokenUri(absl::string_view where);  // "pkcs11:..."

// An RFC 7512 URI apart: what the token is asked for, and the module that drives it.
struct TokenUri {
  std::string object;  // "pkcs11:token=...;object=..."
  std::string module;  // path of a shared library
};
// The module is the URI's module-path, else `default_module` (of PKCS11_MODULE_PATH).
// INVALID_ARGUMENT: no module, an attribute it cannot honour, or a PIN in the URI: arguments are
// seen by everybody on the machine.
absl::StatusOr<TokenUri> ParseTokenUri(const std::string& uri, absl::string_view default_module);

// The private key stays in the token. FAILED_PRECONDITION: no engine or no module;
// PERMISSION_DENIED: the PIN; NOT_FOUND: no such key; INVALID_ARGUMENT: the URI or the algorithm.
absl::StatusOr<PrivateKey> LoadTokenKey(const std::string& uri, const std::string& pin);

}  // namespace muster::cli
