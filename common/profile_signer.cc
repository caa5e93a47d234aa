#include "common/profile_signer.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

constexpr int kMaxCertificates = 16;

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using Certificate = std::shared_ptr<X509>;
using Key = std::shared_ptr<EVP_PKEY>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Cms = std::unique_ptr<CMS_ContentInfo, Freed<CMS_ContentInfo_free>>;

Bio Reader(absl::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// An encrypted key would have OpenSSL ask the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

absl::StatusOr<std::vector<Certificate>> ReadCertificates(const ProfileSigner::Pem& pem) {
  const Bio in = Reader(pem.text);
  std::vector<Certificate> out;
  while (out.size() < kMaxCertificates) {
    Certificate next(PEM_read_bio_X509(in.get(), nullptr, &NoPassword, nullptr), &X509_free);
    if (next == nullptr) break;
    out.push_back(std::move(next));
  }
  ERR_clear_error();
  if (out.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the signing certificate ", pem.path, " is not a certificate in PEM"));
  }
  return out;
}

absl::Time FromAsn1(const ASN1_TIME* time) {
  struct tm tm = {};
  if (ASN1_TIME_to_tm(time, &tm) != 1) return absl::InfinitePast();
  return absl::FromTM(tm, absl::UTCTimeZone());
}

}  // namespace

struct ProfileSigner::Parts {
  std::string path;  // of the certificate
  std::vector<Certificate> certificates;
  Key key;
};

absl::StatusOr<ProfileSigner> ProfileSigner::New(const Pem& certificate, const Pem& key) {
  auto parts = std::make_shared<Parts>();
  parts->path = certificate.path;
  MUSTER_ASSIGN_OR_RETURN(parts->certificates, ReadCertificates(certificate));
  parts->key = Key(PEM_read_bio_PrivateKey(Reader(key.text).get(), nullptr, &NoPassword, nullptr),
                   &EVP_PKEY_free);
  ERR_clear_error();
  if (parts->key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the signing key ", key.path,
                     " is not a private key in PEM, or is encrypted: give it as a "
                     "file without a password, 0600"));
  }
  const bool fits =
      X509_check_private_key(parts->certificates.front().get(), parts->key.get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return absl::InvalidArgumentError(
        absl::StrCat("the signing key ", key.path, " does not belong to the certificate ",
                     certificate.path, "; the signer's own certificate comes first in its file"));
  }
  ProfileSigner out;
  out.parts_ = std::move(parts);
  return out;
}

absl::Status ProfileSigner::CheckDates(absl::Time now) const {
  const X509* const certificate = parts_->certificates.front().get();
  const absl::Time from = FromAsn1(X509_get0_notBefore(certificate));
  const absl::Time until = FromAsn1(X509_get0_notAfter(certificate));
  if (from <= now && now < until) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the signing certificate ", parts_->path, " holds from ", TimeText(from), " to ",
                   TimeText(until), ": devices refuse what it signs; take one that holds now"));
}

std::string ProfileSigner::Trouble(absl::Time now) const {
  const absl::Status dates = CheckDates(now);
  if (!dates.ok()) return std::string(dates.message());
  const absl::Time until = FromAsn1(X509_get0_notAfter(parts_->certificates.front().get()));
  if (until - now > kSignerWarning) return "";
  return absl::StrCat("the signing certificate ", parts_->path, " holds until ", TimeText(until),
                      ", for ", (until - now) / absl::Hours(24),
                      " more days: then nothing is signed any more; take a newer one");
}

absl::StatusOr<std::string> ProfileSigner::Sign(absl::string_view content, absl::Time now) const {
  MUSTER_RETURN_IF_ERROR(CheckDates(now));
  const Bio in = Reader(content);
  constexpr unsigned kFlags = CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL;
  const Cms cms(CMS_sign(nullptr, nullptr, nullptr, in.get(), kFlags));
  X509* const signer = parts_->certificates.front().get();
  bool ok = cms != nullptr &&
            CMS_add1_signer(cms.get(), signer, parts_->key.get(), EVP_sha256(), kFlags) != nullptr;
  for (size_t i = 1; ok && i < parts_->certificates.size(); ++i) {
    ok = CMS_add1_cert(cms.get(), parts_->certificates[i].get()) == 1;
  }
  ok = ok && CMS_final(cms.get(), in.get(), nullptr, kFlags) == 1;
  unsigned char* der = nullptr;
  const int size = ok ? i2d_CMS_ContentInfo(cms.get(), &der) : -1;
  ERR_clear_error();
  if (size <= 0) {
    return absl::InvalidArgumentError(
        "the signing key cannot sign a profile: it takes an RSA or an ECDSA key");
  }
  std::string out(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

}  // namespace muster
