// SHA-256, keys and signatures over OpenSSL's libcrypto. Pure but for key generation. Values
// are immutable after construction and may be shared between threads.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_pkey_st;

namespace muster {

std::string Sha256(absl::string_view data);     // 32 raw bytes
std::string Sha256Hex(absl::string_view data);  // 64 lowercase hex digits

// RFC 2104 with SHA-256, 64 lowercase hex digits.
std::string HmacSha256Hex(absl::string_view key, absl::string_view data);

// Algorithms belong to the key's record in Root, never to a signature's envelope.
inline constexpr absl::string_view kEcdsaP256Sha256 = "ecdsa-p256-sha256";
inline constexpr absl::string_view kEd25519 = "ed25519";

class PublicKey {
 public:
  // INVALID_ARGUMENT when `spki` (DER SubjectPublicKeyInfo) is not a key of `algorithm`, or has
  // trailing bytes.
  static absl::StatusOr<PublicKey> FromSpki(absl::string_view spki, absl::string_view algorithm);

  // True when `sig` is a valid signature over `message`. Never an error: a bad one is false.
  bool Verify(absl::string_view message, absl::string_view sig) const;
  const std::string& spki() const { return spki_; }
  const std::string& key_id() const { return key_id_; }  // hex SHA-256 of the SPKI

 private:
  PublicKey() = default;
  std::shared_ptr<evp_pkey_st> key_;
  std::string algorithm_, spki_, key_id_;
};

class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate(absl::string_view algorithm);
  // PKCS#8 PEM, unencrypted. INVALID_ARGUMENT for anything but P-256 or Ed25519.
  static absl::StatusOr<PrivateKey> FromPem(absl::string_view pem);
  // A key that OpenSSL holds, e.g. one in a PKCS#11 token. INVALID_ARGUMENT as FromPem.
  static absl::StatusOr<PrivateKey> FromHandle(std::shared_ptr<evp_pkey_st> key);

  absl::StatusOr<std::string> Sign(absl::string_view message) const;
  absl::StatusOr<std::string> ToPem() const;  // secret: write 0600, never log
  const std::string& algorithm() const { return algorithm_; }
  const std::string& spki() const { return spki_; }
  const std::string& key_id() const { return key_id_; }
  evp_pkey_st* handle() const { return key_.get(); }

 private:
  PrivateKey() = default;
  std::shared_ptr<evp_pkey_st> key_;
  std::string algorithm_, spki_, key_id_;
};

}  // namespace muster
