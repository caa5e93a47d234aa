#include "controller/adapters/openssl/certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace muster {
namespace {

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* p) const { Free(p); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Freer<X509_REQ, X509_REQ_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freer<BIGNUM, BN_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES, GENERAL_NAMES_free>>;

absl::Status OpenSslError(absl::string_view what) {
  return absl::InternalError(absl::StrCat("OpenSSL: ", what, " failed"));
}

KeyPtr KeyFromSpki(absl::string_view spki) {
  const auto* p = reinterpret_cast<const unsigned char*>(spki.data());
  return KeyPtr(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())));
}

bool SetSerial(X509* cert) {
  BignumPtr bn(BN_new());
  return bn != nullptr && BN_rand(bn.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(bn.get(), X509_get_serialNumber(cert)) != nullptr;
}

bool SetTimes(X509* cert, const CertificateSpec& spec) {
  return ASN1_TIME_set(X509_getm_notBefore(cert), absl::ToTimeT(spec.not_before)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(cert), absl::ToTimeT(spec.not_after)) != nullptr;
}

bool SetName(X509_NAME* name, const std::string& common_name) {
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text,
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool AddExtension(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &ctx, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool ok = X509_add_ext(cert, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return ok;
}

bool IsIpAddress(const std::string& name) {
  unsigned char buffer[16];
  return inet_pton(AF_INET, name.c_str(), buffer) == 1 ||
         inet_pton(AF_INET6, name.c_str(), buffer) == 1;
}

// Names are added as values of their own, never through a configuration text: a comma in a UPN
// must not become a second name.
bool AddNames(X509* cert, const CertificateSpec& spec) {
  NamesPtr names(GENERAL_NAMES_new());
  const auto add = [&](int type, const std::string& value) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_STRING* text = type == GEN_IPADD ? a2i_IPADDRESS(value.c_str()) : ASN1_IA5STRING_new();
    if (name == nullptr || text == nullptr) return false;
    if (type != GEN_IPADD &&
        ASN1_STRING_set(text, value.data(), static_cast<int>(value.size())) != 1) {
      return false;
    }
    GENERAL_NAME_set0_value(name, type, text);
    return sk_GENERAL_NAME_push(names.get(), name) > 0;
  };
  for (const std::string& uri : spec.uris) {
    if (!add(GEN_URI, uri)) return false;
  }
  for (const std::string& dns : spec.dns_names) {
    if (!add(IsIpAddress(dns) ? GEN_IPADD : GEN_DNS, dns)) return false;
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) return true;
  return X509_add1_ext_i2d(cert, NID_subject_alt_name, names.get(), 0, X509V3_ADD_APPEND) == 1;
}

bool AddUse(X509* cert, X509* issuer, CertificateUse use) {
  const bool base = AddExtension(cert, issuer, NID_subject_key_identifier, "hash");
  switch (use) {
    case CertificateUse::kAuthority:
      return base &&
             AddExtension(cert, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
             AddExtension(cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    case CertificateUse::kServer:
      return base && AddExtension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
             AddExtension(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
             AddExtension(cert, issuer, NID_ext_key_usage, "serverAuth");
    case CertificateUse::kClient:
      return base && AddExtension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
             AddExtension(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
             AddExtension(cert, issuer, NID_ext_key_usage, "clientAuth");
  }
  return false;
}

class DeviceAuthority final : public CertificateAuthority {
 public:
  DeviceAuthority(std::string tenant, X509Ptr authority, PrivateKey key)
      : tenant_(std::move(tenant)), authority_(std::move(authority)), key_(std::move(key)) {}

  absl::StatusOr<IssuedCertificate> Issue(absl::string_view csr_der, const std::string& device_id,
                                          absl::Time now, absl::Time not_after) override {
    const auto* p = reinterpret_cast<const unsigned char*>(csr_der.data());
    RequestPtr request(d2i_X509_REQ(nullptr, &p, static_cast<long>(csr_der.size())));
    if (request == nullptr) {
      return absl::InvalidArgumentError("the certificate request is not PKCS#10 in DER");
    }
    EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
    if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
      return absl::InvalidArgumentError(
          "the certificate request is not signed by the key it names");
    }
    unsigned char* der = nullptr;
    const int length = i2d_PUBKEY(key, &der);
    const std::string spki(reinterpret_cast<char*>(der), static_cast<size_t>(std::max(length, 0)));
    OPENSSL_free(der);
    if (!PublicKey::FromSpki(spki, kEcdsaP256Sha256).ok()) {
      return absl::InvalidArgumentError("a device key must be ECDSA P-256");
    }
    MUSTER_ASSIGN_OR_RETURN(
        const X509Ptr certificate,
        MakeCertificate({.use = CertificateUse::kClient,
                         .common_name = device_id,
                         .uris = {DeviceUri(tenant_, device_id)},
                         .dns_names = {},
                         .not_before = now - absl::Minutes(5),  // A device's clock may lag.
                         .not_after = not_after},
                        spki, authority_, key_));
    IssuedCertificate out;
    MUSTER_ASSIGN_OR_RETURN(out.pem, CertificateToPem(certificate));
    out.spki = spki;
    out.key_sha256 = Sha256Hex(spki);
    return out;
  }

 private:
  const std::string tenant_;
  const X509Ptr authority_;
  const PrivateKey key_;
};

}  // namespace

std::string DeviceUri(absl::string_view tenant, absl::string_view device_id) {
  return absl::StrCat("muster://", tenant, "/device/", device_id);
}

std::string OperatorUri(absl::string_view tenant, absl::string_view upn) {
  return absl::StrCat("muster://", tenant, "/operator/", upn);
}

std::string AdminUri(absl::string_view tenant, absl::string_view upn) {
  return absl::StrCat("muster://", tenant, "/admin/", upn);
}

absl::StatusOr<X509Ptr> MakeCertificate(const CertificateSpec& spec, absl::string_view spki,
                                        const X509Ptr& issuer, const PrivateKey& issuer_key) {
  X509Ptr cert(X509_new(), X509_free);
  const KeyPtr key = KeyFromSpki(spki);
  if (cert == nullptr || key == nullptr) return OpenSslError("reading the key to certify");
  X509* const c = cert.get();
  X509* const by = issuer == nullptr ? c : issuer.get();
  if (X509_set_version(c, X509_VERSION_3) != 1 || !SetSerial(c) || !SetTimes(c, spec) ||
      !SetName(X509_get_subject_name(c), spec.common_name) ||
      X509_set_issuer_name(c, X509_get_subject_name(by)) != 1 ||
      X509_set_pubkey(c, key.get()) != 1 || !AddUse(c, by, spec.use) || !AddNames(c, spec) ||
      (issuer != nullptr && !AddExtension(c, by, NID_authority_key_identifier, "keyid:always"))) {
    return OpenSslError("building a certificate");
  }
  const EVP_MD* md = absl::string_view(issuer_key.algorithm()) == kEd25519 ? nullptr : EVP_sha256();
  if (X509_sign(c, issuer_key.handle(), md) == 0) return OpenSslError("signing a certificate");
  return cert;
}

absl::StatusOr<X509Ptr> CertificateFromPem(absl::string_view pem) {
  std::unique_ptr<BIO, Freer<BIO, BIO_free_all>> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Ptr cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  if (cert == nullptr) return absl::InvalidArgumentError("not a PEM certificate");
  return cert;
}

absl::StatusOr<std::string> CertificateToPem(const X509Ptr& certificate) {
  std::unique_ptr<BIO, Freer<BIO, BIO_free_all>> bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate.get()) != 1) {
    return OpenSslError("writing a certificate");
  }
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(length));
}

std::string CertificateSpki(const X509Ptr& certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(X509_get0_pubkey(certificate.get()), &der);
  if (length <= 0) return "";
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return out;
}

std::string CertificateSerial(const X509Ptr& certificate) {
  BignumPtr bn(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr));
  if (bn == nullptr) return "";
  std::string bytes(static_cast<size_t>(BN_num_bytes(bn.get())), '\0');
  BN_bn2bin(bn.get(), reinterpret_cast<unsigned char*>(bytes.data()));
  return absl::BytesToHexString(bytes);
}

absl::Time CertificateNotAfter(const X509Ptr& certificate) {
  tm end = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    return absl::InfinitePast();  // unreadable: as good as ended
  }
  return absl::FromTM(end, absl::UTCTimeZone());
}

std::vector<std::string> CertificateUris(const X509Ptr& certificate) {
  std::vector<std::string> out;
  NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                     static_cast<size_t>(ASN1_STRING_length(uri)));
  }
  return out;
}

std::string CertificateUpn(const X509Ptr& certificate) {
  NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  std::string out;
  int found = 0;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_OTHERNAME || OBJ_obj2nid(name->d.otherName->type_id) != NID_ms_upn) {
      continue;
    }
    ++found;
    const ASN1_TYPE* value = name->d.otherName->value;
    if (value == nullptr || value->type != V_ASN1_UTF8STRING) continue;
    out.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value->value.utf8string)),
               static_cast<size_t>(ASN1_STRING_length(value->value.utf8string)));
  }
  // A name with a NUL in it could read as another one elsewhere.
  return found == 1 && out.find('\0') == std::string::npos ? out : "";
}

std::string CertificateSha256(const X509Ptr& certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  if (size <= 0) return "";
  std::string hex =
      Sha256Hex(absl::string_view(reinterpret_cast<const char*>(der), static_cast<size_t>(size)));
  OPENSSL_free(der);
  return hex;
}

absl::StatusOr<std::vector<X509Ptr>> CertificatesFromPem(absl::string_view pem) {
  constexpr absl::string_view kEnd = "-----END CERTIFICATE-----";
  std::vector<X509Ptr> out;
  for (size_t end = pem.find(kEnd); end != pem.npos; end = pem.find(kEnd)) {
    MUSTER_ASSIGN_OR_RETURN(X509Ptr certificate,
                            CertificateFromPem(pem.substr(0, end + kEnd.size())));
    out.push_back(std::move(certificate));
    pem.remove_prefix(end + kEnd.size());
  }
  if (out.empty()) return absl::InvalidArgumentError("it holds no certificate in PEM");
  return out;
}

absl::StatusOr<std::vector<X509CrlPtr>> RevocationListsFromPem(absl::string_view pem) {
  const std::unique_ptr<BIO, Freer<BIO, BIO_free_all>> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<X509CrlPtr> out;
  while (bio != nullptr) {
    X509_CRL* list = PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr);
    if (list == nullptr) break;
    out.emplace_back(list, X509_CRL_free);
  }
  const bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (out.empty() || !end) {
    return absl::InvalidArgumentError("it is not a bundle of revocation lists in PEM");
  }
  return out;
}

bool VerifyClientChain(const X509Ptr& certificate, const std::vector<X509Ptr>& authorities,
                       const std::vector<X509CrlPtr>& lists, absl::Time now, std::string* why) {
  std::unique_ptr<X509_STORE, Freer<X509_STORE, X509_STORE_free>> store(X509_STORE_new());
  std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX, X509_STORE_CTX_free>> ctx(
      X509_STORE_CTX_new());
  bool ready = store != nullptr && ctx != nullptr;
  for (const X509Ptr& authority : authorities) {
    ready = ready && X509_STORE_add_cert(store.get(), authority.get()) == 1;
  }
  for (const X509CrlPtr& list : lists) {
    ready = ready && X509_STORE_add_crl(store.get(), list.get()) == 1;
  }
  if (!ready || X509_STORE_CTX_init(ctx.get(), store.get(), certificate.get(), nullptr) != 1 ||
      X509_STORE_CTX_set_purpose(ctx.get(), X509_PURPOSE_SSL_CLIENT) != 1) {
    *why = "the verification could not start";
    return false;
  }
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(ctx.get());
  X509_VERIFY_PARAM_set_time(param, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  if (!lists.empty()) X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK);
  if (X509_verify_cert(ctx.get()) == 1) return true;
  *why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx.get()));
  return false;
}

bool VerifyClientCertificate(const X509Ptr& certificate, const X509Ptr& authority, absl::Time now,
                             std::string* why) {
  return VerifyClientChain(certificate, {authority}, {}, now, why);
}

std::unique_ptr<CertificateAuthority> NewDeviceAuthority(std::string tenant, X509Ptr authority,
                                                         PrivateKey key) {
  return std::make_unique<DeviceAuthority>(std::move(tenant), std::move(authority), std::move(key));
}

}  // namespace muster
