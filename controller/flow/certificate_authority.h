// The seam to the tenant's device CA.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster {

struct IssuedCertificate {
  std::string pem;
  std::string spki;        // DER SubjectPublicKeyInfo of the certified key
  std::string key_sha256;  // lowercase hex
};

// Thread-safe.
class CertificateAuthority {
 public:
  virtual ~CertificateAuthority() = default;
  // Certifies the key of a PKCS#10 request for `device_id`; every other wish in the request is
  // ignored. INVALID_ARGUMENT: not a DER request, not P-256, or not signed by its own key.
  virtual absl::StatusOr<IssuedCertificate> Issue(absl::string_view csr_der,
                                                  const std::string& device_id, absl::Time now,
                                                  absl::Time not_after) = 0;
};

}  // namespace muster
