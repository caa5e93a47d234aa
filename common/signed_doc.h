// Signed documents: make and verify (DESIGN, section 5). Pure. The signature covers
//   "MUSTERv1 " len(type) " " type " " len(payload) " " payload
// as sent; what is parsed are exactly the bytes that were verified.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto.h"
#include "google/protobuf/message.h"
#include "muster/v1/policy.pb.h"
#include "muster/v1/report.pb.h"

namespace muster {

// The codes of DESIGN section 12. A refused document is FAILED_PRECONDITION with one of these.
enum class VerifyCode {
  kMalformed,
  kOversize,
  kWrongType,
  kUnknownKey,
  kRole,
  kBadSignature,
  kThreshold,
  kEmpty,
  kWrongTenant,
  kWrongDevice,
  kWrongCohort,
  kNotNamed,
  kExpired,
  kRollback,
  kEquivocation,
};

absl::string_view VerifyCodeName(VerifyCode code);  // "BAD_SIGNATURE"
absl::Status VerifyError(VerifyCode code, absl::string_view detail);
// The code of a status made by VerifyError(); empty for any other status.
std::optional<VerifyCode> VerifyCodeOf(const absl::Status& status);

// The bytes a signature covers.
std::string SignedBytes(absl::string_view payload_type, absl::string_view payload);

// Serialises `payload` once and signs it with every key. INTERNAL when a key cannot sign.
absl::StatusOr<v1::SignedDoc> MakeSignedDoc(const google::protobuf::Message& payload,
                                            const std::vector<PrivateKey>& keys);

// A Root that passed its own rules: thresholds >= 1 and reachable, every key id is the hash of
// its key, no key twice. Immutable.
class Trust {
 public:
  struct Role {
    std::vector<std::string> key_ids;
    uint32_t threshold = 0;
  };

  // MALFORMED when one of those rules fails.
  static absl::StatusOr<Trust> FromRoot(const v1::Root& root);

  const PublicKey* FindKey(const std::string& key_id) const;
  const Role* FindRole(const std::string& role) const;
  const std::string& tenant() const { return tenant_; }
  uint32_t epoch() const { return epoch_; }
  uint64_t version() const { return version_; }
  absl::Time not_after() const { return not_after_; }

 private:
  Trust() = default;
  std::string tenant_;
  uint32_t epoch_ = 0;
  uint64_t version_ = 0;
  absl::Time not_after_;
  std::map<std::string, PublicKey> keys_;
  std::map<std::string, Role> roles_;
};

// The highest document accepted so far under one name.
struct Floor {
  uint32_t epoch = 0;
  uint64_t version = 0;
  std::string sha256;  // of the payload, lowercase hex; empty: none accepted yet
};

// Everything every check needs; nothing here is optional, so no check can be forgotten.
struct VerifyInputs {
  const v1::SignedDoc& doc;
  const Trust& trust;
  std::string role;          // the role that must have signed
  std::string payload_type;  // full protobuf message name
  std::string kind;
  std::string name;
  Floor floor;
  absl::Time now;  // max(clock, highest signed issued_at seen)
};

// One proof per document kind; only the Verify functions below can make one.
class VerifiedCohort {
 public:
  const v1::CohortPolicy& policy() const { return policy_; }
  const std::string& sha256() const { return sha256_; }

 private:
  friend absl::StatusOr<VerifiedCohort> VerifyCohort(const VerifyInputs&, v1::Platform::Id);
  v1::CohortPolicy policy_;
  std::string sha256_;
};

class VerifiedAssignment {
 public:
  const v1::DeviceAssignment& assignment() const { return assignment_; }
  const std::string& sha256() const { return sha256_; }

 private:
  friend absl::StatusOr<VerifiedAssignment> VerifyAssignment(const VerifyInputs&,
                                                             const std::string&,
                                                             const std::string&);
  v1::DeviceAssignment assignment_;
  std::string sha256_;
};

class VerifiedRoot {
 public:
  const v1::Root& root() const { return root_; }
  const Trust& trust() const { return trust_; }
  const std::string& sha256() const { return sha256_; }

 private:
  friend absl::StatusOr<VerifiedRoot> VerifyRoot(const v1::SignedDoc&, const Trust*,
                                                 const std::string&, const Floor&, absl::Time);
  VerifiedRoot(v1::Root root, Trust trust, std::string sha256)
      : root_(std::move(root)), trust_(std::move(trust)), sha256_(std::move(sha256)) {}
  v1::Root root_;
  Trust trust_;
  std::string sha256_;
};

// WRONG_COHORT when the policy is for another platform; EMPTY when it names no app.
absl::StatusOr<VerifiedCohort> VerifyCohort(const VerifyInputs& in, v1::Platform::Id platform);

// WRONG_DEVICE when it names another device or another certificate key.
absl::StatusOr<VerifiedAssignment> VerifyAssignment(const VerifyInputs& in,
                                                    const std::string& device_id,
                                                    const std::string& certificate_key_sha256);

// `current` is the root in force, or null when the first root is taken at enrolment. A new root
// must be signed by the threshold of its own "root" role and of the current one's, and be
// exactly the next version.
absl::StatusOr<VerifiedRoot> VerifyRoot(const v1::SignedDoc& doc, const Trust* current,
                                        const std::string& tenant, const Floor& floor,
                                        absl::Time now);

// A report signed by the device key itself. OVERSIZE, WRONG_TYPE, UNKNOWN_KEY (another key),
// BAD_SIGNATURE, MALFORMED, WRONG_DEVICE.
absl::StatusOr<v1::Report> VerifyReport(const v1::SignedDoc& doc, const PublicKey& device_key,
                                        const std::string& device_id);

}  // namespace muster
