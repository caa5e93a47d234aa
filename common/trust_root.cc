#include "common/trust_root.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/checkpoint.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

bool MayBeLeftOut(absl::string_view role) { return role == "records" || role == kLogRole; }

constexpr absl::string_view kPemBegin = "-----BEGIN PUBLIC KEY-----";
constexpr absl::string_view kPemEnd = "-----END PUBLIC KEY-----";
constexpr size_t kPemLine = 64;

template <typename List>
bool Contains(const List& list, absl::string_view value) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& v) { return absl::string_view(v) == value; });
}

const v1::TrustedRole* FindRole(const v1::Root& root, absl::string_view name) {
  for (const v1::TrustedRole& role : root.roles()) {
    if (absl::string_view(role.role()) == name) return &role;
  }
  return nullptr;
}

v1::TrustedRole* RoleIn(v1::Root& root, const std::string& name) {
  for (v1::TrustedRole& role : *root.mutable_roles()) {
    if (role.role() == name) return &role;
  }
  v1::TrustedRole* added = root.add_roles();
  added->set_role(name);
  added->set_threshold(1);
  return added;
}

// The log's heads are C2SP signed notes, and those are signed with Ed25519.
absl::Status CheckFitsRole(const v1::TrustedRole& role, const v1::TrustedKey& key) {
  if (role.role() != kLogRole || absl::string_view(key.algorithm()) == kEd25519) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the key ", key.key_id(), " is an ", key.algorithm(), " key, and the role ",
                   kLogRole, " takes ", kEd25519,
                   " keys: make one with `musterctl trust key --algorithm ", kEd25519, "`"));
}

// One key, one role: a key that is online for one thing must not be a root key by accident.
absl::Status AddKey(v1::Root& root, v1::TrustedRole& to, const v1::TrustedKey& key) {
  for (const v1::TrustedRole& role : root.roles()) {
    if (!Contains(role.key_ids(), key.key_id())) continue;
    return absl::InvalidArgumentError(
        role.role() == to.role()
            ? absl::StrCat("the role ", role.role(), " already has the key ", key.key_id())
            : absl::StrCat("the key ", key.key_id(), " holds the role ", role.role(),
                           "; a key may hold one role only: make a new one with `musterctl trust "
                           "key`"));
  }
  MUSTER_RETURN_IF_ERROR(CheckFitsRole(to, key));
  to.add_key_ids(key.key_id());
  const auto known = std::any_of(root.keys().begin(), root.keys().end(),
                                 [&](const auto& k) { return k.key_id() == key.key_id(); });
  if (!known) *root.add_keys() = key;
  return absl::OkStatus();
}

absl::Status CheckThreshold(const v1::TrustedRole& role) {
  const auto keys = static_cast<uint32_t>(role.key_ids_size());
  if (role.role() == kLogRole && role.threshold() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "one key signs the heads of the audit log: the threshold of the role ", kLogRole, " is 1"));
  }
  if (role.threshold() >= 1 && role.threshold() <= keys) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the role ", role.role(), " would have ", keys, keys == 1 ? " key" : " keys",
                   " and a threshold of ", role.threshold(),
                   "; it must be at least 1 and at most the number of keys: see --threshold"));
}

void DropUnreferencedKeys(v1::Root& root) {
  std::set<std::string> used;
  for (const v1::TrustedRole& role : root.roles()) {
    used.insert(role.key_ids().begin(), role.key_ids().end());
  }
  google::protobuf::RepeatedPtrField<v1::TrustedKey> kept;
  for (const v1::TrustedKey& key : root.keys()) {
    if (used.contains(key.key_id())) *kept.Add() = key;
  }
  root.mutable_keys()->Swap(&kept);
}

void SetLife(v1::DocumentHeader& header, absl::Time issued) {
  *header.mutable_issued_at() = ToProto(issued);
  *header.mutable_not_after() = ToProto(issued + limits::kRootLife);
}

absl::Status RemoveKeys(v1::TrustedRole& role, const RoleChange& change) {
  for (const std::string& id : change.remove) {
    if (Contains(role.key_ids(), id)) continue;
    return absl::NotFoundError(
        absl::StrCat("the role ", role.role(), " has no key ", id, "; it has ",
                     role.key_ids().empty() ? "none" : absl::StrJoin(role.key_ids(), ", ")));
  }
  google::protobuf::RepeatedPtrField<std::string> kept;
  for (const std::string& id : role.key_ids()) {
    if (!change.replace && !Contains(change.remove, id)) *kept.Add() = id;
  }
  role.mutable_key_ids()->Swap(&kept);
  return absl::OkStatus();
}

// A replacement may keep some keys, but must bring a new one: the old ones under a new epoch
// would help nobody.
absl::Status CheckNewKeys(const v1::TrustedRole& role, const RoleChange& change) {
  std::vector<std::string> known;
  for (const v1::TrustedKey& key : change.add) {
    if (Contains(role.key_ids(), key.key_id())) known.push_back(key.key_id());
  }
  if (known.empty() || (change.replace && known.size() < change.add.size())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the role ", role.role(), " already has the key ", absl::StrJoin(known, ", ")));
}

}  // namespace

absl::Status CheckTrustRole(absl::string_view role) {
  if (std::find(std::begin(kTrustRoles), std::end(kTrustRoles), role) != std::end(kTrustRoles)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", role, "' is none of the roles ", absl::StrJoin(kTrustRoles, ", ")));
}

absl::StatusOr<v1::TrustedKey> TrustedKeyFromSpki(absl::string_view spki) {
  for (const absl::string_view algorithm : {kEcdsaP256Sha256, kEd25519}) {
    const absl::StatusOr<PublicKey> key = PublicKey::FromSpki(spki, algorithm);
    if (!key.ok()) continue;
    v1::TrustedKey out;
    out.set_key_id(key->key_id());
    out.set_spki(key->spki());
    out.set_algorithm(std::string(algorithm));
    return out;
  }
  return absl::InvalidArgumentError(
      "not a P-256 or Ed25519 public key in its one canonical encoding");
}

absl::StatusOr<v1::TrustedKey> TrustedKeyFromPem(absl::string_view pem) {
  absl::string_view body = absl::StripAsciiWhitespace(pem);
  std::string spki;
  if (!absl::ConsumePrefix(&body, kPemBegin) || !absl::ConsumeSuffix(&body, kPemEnd) ||
      !absl::Base64Unescape(body, &spki)) {
    return absl::InvalidArgumentError(absl::StrCat("not a public key in PEM (", kPemBegin, ")"));
  }
  return TrustedKeyFromSpki(spki);
}

std::string PublicKeyPem(absl::string_view spki) {
  const std::string text = absl::Base64Escape(spki);
  std::string out = absl::StrCat(kPemBegin, "\n");
  for (size_t at = 0; at < text.size(); at += kPemLine) {
    absl::StrAppend(&out, absl::string_view(text).substr(at, kPemLine), "\n");
  }
  return absl::StrCat(out, kPemEnd, "\n");
}

absl::StatusOr<v1::Root> FirstRoot(const std::string& tenant, const std::vector<RoleKeys>& roles,
                                   absl::Time now) {
  v1::Root root;
  v1::DocumentHeader& header = *root.mutable_header();
  header.set_tenant(tenant);
  header.set_kind(std::string(kRootKind.kind));
  header.set_name(kRootName);
  header.set_epoch(1);
  header.set_version(1);
  SetLife(header, now);
  for (const RoleKeys& wanted : roles) {
    MUSTER_RETURN_IF_ERROR(CheckTrustRole(wanted.role));
    if (wanted.keys.empty() && MayBeLeftOut(wanted.role)) continue;
    v1::TrustedRole& role = *RoleIn(root, wanted.role);
    role.set_threshold(wanted.threshold);
    for (const v1::TrustedKey& key : wanted.keys) MUSTER_RETURN_IF_ERROR(AddKey(root, role, key));
    MUSTER_RETURN_IF_ERROR(CheckThreshold(role));
  }
  for (const absl::string_view name : kTrustRoles) {
    if (!MayBeLeftOut(name) && FindRole(root, name) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("the role ", name, " has no key"));
    }
  }
  MUSTER_RETURN_IF_ERROR(Trust::FromRoot(root).status());
  return root;
}

absl::StatusOr<v1::Root> NextRoot(const v1::Root& current, const RoleChange& change,
                                  absl::Time now) {
  MUSTER_RETURN_IF_ERROR(CheckTrustRole(change.role));
  v1::Root next = current;
  v1::DocumentHeader& header = *next.mutable_header();
  header.set_version(header.version() + 1);
  if (change.compromised) header.set_epoch(header.epoch() + 1);
  // A clock set back must not make the successor look older.
  SetLife(header, std::max(now, FromProto(current.header().issued_at())));
  v1::TrustedRole& role = *RoleIn(next, change.role);
  MUSTER_RETURN_IF_ERROR(CheckNewKeys(role, change));
  MUSTER_RETURN_IF_ERROR(RemoveKeys(role, change));
  for (const v1::TrustedKey& key : change.add) MUSTER_RETURN_IF_ERROR(AddKey(next, role, key));
  if (change.threshold.has_value()) role.set_threshold(*change.threshold);
  MUSTER_RETURN_IF_ERROR(CheckThreshold(role));
  DropUnreferencedKeys(next);
  MUSTER_RETURN_IF_ERROR(Trust::FromRoot(next).status());
  return next;
}

std::vector<std::string> RootChanges(const v1::Root& before, const v1::Root& after) {
  std::vector<std::string> out = {
      absl::StrCat("root ", before.header().version(), " -> ", after.header().version())};
  if (before.header().epoch() != after.header().epoch()) {
    out.push_back(absl::StrCat("epoch ", before.header().epoch(), " -> ", after.header().epoch(),
                               ": every document is signed anew"));
  }
  std::set<std::string> names;
  for (const v1::Root* root : {&before, &after}) {
    for (const v1::TrustedRole& role : root->roles()) names.insert(role.role());
  }
  const v1::TrustedRole none;
  for (const std::string& name : names) {
    const v1::TrustedRole* old_role = FindRole(before, name);
    const v1::TrustedRole* new_role = FindRole(after, name);
    const v1::TrustedRole& a = old_role == nullptr ? none : *old_role;
    const v1::TrustedRole& b = new_role == nullptr ? none : *new_role;
    for (const std::string& id : b.key_ids()) {
      if (!Contains(a.key_ids(), id))
        out.push_back(absl::StrCat("role ", name, ": key ", id, " added"));
    }
    for (const std::string& id : a.key_ids()) {
      if (!Contains(b.key_ids(), id))
        out.push_back(absl::StrCat("role ", name, ": key ", id, " removed"));
    }
    if (a.threshold() != b.threshold()) {
      out.push_back(
          absl::StrCat("role ", name, ": threshold ", a.threshold(), " -> ", b.threshold()));
    }
  }
  return out;
}

absl::StatusOr<v1::Root> RootOf(const v1::SignedDoc& doc) {
  if (absl::string_view(doc.payload_type()) != kRootKind.payload_type) {
    return VerifyError(
        VerifyCode::kWrongType,
        absl::StrCat("is a '", doc.payload_type(), "', expected a ", kRootKind.payload_type));
  }
  v1::Root root;
  if (!root.ParseFromString(doc.payload()) || !root.has_header()) {
    return VerifyError(VerifyCode::kMalformed, "the payload is not a muster.v1.Root");
  }
  return root;
}

SignatureNeed NeedOf(const v1::SignedDoc& doc, const Trust& trust, const std::string& role_name) {
  SignatureNeed need{.role = role_name, .root_version = trust.version()};
  const Trust::Role* role = trust.FindRole(role_name);
  if (role == nullptr) return need;
  need.threshold = role->threshold;
  const std::string message = SignedBytes(doc.payload_type(), doc.payload());
  for (const std::string& id : role->key_ids) {
    const PublicKey* key = trust.FindKey(id);
    bool has_signed = false, fits = true;
    for (const v1::Signature& s : doc.signatures()) {
      if (s.key_id() != id) continue;
      has_signed = true;
      fits = fits && key->Verify(message, s.sig());
    }
    (has_signed ? (fits ? need.signed_by : need.misfit) : need.open).push_back(id);
  }
  return need;
}

absl::Status AddSignature(v1::SignedDoc& doc, const PrivateKey& key,
                          const std::vector<SignatureNeed>& needs) {
  const bool asked = std::any_of(needs.begin(), needs.end(), [&](const SignatureNeed& need) {
    return Contains(need.signed_by, key.key_id()) || Contains(need.misfit, key.key_id()) ||
           Contains(need.open, key.key_id());
  });
  if (!asked) {
    std::vector<std::string> who;
    for (const SignatureNeed& need : needs) {
      who.push_back(absl::StrCat("role ", need.role, " of root ", need.root_version));
    }
    return VerifyError(
        VerifyCode::kRole,
        absl::StrCat("the key ", key.key_id(), " has no say in this document; only keys of ",
                     absl::StrJoin(who, " or "), " sign it"));
  }
  MUSTER_ASSIGN_OR_RETURN(std::string sig,
                          key.Sign(SignedBytes(doc.payload_type(), doc.payload())));
  google::protobuf::RepeatedPtrField<v1::Signature> others;
  for (const v1::Signature& s : doc.signatures()) {
    if (s.key_id() != key.key_id()) *others.Add() = s;
  }
  doc.mutable_signatures()->Swap(&others);
  if (static_cast<size_t>(doc.signatures_size()) >= limits::kMaxSignatures) {
    return VerifyError(VerifyCode::kOversize, absl::StrCat("it has ", doc.signatures_size(),
                                                           " signatures, the most there "
                                                           "may be"));
  }
  v1::Signature* added = doc.add_signatures();
  added->set_key_id(key.key_id());
  added->set_sig(std::move(sig));
  return absl::OkStatus();
}

}  // namespace muster
