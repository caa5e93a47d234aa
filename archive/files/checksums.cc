#include "archive/files/checksums.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace muster::archive {

absl::StatusOr<Checksums> Checksums::Of(const std::vector<std::string>& algorithms) {
  Checksums out;
  for (const std::string& name : algorithms) {
    std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const EVP_MD* type = EVP_get_digestbyname(name.c_str());
    if (context == nullptr || type == nullptr ||
        EVP_DigestInit_ex(context.get(), type, nullptr) != 1) {
      return absl::InternalError(absl::StrCat("the crypto library makes no ", name));
    }
    out.contexts_.push_back(std::move(context));
  }
  return out;
}

void Checksums::Add(absl::string_view bytes) {
  for (const auto& context : contexts_) {
    failed_ = EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 || failed_;
  }
}

absl::StatusOr<std::vector<std::string>> Checksums::Finish() {
  std::vector<std::string> out;
  for (const auto& context : contexts_) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    failed_ = EVP_DigestFinal_ex(context.get(), digest, &size) != 1 || failed_;
    out.push_back(absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(digest), failed_ ? 0 : size)));
  }
  if (failed_) return absl::InternalError("the crypto library could not make a checksum");
  return out;
}

}  // namespace muster::archive
