// Signs a configuration profile as Apple's devices take it: CMS (RFC 5652), DER, with the content
// inside. Pure.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster {

inline constexpr size_t kMaxSignerPemBytes = size_t{256} << 10;
inline constexpr absl::Duration kSignerWarning = absl::Hours(30 * 24);  // before its end

// A certificate with its key, and whatever certificates lead to one that devices trust. Immutable;
// thread-safe.
class ProfileSigner {
 public:
  // What was read from a PEM file, and its path, for the errors.
  struct Pem {
    std::string path, text;
  };
  // In the first the signer's own certificate comes first; its dates are looked at when it signs.
  // INVALID_ARGUMENT: one is no PEM of its kind, the key is encrypted or another certificate's.
  static absl::StatusOr<ProfileSigner> New(const Pem& certificate, const Pem& key);

  // FAILED_PRECONDITION: the certificate does not hold at `now`, in words.
  absl::Status CheckDates(absl::Time now) const;

  // With SHA-256 and the time of signing. As CheckDates; INVALID_ARGUMENT: no key for CMS
  // (Ed25519).
  absl::StatusOr<std::string> Sign(absl::string_view content, absl::Time now) const;

  // For people: why nothing can be signed at `now`, or from kSignerWarning before the end how many
  // days are left. Empty: neither.
  std::string Trouble(absl::Time now) const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

}  // namespace muster
