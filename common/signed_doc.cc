#include "common/signed_doc.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

constexpr absl::string_view kCodePayload = "muster.verify_code";

constexpr std::array<absl::string_view, 15> kCodeNames = {
    "MALFORMED",     "OVERSIZE",  "WRONG_TYPE", "UNKNOWN_KEY",  "ROLE",
    "BAD_SIGNATURE", "THRESHOLD", "EMPTY",      "WRONG_TENANT", "WRONG_DEVICE",
    "WRONG_COHORT",  "NOT_NAMED", "EXPIRED",    "ROLLBACK",     "EQUIVOCATION"};

constexpr absl::string_view kRootType = "muster.v1.Root";
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

absl::Status CheckFloor(const v1::DocumentHeader& h, const Floor& floor,
                        const std::string& sha256) {
  const auto seen = std::make_pair(floor.epoch, floor.version);
  const auto offered = std::make_pair(h.epoch(), static_cast<uint64_t>(h.version()));
  if (offered < seen) {
    return VerifyError(
        VerifyCode::kRollback,
        absl::StrCat(h.name(), " version ", h.epoch(), ".", h.version(),
                     " is older than the accepted ", floor.epoch, ".", floor.version));
  }
  if (offered == seen && !floor.sha256.empty() && floor.sha256 != sha256) {
    return VerifyError(VerifyCode::kEquivocation,
                       absl::StrCat(h.name(), " version ", h.epoch(), ".", h.version(),
                                    " was accepted with other bytes"));
  }
  return absl::OkStatus();
}

absl::Status CheckHeader(const v1::DocumentHeader& h, const VerifyInputs& in,
                         VerifyCode wrong_name) {
  if (h.tenant() != in.trust.tenant()) {
    return VerifyError(
        VerifyCode::kWrongTenant,
        absl::StrCat("is for tenant '", h.tenant(), "', this is '", in.trust.tenant(), "'"));
  }
  if (h.kind() != in.kind || h.name() != in.name) {
    return VerifyError(wrong_name, absl::StrCat("is ", h.kind(), " '", h.name(), "', expected ",
                                                in.kind, " '", in.name, "'"));
  }
  if (!h.has_not_after() || !h.has_issued_at() || h.version() == 0) {
    return VerifyError(VerifyCode::kMalformed, "the header lacks a version or its dates");
  }
  if (in.now >= FromProto(h.not_after())) {
    return VerifyError(VerifyCode::kExpired,
                       absl::StrCat("ended ", TimeText(FromProto(h.not_after()))));
  }
  return absl::OkStatus();
}

// All checks that every document shares, in order of severity, then parsing the checked bytes.
template <typename T>
absl::StatusOr<T> VerifyAndParse(const VerifyInputs& in, VerifyCode wrong_name,
                                 const std::string& sha256) {
  MUSTER_RETURN_IF_ERROR(CheckEnvelope(in.doc, in.payload_type, limits::kMaxDocumentBytes));
  MUSTER_RETURN_IF_ERROR(CheckSignatures(in.doc, in.trust, in.role));
  T payload;
  if (!payload.ParseFromString(in.doc.payload()) || !payload.has_header()) {
    return VerifyError(VerifyCode::kMalformed,
                       absl::StrCat("the payload is not a ", in.payload_type));
  }
  MUSTER_RETURN_IF_ERROR(CheckHeader(payload.header(), in, wrong_name));
  MUSTER_RETURN_IF_ERROR(CheckFloor(payload.header(), in.floor, sha256));
  return payload;
}

}  // namespace

absl::string_view VerifyCodeName(VerifyCode code) { return kCodeNames[static_cast<size_t>(code)]; }

absl::Status VerifyError(VerifyCode code, absl::string_view detail) {
  absl::Status status =
      absl::FailedPreconditionError(absl::StrCat(VerifyCodeName(code), ": ", detail));
  status.SetPayload(kCodePayload, absl::Cord(absl::StrCat(static_cast<int>(code))));
  return status;
}

std::optional<VerifyCode> VerifyCodeOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kCodePayload);
  if (!payload.has_value()) return std::nullopt;
  return static_cast<VerifyCode>(std::stoi(std::string(*payload)));
}

std::string SignedBytes(absl::string_view payload_type, absl::string_view payload) {
  return absl::StrCat("MUSTERv1 ", payload_type.size(), " ", payload_type, " ", payload.size(), " ",
                      payload);
}

absl::StatusOr<v1::SignedDoc> MakeSignedDoc(const google::protobuf::Message& payload,
                                            const std::vector<PrivateKey>& keys) {
  v1::SignedDoc doc;
  doc.set_payload_type(payload.GetDescriptor()->full_name());
  doc.set_payload(payload.SerializeAsString());
  const std::string message = SignedBytes(doc.payload_type(), doc.payload());
  for (const PrivateKey& key : keys) {
    MUSTER_ASSIGN_OR_RETURN(std::string sig, key.Sign(message));
    v1::Signature* s = doc.add_signatures();
    s->set_key_id(key.key_id());
    s->set_sig(std::move(sig));
  }
  return doc;
}

absl::StatusOr<Trust> Trust::FromRoot(const v1::Root& root) {
  Trust trust;
  trust.tenant_ = root.header().tenant();
  trust.epoch_ = root.header().epoch();
  trust.version_ = root.header().version();
  trust.not_after_ = FromProto(root.header().not_after());
  for (const v1::TrustedKey& k : root.keys()) {
    absl::StatusOr<PublicKey> key = PublicKey::FromSpki(k.spki(), k.algorithm());
    if (!key.ok() || key->key_id() != k.key_id()) {
      return VerifyError(VerifyCode::kMalformed,
                         absl::StrCat("key ", k.key_id(), " is not what its id says"));
    }
    if (!trust.keys_.emplace(k.key_id(), *std::move(key)).second) {
      return VerifyError(VerifyCode::kMalformed, absl::StrCat("key ", k.key_id(), " twice"));
    }
  }
  for (const v1::TrustedRole& r : root.roles()) {
    Role role{{r.key_ids().begin(), r.key_ids().end()}, r.threshold()};
    const std::set<std::string> distinct(role.key_ids.begin(), role.key_ids.end());
    const bool known = std::all_of(distinct.begin(), distinct.end(),
                                   [&](const std::string& id) { return trust.keys_.contains(id); });
    if (r.role().empty() || role.threshold < 1 || role.threshold > distinct.size() || !known ||
        distinct.size() != role.key_ids.size()) {
      return VerifyError(VerifyCode::kMalformed,
                         absl::StrCat("role '", r.role(), "' has ", distinct.size(),
                                      " known keys and threshold ", role.threshold));
    }
    if (!trust.roles_.emplace(r.role(), std::move(role)).second) {
      return VerifyError(VerifyCode::kMalformed, absl::StrCat("role ", r.role(), " twice"));
    }
  }
  if (!trust.roles_.contains("root")) {
    return VerifyError(VerifyCode::kMalformed, "there is no role 'root'");
  }
  return trust;
}

const PublicKey* Trust::FindKey(const std::string& key_id) const {
  const auto it = keys_.find(key_id);
  return it == keys_.end() ? nullptr : &it->second;
}

const Trust::Role* Trust::FindRole(const std::string& role) const {
  const auto it = roles_.find(role);
  return it == roles_.end() ? nullptr : &it->second;
}

absl::StatusOr<VerifiedCohort> VerifyCohort(const VerifyInputs& in, v1::Platform::Id platform) {
  VerifiedCohort out;
  out.sha256_ = Sha256Hex(in.doc.payload());
  MUSTER_ASSIGN_OR_RETURN(
      out.policy_, VerifyAndParse<v1::CohortPolicy>(in, VerifyCode::kWrongCohort, out.sha256_));
  if (out.policy_.platform() != platform) {
    return VerifyError(
        VerifyCode::kWrongCohort,
        absl::StrCat("is for platform ", v1::Platform::Id_Name(out.policy_.platform())));
  }
  if (out.policy_.apps().empty()) {
    return VerifyError(VerifyCode::kEmpty, "the policy names no app");
  }
  return out;
}

absl::StatusOr<VerifiedAssignment> VerifyAssignment(const VerifyInputs& in,
                                                    const std::string& device_id,
                                                    const std::string& certificate_key_sha256) {
  VerifiedAssignment out;
  out.sha256_ = Sha256Hex(in.doc.payload());
  MUSTER_ASSIGN_OR_RETURN(out.assignment_, VerifyAndParse<v1::DeviceAssignment>(
                                               in, VerifyCode::kWrongDevice, out.sha256_));
  const v1::DeviceAssignment& a = out.assignment_;
  if (a.device_id() != device_id || a.certificate_key_sha256() != certificate_key_sha256) {
    return VerifyError(VerifyCode::kWrongDevice,
                       absl::StrCat("is for device ", a.device_id(), " with certificate key ",
                                    a.certificate_key_sha256()));
  }
  if (a.cohort().empty()) return VerifyError(VerifyCode::kEmpty, "it names no cohort");
  return out;
}

absl::StatusOr<VerifiedRoot> VerifyRoot(const v1::SignedDoc& doc, const Trust* current,
                                        const std::string& tenant, const Floor& floor,
                                        absl::Time now) {
  MUSTER_RETURN_IF_ERROR(CheckEnvelope(doc, kRootType, limits::kMaxDocumentBytes));
  // A root brings its own keys, so it has to be parsed before it can vouch for itself; with a
  // current root in hand that one decides first.
  if (current != nullptr) MUSTER_RETURN_IF_ERROR(CheckSignatures(doc, *current, "root"));
  v1::Root root;
  if (!root.ParseFromString(doc.payload()) || !root.has_header()) {
    return VerifyError(VerifyCode::kMalformed, "the payload is not a muster.v1.Root");
  }
  MUSTER_ASSIGN_OR_RETURN(Trust trust, Trust::FromRoot(root));
  MUSTER_RETURN_IF_ERROR(CheckSignatures(doc, trust, "root"));
  if (!tenant.empty() && trust.tenant() != tenant) {
    return VerifyError(VerifyCode::kWrongTenant, absl::StrCat("is for tenant '", trust.tenant(),
                                                              "', this is '", tenant, "'"));
  }
  const std::string sha256 = Sha256Hex(doc.payload());
  const VerifyInputs in{doc, trust, "root", std::string(kRootType), "root", "root", floor, now};
  MUSTER_RETURN_IF_ERROR(CheckHeader(root.header(), in, VerifyCode::kMalformed));
  MUSTER_RETURN_IF_ERROR(CheckFloor(root.header(), floor, sha256));
  if (current != nullptr && trust.version() > current->version() + 1) {
    return VerifyError(VerifyCode::kRollback,
                       absl::StrCat("root version ", trust.version(), " skips ",
                                    current->version() + 1, "; roots are walked one by one"));
  }
  return VerifiedRoot(std::move(root), std::move(trust), sha256);
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
