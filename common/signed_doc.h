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
#include "muster/v1/archive.pb.h"
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
  kInconsistent,  // an audit log that does not continue the one seen before
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
  // Every document carries it. Raised by a root that recovers from a stolen key: whatever that
  // key signed, however high its version, is then of the past.
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

// What sets one kind of document apart. Who may sign it is part of what it is, so that no caller
// can ask for the wrong role.
struct DocumentKind {
  absl::string_view payload_type;  // full protobuf message name
  absl::string_view role;          // the role of Root that signs it
  absl::string_view kind;          // DocumentHeader.kind
};
inline constexpr DocumentKind kRootKind = {"muster.v1.Root", "root", "root"};
inline constexpr DocumentKind kCohortKind = {"muster.v1.CohortPolicy", "policy", "cohort"};
inline constexpr DocumentKind kAssignmentKind = {"muster.v1.DeviceAssignment", "assignment",
                                                 "assignment"};
inline constexpr DocumentKind kBeaconKind = {"muster.v1.Beacon", "beacon", "beacon"};
inline constexpr DocumentKind kEmergencyDenyKind = {"muster.v1.EmergencyDeny", "emergency",
                                                    "emergency_deny"};
inline constexpr DocumentKind kReceiptKind = {"muster.v1.Receipt", "records", "receipt"};
inline constexpr DocumentKind kLossReportKind = {"muster.v1.LossReport", "records", "loss-report"};
// Their one name, where there is one.
inline constexpr char kRootName[] = "root";
inline constexpr char kBeaconName[] = "beacon";
inline constexpr char kEmergencyDenyName[] = "emergency-deny";
std::string CohortName(absl::string_view platform);       // "cohort/linux"
std::string AssignmentName(absl::string_view device_id);  // "assignment/<device id>"

// Everything every check needs; nothing here is optional, so no check can be forgotten.
struct VerifyInputs {
  const v1::SignedDoc& doc;
  const Trust& trust;
  std::string name;  // the document expected
  Floor floor;
  absl::Time now;  // max(clock, highest signed issued_at seen)
};

// A payload that passed every check; only the Verify functions below can make one.
template <typename T>
class Verified {
 public:
  const T& payload() const { return payload_; }
  const std::string& sha256() const { return sha256_; }  // of its bytes, lowercase hex

 private:
  friend class Verifier;
  Verified(T payload, std::string sha256)
      : payload_(std::move(payload)), sha256_(std::move(sha256)) {}
  T payload_;
  std::string sha256_;
};

// `assigned_cohort`: the cohort that the current assignment names; NOT_NAMED when it is another
// or empty. WRONG_COHORT when the policy is for another platform; EMPTY when it names no chunk;
// MALFORMED and OVERSIZE for its list of chunks.
absl::StatusOr<Verified<v1::CohortPolicy>> VerifyCohort(const VerifyInputs& in,
                                                        v1::Platform::Id platform,
                                                        const std::string& assigned_cohort);

// The content of a verified policy from its chunks' bytes, in its order. MALFORMED when a chunk
// is not the one it names or cannot be read; EMPTY when there is no app in it.
absl::StatusOr<v1::CohortContent> AssembleContent(const v1::CohortPolicy& policy,
                                                  const std::vector<absl::string_view>& chunks);

// WRONG_DEVICE when it names another device or another certificate key; EMPTY without a cohort.
absl::StatusOr<Verified<v1::DeviceAssignment>> VerifyAssignment(
    const VerifyInputs& in, const std::string& device_id,
    const std::string& certificate_key_sha256);

// EMPTY when it names no app and does not lift; MALFORMED when it does both.
absl::StatusOr<Verified<v1::EmergencyDeny>> VerifyEmergencyDeny(const VerifyInputs& in);

// MALFORMED when its tree head is none.
absl::StatusOr<Verified<v1::Beacon>> VerifyBeacon(const VerifyInputs& in);
// The bytes of a leaf of the Beacon's tree.
std::string LeafText(const v1::DocumentLeaf& leaf);
// NOT_NAMED when the proof does not lead to the Beacon's root.
absl::Status VerifyInclusion(const v1::Beacon& beacon, const v1::InclusionProof& proof);

// `current` is the root in force, or null when the first root is taken at enrolment. A new root
// must be signed by the threshold of its own "root" role and of the current one's, and be
// exactly the next version. EXPIRED when it has ended: see VerifyRootStep.
absl::StatusOr<Verified<v1::Root>> VerifyRoot(const v1::SignedDoc& doc, const Trust* current,
                                              const std::string& tenant, const Floor& floor,
                                              absl::Time now);

// The same, but a root that has ended passes: as a step to its successor, which a device that
// was away for long has to take. Nothing else is accepted under it.
absl::StatusOr<Verified<v1::Root>> VerifyRootStep(const v1::SignedDoc& doc, const Trust& current,
                                                  const std::string& tenant, const Floor& floor,
                                                  absl::Time now);

// The record repository's word on one bag. Its version is 1 and it stands for good: it may have
// ended. MALFORMED when it lacks a hash, a size or an id, or its range is none.
std::string ReceiptName(absl::string_view bag_id);  // "receipt/<bag id>"
absl::StatusOr<Verified<v1::Receipt>> VerifyReceipt(const VerifyInputs& in);
// The records officer's signature on the report of a loss. MALFORMED without a hash.
std::string LossReportName(absl::string_view incident_id);  // "loss-report/<incident id>"
absl::StatusOr<Verified<v1::LossReport>> VerifyLossReport(const VerifyInputs& in);

// A report signed by the device key itself. OVERSIZE, WRONG_TYPE, UNKNOWN_KEY (another key),
// BAD_SIGNATURE, MALFORMED, WRONG_DEVICE.
absl::StatusOr<v1::Report> VerifyReport(const v1::SignedDoc& doc, const PublicKey& device_key,
                                        const std::string& device_id);

}  // namespace muster
