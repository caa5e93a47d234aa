#include "common/crypto.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace muster {
namespace {

const unsigned char* Bytes(absl::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

// The algorithm of a key, or empty when it is not one we register.
std::string AlgorithmOf(EVP_PKEY* key) {
  if (EVP_PKEY_get_id(key) == EVP_PKEY_ED25519) return std::string(kEd25519);
  if (EVP_PKEY_get_id(key) != EVP_PKEY_EC) return "";
  char group[64] = {};
  size_t length = 0;
  if (EVP_PKEY_get_group_name(key, group, sizeof group, &length) != 1) return "";
  return absl::string_view(group, length) == "prime256v1" ? std::string(kEcdsaP256Sha256) : "";
}

std::string SpkiOf(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  if (length <= 0) return "";
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return out;
}

// SubjectPublicKeyInfo up to the key's own bytes: RFC 5480 (P-256, uncompressed), RFC 8410.
constexpr absl::string_view kP256SpkiPrefix(
    "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01"
    "\x07\x03\x42\x00\x04",
    27);
constexpr absl::string_view kEd25519SpkiPrefix("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
                                               12);

using MdCtx = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

}  // namespace

// OpenSSL 3 looks the algorithm up anew in each SHA256(): for a node of a tree that costs more than
// the hash.
std::string Sha256(absl::string_view data) {
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const MdCtx context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  unsigned char* const to = reinterpret_cast<unsigned char*>(out.data());
  if (EVP_DigestInit_ex2(context.get(), kSha256, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), data.data(), data.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), to, nullptr) != 1) {
    SHA256(Bytes(data), data.size(), to);
  }
  return out;
}

std::string Sha256Hex(absl::string_view data) { return absl::BytesToHexString(Sha256(data)); }

std::string HmacSha256Hex(absl::string_view key, absl::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(data.data()), data.size(), out,
           &size) == nullptr) {
    return "";
  }
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(out), size));
}

absl::StatusOr<PublicKey> PublicKey::FromSpki(absl::string_view spki, absl::string_view algorithm) {
  const unsigned char* p = Bytes(spki);
  std::shared_ptr<EVP_PKEY> key(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())),
                                EVP_PKEY_free);
  if (key == nullptr || p != Bytes(spki) + spki.size()) {
    return absl::InvalidArgumentError("not a DER SubjectPublicKeyInfo");
  }
  const std::string actual = AlgorithmOf(key.get());
  if (actual.empty() || absl::string_view(actual) != algorithm) {
    return absl::InvalidArgumentError(absl::StrCat("the key is not of algorithm ", algorithm));
  }
  // One key must have one id, or it could count twice: only the shortest DER with an
  // uncompressed point and a named curve is taken.
  const absl::string_view prefix = actual == kEd25519 ? kEd25519SpkiPrefix : kP256SpkiPrefix;
  const size_t key_bytes = actual == kEd25519 ? 32 : 64;
  if (spki.size() != prefix.size() + key_bytes || !absl::StartsWith(spki, prefix)) {
    return absl::InvalidArgumentError("the public key is not in its one canonical encoding");
  }
  PublicKey out;
  out.key_ = std::move(key);
  out.algorithm_ = actual;
  out.spki_ = std::string(spki);
  out.key_id_ = Sha256Hex(spki);
  return out;
}

bool PublicKey::Verify(absl::string_view message, absl::string_view sig) const {
  MdCtx ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const EVP_MD* md = absl::string_view(algorithm_) == kEd25519 ? nullptr : EVP_sha256();
  if (ctx == nullptr || EVP_DigestVerifyInit(ctx.get(), nullptr, md, nullptr, key_.get()) != 1) {
    return false;
  }
  return EVP_DigestVerify(ctx.get(), Bytes(sig), sig.size(), Bytes(message), message.size()) == 1;
}

absl::StatusOr<PrivateKey> PrivateKey::FromHandle(std::shared_ptr<evp_pkey_st> key) {
  PrivateKey out;
  out.algorithm_ = AlgorithmOf(key.get());
  if (out.algorithm_.empty()) {
    return absl::InvalidArgumentError("the private key is neither P-256 nor Ed25519");
  }
  out.spki_ = SpkiOf(key.get());
  if (out.spki_.empty()) return absl::InternalError("cannot encode the public key");
  out.key_id_ = Sha256Hex(out.spki_);
  out.key_ = std::move(key);
  return out;
}

absl::StatusOr<PrivateKey> PrivateKey::Generate(absl::string_view algorithm) {
  EVP_PKEY* key = nullptr;
  if (algorithm == kEcdsaP256Sha256) {
    key = EVP_EC_gen("P-256");
  } else if (algorithm == kEd25519) {
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  } else {
    return absl::InvalidArgumentError(absl::StrCat("unknown key algorithm ", algorithm));
  }
  if (key == nullptr) return absl::InternalError("OpenSSL could not generate a key");
  return FromHandle(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(absl::string_view pem) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  // An encrypted key must fail here, not ask for a passphrase on a terminal.
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr);
  if (key == nullptr) return absl::InvalidArgumentError("not an unencrypted PEM private key");
  return FromHandle(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

absl::StatusOr<std::string> PrivateKey::Sign(absl::string_view message) const {
  MdCtx ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const EVP_MD* md = absl::string_view(algorithm_) == kEd25519 ? nullptr : EVP_sha256();
  size_t length = 0;
  if (ctx == nullptr || EVP_DigestSignInit(ctx.get(), nullptr, md, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(ctx.get(), nullptr, &length, Bytes(message), message.size()) != 1) {
    return absl::InternalError("OpenSSL could not start signing");
  }
  std::string sig(length, '\0');
  if (EVP_DigestSign(ctx.get(), reinterpret_cast<unsigned char*>(sig.data()), &length,
                     Bytes(message), message.size()) != 1) {
    return absl::InternalError("OpenSSL could not sign");
  }
  sig.resize(length);
  return sig;
}

absl::StatusOr<std::string> PrivateKey::ToPem() const {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
      1) {
    return absl::InternalError("cannot encode the private key");
  }
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(length));
}

}  // namespace muster
