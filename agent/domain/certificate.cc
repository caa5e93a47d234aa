#include "agent/domain/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;

// A controller dates certificates back by this, for devices whose clock lags. It is no part of
// the life: of a certificate for a minute it would be most.
constexpr absl::Duration kBackdated = absl::Minutes(5);

absl::StatusOr<X509Ptr> Parse(absl::string_view pem) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  X509Ptr cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  if (cert == nullptr) return absl::InvalidArgumentError("not a PEM certificate");
  return cert;
}

absl::StatusOr<std::string> SpkiOf(X509* cert) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(X509_get0_pubkey(cert), &der);
  if (length <= 0) return absl::InvalidArgumentError("the certificate has no readable key");
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return out;
}

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  std::tm tm = {};
  if (ASN1_TIME_to_tm(time, &tm) != 1) {
    return absl::InvalidArgumentError("the certificate has an unreadable date");
  }
  return absl::FromTM(tm, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<Certificate> ReadCertificate(absl::string_view pem) {
  MUSTER_ASSIGN_OR_RETURN(X509Ptr cert, Parse(pem));
  Certificate out;
  MUSTER_ASSIGN_OR_RETURN(out.spki, SpkiOf(cert.get()));
  MUSTER_ASSIGN_OR_RETURN(out.not_before, TimeOf(X509_get0_notBefore(cert.get())));
  MUSTER_ASSIGN_OR_RETURN(out.not_after, TimeOf(X509_get0_notAfter(cert.get())));
  char name[256] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(cert.get()), NID_commonName, name, sizeof name);
  out.common_name = name;
  return out;
}

absl::StatusOr<std::string> SpkiOfCertificate(absl::string_view pem) {
  MUSTER_ASSIGN_OR_RETURN(X509Ptr cert, Parse(pem));
  return SpkiOf(cert.get());
}

absl::StatusOr<std::string> MakeCsr(const PrivateKey& key, const std::string& common_name) {
  std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> req(X509_REQ_new(), X509_REQ_free);
  X509_NAME* name = X509_REQ_get_subject_name(req.get());
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
  // RFC 5280, upper bound of a common name: 64.
  const int length = static_cast<int>(std::min<size_t>(common_name.size(), 64));
  if (X509_REQ_set_version(req.get(), X509_REQ_VERSION_1) != 1 ||
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, length, -1, 0) != 1 ||
      X509_REQ_set_pubkey(req.get(), key.handle()) != 1 ||
      X509_REQ_sign(req.get(), key.handle(), EVP_sha256()) <= 0) {
    return absl::InternalError("OpenSSL could not make the certificate request");
  }
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(req.get(), &der);
  if (size <= 0) return absl::InternalError("OpenSSL could not encode the certificate request");
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

absl::Time RenewalDue(const Certificate& certificate, const RenewalAttempts& attempts) {
  const absl::Duration life =
      std::max(certificate.not_after - (certificate.not_before + kBackdated), absl::ZeroDuration());
  const absl::Time due = certificate.not_after - life / 3;
  if (attempts.failed == 0) return due;
  const absl::Duration first = std::clamp(life / 300, absl::Seconds(1), absl::Minutes(1));
  const absl::Duration last = std::clamp(life / 30, first, absl::Hours(6));
  const absl::Duration wait = std::min(last, first * (1 << std::min(attempts.failed - 1, 16)));
  return std::max(due, attempts.last + wait);
}

absl::Status CheckRenewed(const Certificate& present, const Certificate& renewed) {
  const char* refused = "the controller's new certificate was refused: ";
  if (renewed.spki != present.spki) {
    return absl::FailedPreconditionError(absl::StrCat(refused, "it is for another key"));
  }
  if (renewed.common_name != present.common_name) {
    return absl::FailedPreconditionError(
        absl::StrCat(refused, "it is for device '", renewed.common_name, "'"));
  }
  if (renewed.not_after <= present.not_after) {
    return absl::FailedPreconditionError(absl::StrCat(
        refused, "it ends ", TimeText(renewed.not_after), ", not later than the present one"));
  }
  return absl::OkStatus();
}

}  // namespace muster::agent
