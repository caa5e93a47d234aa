// The ceremony of a root of trust: public keys in, drafts out, and who has signed (DESIGN,
// section 5). Pure. A draft is an unsigned SignedDoc; signing it is adding one signature after
// another, on as many machines as there are keys.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto.h"
#include "common/signed_doc.h"
#include "muster/v1/policy.pb.h"

namespace muster {

// In the order in which they are shown. "records" and "log" may be left out; the keys of "log" are
// Ed25519, for they sign C2SP notes.
inline constexpr absl::string_view kTrustRoles[] = {"root", "policy",    "assignment", "beacon",
                                                    "log",  "emergency", "records"};
absl::Status CheckTrustRole(absl::string_view role);  // INVALID_ARGUMENT: none of these

// The record of a key in a root. INVALID_ARGUMENT for anything but the one encoding of a P-256
// or Ed25519 key; the PEM form is `-----BEGIN PUBLIC KEY-----` and nothing else.
absl::StatusOr<v1::TrustedKey> TrustedKeyFromSpki(absl::string_view spki);
absl::StatusOr<v1::TrustedKey> TrustedKeyFromPem(absl::string_view pem);
std::string PublicKeyPem(absl::string_view spki);

struct RoleKeys {
  std::string role = {};
  std::vector<v1::TrustedKey> keys = {};
  uint32_t threshold = 1;
};

// Version 1 of epoch 1. INVALID_ARGUMENT: a role other than "records" without keys, a key that is
// named twice, a threshold that is 0 or cannot be reached.
absl::StatusOr<v1::Root> FirstRoot(const std::string& tenant, const std::vector<RoleKeys>& roles,
                                   absl::Time now);

struct RoleChange {
  std::string role = {};
  std::vector<v1::TrustedKey> add = {};
  std::vector<std::string> remove = {};  // key ids
  bool replace = false;                  // `add` is all that the role has from now on
  bool compromised = false;  // a key was stolen: a new epoch outdates all that it signed
  std::optional<uint32_t> threshold = std::nullopt;  // else as it was
};

// The root after `current`: next version, lives a year from now. INVALID_ARGUMENT as FirstRoot,
// or a key that the role already has; NOT_FOUND: a key to remove that the role has not.
absl::StatusOr<v1::Root> NextRoot(const v1::Root& current, const RoleChange& change,
                                  absl::Time now);

// What `after` changes against `before`, one line each: roles, keys, thresholds, epoch.
std::vector<std::string> RootChanges(const v1::Root& before, const v1::Root& after);

// The Root in a document, before any signature is checked. MALFORMED or WRONG_TYPE.
absl::StatusOr<v1::Root> RootOf(const v1::SignedDoc& doc);

// How far a document is with the keys of one role of one root.
struct SignatureNeed {
  std::string role = {};
  uint64_t root_version = 0;
  uint32_t threshold = 0;
  std::vector<std::string> signed_by = {};  // key ids whose signature fits
  std::vector<std::string> misfit = {};     // signed, but other bytes: refused by every verifier
  std::vector<std::string> open = {};       // have not signed
  bool met() const { return signed_by.size() >= threshold && misfit.empty(); }
  size_t missing() const {
    return met() ? 0 : threshold - std::min<size_t>(threshold, signed_by.size());
  }
};
SignatureNeed NeedOf(const v1::SignedDoc& doc, const Trust& trust, const std::string& role);

// Adds the signature of `key`, in place of an older one of the same key. FAILED_PRECONDITION
// (ROLE) when none of `needs` knows the key, (OVERSIZE) when there is no room; INTERNAL when the
// key cannot sign.
absl::Status AddSignature(v1::SignedDoc& doc, const PrivateKey& key,
                          const std::vector<SignatureNeed>& needs);

}  // namespace muster
