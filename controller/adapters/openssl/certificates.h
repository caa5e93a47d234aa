// X.509 certificates of one tenant, over OpenSSL. Serial numbers are random (RFC 5280, 4.1.2.2).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/crypto.h"
#include "controller/flow/certificate_authority.h"

struct x509_st;
struct X509_crl_st;

namespace muster {

using X509Ptr = std::shared_ptr<x509_st>;

// What a certificate is for. The subject alternative name says who:
// URI muster://<tenant>/device/<device id> or muster://<tenant>/operator/<upn>.
enum class CertificateUse { kAuthority, kServer, kClient };

struct CertificateSpec {
  CertificateUse use = CertificateUse::kClient;
  std::string common_name;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;  // IP addresses are told apart and stored as such
  absl::Time not_before, not_after;
};

std::string DeviceUri(absl::string_view tenant, absl::string_view device_id);
std::string OperatorUri(absl::string_view tenant, absl::string_view upn);
// Of an operator who is admin by certificate alone: to set up, and when the directory is away.
std::string AdminUri(absl::string_view tenant, absl::string_view upn);

// Certifies `spki`; self-signed when `issuer` is null. INTERNAL when OpenSSL refuses.
absl::StatusOr<X509Ptr> MakeCertificate(const CertificateSpec& spec, absl::string_view spki,
                                        const X509Ptr& issuer, const PrivateKey& issuer_key);

absl::StatusOr<X509Ptr> CertificateFromPem(absl::string_view pem);
absl::StatusOr<std::string> CertificateToPem(const X509Ptr& certificate);
std::string CertificateSpki(const X509Ptr& certificate);    // DER
std::string CertificateSerial(const X509Ptr& certificate);  // hex
absl::Time CertificateNotAfter(const X509Ptr& certificate);
// URI subject alternative names.
std::vector<std::string> CertificateUris(const X509Ptr& certificate);

// The UPN of a smart card's certificate: subject alternative name of type otherName,
// 1.3.6.1.4.1.311.20.2.3 (FIPS 201-3, 4.2; [MS-PKCA] 3.1.5.2.1.2). Empty: none, or more than one.
std::string CertificateUpn(const X509Ptr& certificate);
std::string CertificateSha256(const X509Ptr& certificate);  // hex, over the DER
// Every certificate of a PEM bundle. INVALID_ARGUMENT: there is none, or one is damaged.
absl::StatusOr<std::vector<X509Ptr>> CertificatesFromPem(absl::string_view pem);

// Every certificate revocation list of a PEM bundle. INVALID_ARGUMENT as above.
using X509CrlPtr = std::shared_ptr<X509_crl_st>;
absl::StatusOr<std::vector<X509CrlPtr>> RevocationListsFromPem(absl::string_view pem);

// True when a chain leads to one of `authorities`, which may be roots or issuing authorities, all
// of it is valid at `now` and the certificate may authenticate a client. With `lists`, its issuer
// must have one there that is valid at `now` and does not name it (RFC 5280, 6.3).
bool VerifyClientChain(const X509Ptr& certificate, const std::vector<X509Ptr>& authorities,
                       const std::vector<X509CrlPtr>& lists, absl::Time now, std::string* why);

// True when `authority` signed it, both are valid at `now` and it may authenticate a client.
// `why` gets the reason otherwise.
bool VerifyClientCertificate(const X509Ptr& certificate, const X509Ptr& authority, absl::Time now,
                             std::string* why);

// The tenant's device CA over a key in memory. Thread-safe.
std::unique_ptr<CertificateAuthority> NewDeviceAuthority(std::string tenant, X509Ptr authority,
                                                         PrivateKey key);

}  // namespace muster
