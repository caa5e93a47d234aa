#include "cli/native_sign.h"

#include "cli/profile.h"
#include "cli/signing_key.h"
#include "common/status_macros.h"

namespace muster::cli {

absl::StatusOr<ProfileSigner> LoadProfileSigner(const std::string& certificate,
                                                const std::string& key, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(std::string certificate_pem,
                          ReadSmallFile(certificate, "signing certificate", kMaxSignerPemBytes));
  MUSTER_ASSIGN_OR_RETURN(std::string key_pem,
                          ReadSecretFile(key, "signing key", kMaxSignerPemBytes));
  MUSTER_ASSIGN_OR_RETURN(
      ProfileSigner signer,
      ProfileSigner::New({certificate, std::move(certificate_pem)}, {key, std::move(key_pem)}));
  MUSTER_RETURN_IF_ERROR(signer.CheckDates(now));
  return signer;
}

}  // namespace muster::cli
