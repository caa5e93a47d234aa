// The online signing keys: which role each may sign for is what the root in force says.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/checkpoint.h"
#include "common/crypto.h"
#include "common/mutex.h"
#include "common/signed_doc.h"

namespace muster {

// Thread-safe.
class Signer {
 public:
  // Every private key at hand, in any order; asked again for each new root, so that a key can be
  // laid beside the old one before the root names it.
  using LoadKeys = std::function<absl::StatusOr<std::vector<PrivateKey>>()>;
  // Gets the log's key of each root that is followed, as LogKey() has it: auditors read it
  // elsewhere. Not called for a root without one.
  using TellLogKey = std::function<void(const std::string& key)>;
  explicit Signer(LoadKeys load_keys, TellLogKey tell_log_key = nullptr);

  // Whether the keys at hand reach the thresholds of roles "policy", "assignment", "beacon" and
  // "log". FAILED_PRECONDITION says which role lacks which key. A root without a beacon or a log
  // role is fine: then nothing is beaconed, or the audit log's head is not signed.
  absl::Status CanFollow(const Trust& trust) const;
  // From now on signs what `trust` names; unchanged on error, and by a root older than the one that
  // is followed: of two that were published at once the newer one counts, whoever comes last.
  absl::Status Follow(const Trust& trust);

  // Serialises once and signs with as many keys of the role as its threshold asks for.
  // FAILED_PRECONDITION: no root was followed, or it gives no key for the role.
  absl::StatusOr<v1::SignedDoc> Sign(const google::protobuf::Message& payload,
                                     absl::string_view role) const;
  // A signed head of the audit log (common/checkpoint.h) by the key of role "log".
  // FAILED_PRECONDITION: the root names none.
  absl::StatusOr<std::string> SignLogHead(const Checkpoint& head) const;
  // That key's public half, as auditors get it: "NAME+HASH+KEY". FAILED_PRECONDITION as above.
  absl::StatusOr<std::string> LogKey(absl::string_view origin) const;
  bool Has(absl::string_view role) const;
  uint32_t epoch() const;  // of the root followed; 0: none
  // Whether `doc` is signed by the keys that would sign it today; if not it has to be signed anew.
  bool SignedByCurrentKeys(const v1::SignedDoc& doc, absl::string_view role) const;
  // Signatures made since the start, by role.
  std::map<std::string, uint64_t> counts() const;

 private:
  using KeysByRole = std::map<std::string, std::vector<PrivateKey>>;
  absl::StatusOr<KeysByRole> Choose(const Trust& trust) const;
  absl::StatusOr<PrivateKey> LogKeyInUse() const;

  const LoadKeys load_keys_;
  const TellLogKey tell_log_key_;
  Mutex follow_mu_;  // one root at a time, with what is told of it
  uint64_t version_ ABSL_GUARDED_BY(follow_mu_) = 0;
  mutable Mutex mu_;
  KeysByRole keys_ ABSL_GUARDED_BY(mu_);
  uint32_t epoch_ ABSL_GUARDED_BY(mu_) = 0;
  mutable std::map<std::string, uint64_t> counts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster
