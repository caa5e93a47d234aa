// The checks of DESIGN section 5: each document goes through all of them, in one order.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/merkle.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

constexpr absl::string_view kReportType = "muster.v1.Report";

absl::Status CheckEnvelope(const v1::SignedDoc& doc, absl::string_view payload_type,
                           size_t max_bytes) {
  if (doc.payload().size() > max_bytes ||
      static_cast<size_t>(doc.signatures_size()) > limits::kMaxSignatures) {
    return VerifyError(
        VerifyCode::kOversize,
        absl::StrCat(doc.payload().size(), " bytes and ", doc.signatures_size(),
                     " signatures; at most ", max_bytes, " and ", limits::kMaxSignatures));
  }
  if (absl::string_view(doc.payload_type()) != payload_type) {
    return VerifyError(VerifyCode::kWrongType,
                       absl::StrCat("is a ", doc.payload_type(), ", expected a ", payload_type));
  }
  if (doc.payload().empty()) return VerifyError(VerifyCode::kEmpty, "the payload has no bytes");
  return absl::OkStatus();
}

// Distinct keys of `role` that signed these bytes, against the role's threshold.
absl::Status CheckSignatures(const v1::SignedDoc& doc, const Trust& trust,
                             const std::string& role_name) {
  const Trust::Role* role = trust.FindRole(role_name);
  if (role == nullptr) {
    return VerifyError(VerifyCode::kRole, absl::StrCat("the root names no role ", role_name));
  }
  const std::string message = SignedBytes(doc.payload_type(), doc.payload());
  std::set<std::string> good;
  bool known = false, in_role = false;
  for (const v1::Signature& s : doc.signatures()) {
    const PublicKey* key = trust.FindKey(s.key_id());
    if (key == nullptr) continue;
    known = true;
    if (std::find(role->key_ids.begin(), role->key_ids.end(), s.key_id()) == role->key_ids.end()) {
      continue;
    }
    in_role = true;
    if (!key->Verify(message, s.sig())) {
      return VerifyError(VerifyCode::kBadSignature,
                         absl::StrCat("the signature of key ", s.key_id(), " does not fit"));
    }
    good.insert(key->key_id());
  }
  if (doc.signatures_size() > 0 && !known) {
    return VerifyError(VerifyCode::kUnknownKey, "no signature is by a key of the root");
  }
  if (doc.signatures_size() > 0 && !in_role) {
    return VerifyError(VerifyCode::kRole,
                       absl::StrCat("no signature is by a key of role ", role_name));
  }
  if (good.size() < role->threshold) {
    return VerifyError(VerifyCode::kThreshold,
                       absl::StrCat(good.size(), " of ", role->threshold, " needed keys of role ",
                                    role_name, " signed"));
  }
  return absl::OkStatus();
}

// One document on its way through the checks.
struct Candidate {
  const VerifyInputs& in;
  const DocumentKind& kind;
  VerifyCode wrong_name;  // what another name means for this kind
  bool may_have_ended;
  v1::DocumentHeader header;  // of the signed bytes
  std::string sha256;
};

absl::Status CheckTenant(const Candidate& c) {
  if (c.header.tenant() == c.in.trust.tenant()) return absl::OkStatus();
  return VerifyError(
      VerifyCode::kWrongTenant,
      absl::StrCat("is for tenant '", c.header.tenant(), "', this is '", c.in.trust.tenant(), "'"));
}

absl::Status CheckName(const Candidate& c) {
  if (absl::string_view(c.header.kind()) == c.kind.kind && c.header.name() == c.in.name) {
    return absl::OkStatus();
  }
  return VerifyError(c.wrong_name, absl::StrCat("is ", c.header.kind(), " '", c.header.name(),
                                                "', expected ", c.kind.kind, " '", c.in.name, "'"));
}

// What protobuf allows, years 1 to 9999: beyond it two moments cannot always be told apart.
bool IsTime(const google::protobuf::Timestamp& t) {
  return t.seconds() >= -62'135'596'800 && t.seconds() <= 253'402'300'799 && t.nanos() >= 0 &&
         t.nanos() < 1'000'000'000;
}

absl::Status CheckDates(const Candidate& c) {
  const v1::DocumentHeader& h = c.header;
  if (!h.has_not_after() || !h.has_issued_at() || h.version() == 0) {
    return VerifyError(VerifyCode::kMalformed, "the header lacks a version or its dates");
  }
  if (!IsTime(h.issued_at()) || !IsTime(h.not_after())) {
    return VerifyError(VerifyCode::kMalformed, "its dates are none that protobuf allows");
  }
  if (FromProto(h.not_after()) <= FromProto(h.issued_at())) {
    return VerifyError(VerifyCode::kMalformed, "it ends before it was issued");
  }
  return absl::OkStatus();
}

absl::Status CheckEpoch(const Candidate& c) {
  const uint32_t epoch = c.header.epoch(), current = c.in.trust.epoch();
  if (epoch == current) return absl::OkStatus();
  if (epoch < current) {
    return VerifyError(VerifyCode::kRollback,
                       absl::StrCat("is of epoch ", epoch, "; the root has begun epoch ", current));
  }
  return VerifyError(
      VerifyCode::kNotNamed,
      absl::StrCat("is of epoch ", epoch, ", which the root (epoch ", current, ") does not name"));
}

absl::Status CheckEnd(const Candidate& c) {
  if (c.may_have_ended) return absl::OkStatus();
  if (c.in.now >= FromProto(c.header.not_after())) {
    return VerifyError(VerifyCode::kExpired,
                       absl::StrCat("ended ", TimeText(FromProto(c.header.not_after()))));
  }
  if (c.in.now >= c.in.trust.not_after()) {
    return VerifyError(VerifyCode::kExpired, absl::StrCat("the root that vouches for it ended ",
                                                          TimeText(c.in.trust.not_after())));
  }
  return absl::OkStatus();
}

absl::Status CheckFloor(const Candidate& c) {
  const v1::DocumentHeader& h = c.header;
  const Floor& floor = c.in.floor;
  const auto seen = std::make_pair(floor.epoch, floor.version);
  const auto offered = std::make_pair(h.epoch(), static_cast<uint64_t>(h.version()));
  if (offered < seen) {
    return VerifyError(
        VerifyCode::kRollback,
        absl::StrCat(h.name(), " version ", h.epoch(), ".", h.version(),
                     " is older than the accepted ", floor.epoch, ".", floor.version));
  }
  if (offered == seen && !floor.sha256.empty() && floor.sha256 != c.sha256) {
    return VerifyError(VerifyCode::kEquivocation,
                       absl::StrCat(h.name(), " version ", h.epoch(), ".", h.version(),
                                    " was accepted with other bytes"));
  }
  return absl::OkStatus();
}

// The checks on a payload whose signatures fit, in order of severity.
using Check = absl::Status (*)(const Candidate&);
constexpr Check kHeaderChecks[] = {CheckTenant, CheckName, CheckDates,
                                   CheckEpoch,  CheckEnd,  CheckFloor};

absl::Status CheckHeader(const Candidate& candidate) {
  for (const Check check : kHeaderChecks) MUSTER_RETURN_IF_ERROR(check(candidate));
  return absl::OkStatus();
}

absl::Status CheckChunks(const v1::CohortPolicy& policy) {
  if (policy.chunks().empty()) return VerifyError(VerifyCode::kEmpty, "the policy names no chunk");
  if (static_cast<size_t>(policy.chunks_size()) > limits::kMaxChunks) {
    return VerifyError(VerifyCode::kOversize,
                       absl::StrCat(policy.chunks_size(), " chunks; at most ", limits::kMaxChunks));
  }
  std::set<absl::string_view> seen;
  for (const v1::ChunkRef& ref : policy.chunks()) {
    if (ref.size() > limits::kMaxChunkBytes) {
      return VerifyError(
          VerifyCode::kOversize,
          absl::StrCat("a chunk of ", ref.size(), " bytes; at most ", limits::kMaxChunkBytes));
    }
    const bool hex = ref.sha256().size() == 64 &&
                     ref.sha256().find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hex || ref.size() == 0 || !seen.insert(ref.sha256()).second) {
      return VerifyError(VerifyCode::kMalformed, "its list of chunks is damaged");
    }
  }
  return absl::OkStatus();
}

}  // namespace

// The only maker of proofs. Envelope, signatures, then parsing the checked bytes, then the
// header's checks.
class Verifier {
 public:
  template <typename T>
  static absl::StatusOr<Verified<T>> Run(const VerifyInputs& in, const DocumentKind& kind,
                                         VerifyCode wrong_name) {
    MUSTER_RETURN_IF_ERROR(CheckEnvelope(in.doc, kind.payload_type, limits::kMaxDocumentBytes));
    MUSTER_RETURN_IF_ERROR(CheckSignatures(in.doc, in.trust, std::string(kind.role)));
    T payload;
    if (!payload.ParseFromString(in.doc.payload()) || !payload.has_header()) {
      return VerifyError(VerifyCode::kMalformed,
                         absl::StrCat("the payload is not a ", kind.payload_type));
    }
    std::string sha256 = Sha256Hex(in.doc.payload());
    MUSTER_RETURN_IF_ERROR(CheckHeader({in, kind, wrong_name, false, payload.header(), sha256}));
    return Verified<T>(std::move(payload), std::move(sha256));
  }

  static absl::StatusOr<Verified<v1::Root>> RunRoot(const v1::SignedDoc& doc, const Trust* current,
                                                    const std::string& tenant, const Floor& floor,
                                                    absl::Time now, bool may_have_ended);
};

absl::StatusOr<Verified<v1::CohortPolicy>> VerifyCohort(const VerifyInputs& in,
                                                        v1::Platform::Id platform,
                                                        const std::string& assigned_cohort) {
  MUSTER_ASSIGN_OR_RETURN(
      Verified<v1::CohortPolicy> out,
      Verifier::Run<v1::CohortPolicy>(in, kCohortKind, VerifyCode::kWrongCohort));
  if (out.payload().platform() != platform) {
    return VerifyError(
        VerifyCode::kWrongCohort,
        absl::StrCat("is for platform ", v1::Platform::Id_Name(out.payload().platform())));
  }
  if (in.name != assigned_cohort) {
    return VerifyError(VerifyCode::kNotNamed,
                       assigned_cohort.empty()
                           ? "no assignment of this device names a cohort yet"
                           : absl::StrCat("this device is assigned to ", assigned_cohort));
  }
  MUSTER_RETURN_IF_ERROR(CheckChunks(out.payload()));
  return out;
}

absl::StatusOr<Verified<v1::DeviceAssignment>> VerifyAssignment(
    const VerifyInputs& in, const std::string& device_id,
    const std::string& certificate_key_sha256) {
  MUSTER_ASSIGN_OR_RETURN(
      Verified<v1::DeviceAssignment> out,
      Verifier::Run<v1::DeviceAssignment>(in, kAssignmentKind, VerifyCode::kWrongDevice));
  const v1::DeviceAssignment& a = out.payload();
  if (a.device_id() != device_id || a.certificate_key_sha256() != certificate_key_sha256) {
    return VerifyError(VerifyCode::kWrongDevice,
                       absl::StrCat("is for device ", a.device_id(), " with certificate key ",
                                    a.certificate_key_sha256()));
  }
  if (a.cohort().empty()) return VerifyError(VerifyCode::kEmpty, "it names no cohort");
  return out;
}

absl::StatusOr<Verified<v1::EmergencyDeny>> VerifyEmergencyDeny(const VerifyInputs& in) {
  MUSTER_ASSIGN_OR_RETURN(
      Verified<v1::EmergencyDeny> out,
      Verifier::Run<v1::EmergencyDeny>(in, kEmergencyDenyKind, VerifyCode::kMalformed));
  const v1::EmergencyDeny& deny = out.payload();
  if (deny.app_ids().empty() && !deny.lifts_all()) {
    return VerifyError(VerifyCode::kEmpty, "it denies no app and lifts nothing");
  }
  if (!deny.app_ids().empty() && deny.lifts_all()) {
    return VerifyError(VerifyCode::kMalformed, "it denies and lifts at once");
  }
  if (static_cast<size_t>(deny.app_ids_size()) > limits::kMaxEmergencyApps) {
    return VerifyError(VerifyCode::kOversize, absl::StrCat(deny.app_ids_size(), " apps; at most ",
                                                           limits::kMaxEmergencyApps));
  }
  return out;
}

absl::StatusOr<Verified<v1::Beacon>> VerifyBeacon(const VerifyInputs& in) {
  MUSTER_ASSIGN_OR_RETURN(Verified<v1::Beacon> out,
                          Verifier::Run<v1::Beacon>(in, kBeaconKind, VerifyCode::kMalformed));
  if (out.payload().merkle_root().size() != 32 || out.payload().tree_size() == 0) {
    return VerifyError(VerifyCode::kMalformed, "it has no tree head");
  }
  return out;
}

absl::StatusOr<Verified<v1::Receipt>> VerifyReceipt(const VerifyInputs& in) {
  MUSTER_ASSIGN_OR_RETURN(Verified<v1::Receipt> out,
                          Verifier::Run<v1::Receipt>(in, kReceiptKind, VerifyCode::kMalformed));
  const v1::Receipt& r = out.payload();
  if (r.bag_id().empty() || r.export_sha256().size() != 64 || r.export_bytes() == 0 ||
      r.device_id().empty() || r.repository_id().empty() ||
      FromProto(r.first_at()) > FromProto(r.last_at())) {
    return VerifyError(VerifyCode::kMalformed, "it does not say which export the repository holds");
  }
  return out;
}

absl::StatusOr<Verified<v1::LossReport>> VerifyLossReport(const VerifyInputs& in) {
  MUSTER_ASSIGN_OR_RETURN(
      Verified<v1::LossReport> out,
      Verifier::Run<v1::LossReport>(in, kLossReportKind, VerifyCode::kMalformed));
  if (out.payload().incident_id().empty() || out.payload().report_sha256().size() != 64) {
    return VerifyError(VerifyCode::kMalformed, "it does not say which report it is for");
  }
  return out;
}

std::string LeafText(const v1::DocumentLeaf& leaf) {
  return absl::StrCat("MUSTERv1-leaf ", leaf.name(), " ", leaf.epoch(), ".", leaf.version(), " ",
                      leaf.sha256());
}

absl::Status VerifyInclusion(const v1::Beacon& beacon, const v1::InclusionProof& proof) {
  const std::vector<std::string> path(proof.path().begin(), proof.path().end());
  if (LeadsToRoot(LeafHash(LeafText(proof.leaf())), proof.index(), beacon.tree_size(), path,
                  beacon.merkle_root())) {
    return absl::OkStatus();
  }
  return VerifyError(VerifyCode::kNotNamed,
                     absl::StrCat("the proof for ", proof.leaf().name().substr(0, 128),
                                  " does not lead to the beacon's root"));
}

absl::StatusOr<Verified<v1::Root>> Verifier::RunRoot(const v1::SignedDoc& doc, const Trust* current,
                                                     const std::string& tenant, const Floor& floor,
                                                     absl::Time now, bool may_have_ended) {
  MUSTER_RETURN_IF_ERROR(CheckEnvelope(doc, kRootKind.payload_type, limits::kMaxDocumentBytes));
  // A root brings its own keys, so it has to be parsed before it can vouch for itself; with a
  // current root in hand that one decides first.
  if (current != nullptr) MUSTER_RETURN_IF_ERROR(CheckSignatures(doc, *current, "root"));
  v1::Root root;
  if (!root.ParseFromString(doc.payload()) || !root.has_header()) {
    return VerifyError(VerifyCode::kMalformed, "the payload is not a muster.v1.Root");
  }
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(root));
  MUSTER_RETURN_IF_ERROR(CheckSignatures(doc, trust, "root"));
  if (!tenant.empty() && trust.tenant() != tenant) {
    return VerifyError(VerifyCode::kWrongTenant, absl::StrCat("is for tenant '", trust.tenant(),
                                                              "', this is '", tenant, "'"));
  }
  std::string sha256 = Sha256Hex(doc.payload());
  const VerifyInputs in{doc, trust, kRootName, floor, now};
  MUSTER_RETURN_IF_ERROR(
      CheckHeader({in, kRootKind, VerifyCode::kMalformed, may_have_ended, root.header(), sha256}));
  if (current != nullptr && trust.version() > current->version() + 1) {
    return VerifyError(VerifyCode::kRollback,
                       absl::StrCat("root version ", trust.version(), " skips ",
                                    current->version() + 1, "; roots are walked one by one"));
  }
  // Versions, not epochs, order the roots: an epoch that went down would undo a recovery.
  if (current != nullptr &&
      (trust.version() < current->version() || trust.epoch() < current->epoch())) {
    return VerifyError(
        VerifyCode::kRollback,
        absl::StrCat("root ", trust.epoch(), ".", trust.version(), " goes back behind ",
                     current->epoch(), ".", current->version()));
  }
  return Verified<v1::Root>(std::move(root), std::move(sha256));
}

absl::StatusOr<Verified<v1::Root>> VerifyRoot(const v1::SignedDoc& doc, const Trust* current,
                                              const std::string& tenant, const Floor& floor,
                                              absl::Time now) {
  return Verifier::RunRoot(doc, current, tenant, floor, now, false);
}

absl::StatusOr<Verified<v1::Root>> VerifyRootStep(const v1::SignedDoc& doc, const Trust& current,
                                                  const std::string& tenant, const Floor& floor,
                                                  absl::Time now) {
  return Verifier::RunRoot(doc, &current, tenant, floor, now, true);
}

absl::StatusOr<v1::Report> VerifyReport(const v1::SignedDoc& doc, const PublicKey& device_key,
                                        const std::string& device_id) {
  MUSTER_RETURN_IF_ERROR(CheckEnvelope(doc, kReportType, limits::kMaxReportBytes));
  if (doc.signatures_size() != 1) {
    return VerifyError(VerifyCode::kThreshold, "a report has exactly one signature");
  }
  if (doc.signatures(0).key_id() != device_key.key_id()) {
    return VerifyError(VerifyCode::kUnknownKey, "the report is not signed by this device's key");
  }
  if (!device_key.Verify(SignedBytes(doc.payload_type(), doc.payload()), doc.signatures(0).sig())) {
    return VerifyError(VerifyCode::kBadSignature, "the report's signature does not fit");
  }
  v1::Report report;
  if (!report.ParseFromString(doc.payload()) || report.seq() == 0) {
    return VerifyError(VerifyCode::kMalformed, "the payload is not a muster.v1.Report");
  }
  if (report.device_id() != device_id) {
    return VerifyError(VerifyCode::kWrongDevice,
                       absl::StrCat("the report names device ", report.device_id()));
  }
  return report;
}

}  // namespace muster
