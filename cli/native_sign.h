// Signs a configuration profile as Apple's devices take it: CMS, DER, with the content inside.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster::cli {

// A certificate with its key, and whatever certificates lead to one that devices trust.
class ProfileSigner {
 public:
  // Two PEM files; in the first the signer's own certificate comes first. INVALID_ARGUMENT: one
  // cannot be read or is none, the key is encrypted or another certificate's;
  // FAILED_PRECONDITION: the certificate does not hold at `now`, or others can read the key.
  static absl::StatusOr<ProfileSigner> Load(const std::string& certificate, const std::string& key,
                                            absl::Time now);

  // With SHA-256 and the time of signing. INVALID_ARGUMENT: no key for CMS (Ed25519).
  absl::StatusOr<std::string> Sign(absl::string_view content) const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

}  // namespace muster::cli
