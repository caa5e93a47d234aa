// The device's certificate: what it says, how to ask for one, when to renew it. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/crypto.h"

namespace muster::agent {

struct Certificate {
  std::string spki;         // DER SubjectPublicKeyInfo
  std::string common_name;  // the device id
  absl::Time not_before, not_after;
};

// INVALID_ARGUMENT when `pem` does not start with a readable certificate.
absl::StatusOr<Certificate> ReadCertificate(absl::string_view pem);

// The DER SubjectPublicKeyInfo of a PEM certificate. INVALID_ARGUMENT.
absl::StatusOr<std::string> SpkiOfCertificate(absl::string_view pem);

// PKCS#10 (RFC 2986) in DER, signed by `key`; the subject is CN=`common_name`, which the
// controller does not have to believe.
absl::StatusOr<std::string> MakeCsr(const PrivateKey& key, const std::string& common_name);

// Attempts to renew so far: all since the present certificate was taken.
struct RenewalAttempts {
  int failed = 0;
  absl::Time last = absl::InfinitePast();
};

// When to ask for the next certificate: when a third of the life is left, and after a failure
// not before a wait that doubles from a minute to six hours (less for a short life).
absl::Time RenewalDue(const Certificate& certificate, const RenewalAttempts& attempts);

// FAILED_PRECONDITION with the reason when `renewed` is no successor of `present`: another key,
// another device, or no later end.
absl::Status CheckRenewed(const Certificate& present, const Certificate& renewed);

}  // namespace muster::agent
