#include "controller/flow/signer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr absl::string_view kOnlineRoles[] = {"policy", "assignment", "beacon", kLogRole};

}  // namespace

Signer::Signer(LoadKeys load_keys, TellLogKey tell_log_key)
    : load_keys_(std::move(load_keys)), tell_log_key_(std::move(tell_log_key)) {}

absl::StatusOr<Signer::KeysByRole> Signer::Choose(const Trust& trust) const {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<PrivateKey> at_hand, load_keys_());
  KeysByRole out;
  for (const absl::string_view name : kOnlineRoles) {
    const Trust::Role* role = trust.FindRole(std::string(name));
    if (role == nullptr && (name == "beacon" || name == kLogRole)) continue;
    if (role == nullptr) {
      return absl::FailedPreconditionError(absl::StrCat("the root gives nobody the role ", name));
    }
    if (name == kLogRole && LogKeysOf(trust).size() < role->key_ids.size()) {
      return absl::FailedPreconditionError(
          absl::StrCat("the root gives the role ", name, " to a key that is not ", kEd25519));
    }
    std::vector<PrivateKey>& chosen = out[std::string(name)];
    for (const std::string& id : role->key_ids) {
      const auto key = std::find_if(at_hand.begin(), at_hand.end(),
                                    [&](const PrivateKey& k) { return k.key_id() == id; });
      if (key != at_hand.end() && chosen.size() < role->threshold) chosen.push_back(*key);
    }
    if (chosen.size() < role->threshold) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the root gives the role ", name, " to ", absl::StrJoin(role->key_ids, ", "),
          " and asks for ", role->threshold, "; the controller holds ", chosen.size(),
          " of these private keys: put the missing one into the tenant's keys/ folder first"));
    }
  }
  return out;
}

absl::Status Signer::CanFollow(const Trust& trust) const { return Choose(trust).status(); }

absl::Status Signer::Follow(const Trust& trust) {
  MutexLock following(&follow_mu_);
  if (trust.version() < version_) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(KeysByRole chosen, Choose(trust));
  {
    MutexLock lock(&mu_);
    keys_ = std::move(chosen);
    epoch_ = trust.epoch();
  }
  version_ = trust.version();
  if (!tell_log_key_ || !Has(kLogRole)) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const std::string key, LogKey(LogOrigin(trust.tenant())));
  tell_log_key_(key);
  return absl::OkStatus();
}

absl::StatusOr<v1::SignedDoc> Signer::Sign(const google::protobuf::Message& payload,
                                           absl::string_view role) const {
  std::vector<PrivateKey> keys;
  {
    MutexLock lock(&mu_);
    const auto it = keys_.find(std::string(role));
    if (it == keys_.end()) {
      return absl::FailedPreconditionError(absl::StrCat("no key for the role ", role));
    }
    keys = it->second;
    ++counts_[it->first];
  }
  return MakeSignedDoc(payload, keys);
}

absl::StatusOr<PrivateKey> Signer::LogKeyInUse() const {
  MutexLock lock(&mu_);
  const auto it = keys_.find(kLogRole);
  if (it == keys_.end() || it->second.empty()) {
    return absl::FailedPreconditionError(
        "the root of trust names no key of the audit log: give it one with `musterctl trust "
        "add-key log`");
  }
  return it->second.front();
}

absl::StatusOr<std::string> Signer::SignLogHead(const Checkpoint& head) const {
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, LogKeyInUse());
  return SignCheckpoint(head, key);
}

absl::StatusOr<std::string> Signer::LogKey(absl::string_view origin) const {
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, LogKeyInUse());
  MUSTER_ASSIGN_OR_RETURN(const NoteVerifier verifier, NoteVerifier::New(origin, key.spki()));
  return verifier.ToText();
}

bool Signer::Has(absl::string_view role) const {
  MutexLock lock(&mu_);
  return keys_.contains(std::string(role));
}

uint32_t Signer::epoch() const {
  MutexLock lock(&mu_);
  return epoch_;
}

bool Signer::SignedByCurrentKeys(const v1::SignedDoc& doc, absl::string_view role) const {
  MutexLock lock(&mu_);
  const auto it = keys_.find(std::string(role));
  if (it == keys_.end()) return false;
  return std::all_of(it->second.begin(), it->second.end(), [&](const PrivateKey& key) {
    return std::any_of(doc.signatures().begin(), doc.signatures().end(),
                       [&](const v1::Signature& s) { return s.key_id() == key.key_id(); });
  });
}

std::map<std::string, uint64_t> Signer::counts() const {
  MutexLock lock(&mu_);
  return counts_;
}

}  // namespace muster
