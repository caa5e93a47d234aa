#include "common/signed_doc.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

constexpr absl::string_view kCodePayload = "muster.verify_code";

constexpr std::array<absl::string_view, 16> kCodeNames = {
    "MALFORMED", "OVERSIZE", "WRONG_TYPE",   "UNKNOWN_KEY",  "ROLE",         "BAD_SIGNATURE",
    "THRESHOLD", "EMPTY",    "WRONG_TENANT", "WRONG_DEVICE", "WRONG_COHORT", "NOT_NAMED",
    "EXPIRED",   "ROLLBACK", "EQUIVOCATION", "INCONSISTENT"};

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

std::string CohortName(absl::string_view platform) { return absl::StrCat("cohort/", platform); }

std::string AssignmentName(absl::string_view device_id) {
  return absl::StrCat("assignment/", device_id);
}
std::string ReceiptName(absl::string_view bag_id) { return absl::StrCat("receipt/", bag_id); }
std::string LossReportName(absl::string_view incident_id) {
  return absl::StrCat("loss-report/", incident_id);
}

}  // namespace muster
