#include "cli/trust_documents.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/profile.h"
#include "common/checkpoint.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

absl::StatusOr<v1::EmergencyDeny> DenyOf(const v1::SignedDoc& doc) {
  v1::EmergencyDeny deny;
  if (deny.ParseFromString(doc.payload()) && deny.has_header()) return deny;
  return VerifyError(VerifyCode::kMalformed, "the payload is not a muster.v1.EmergencyDeny");
}

absl::Status CheckFollows(const v1::Root& root, const v1::Root& previous) {
  const v1::DocumentHeader& now = root.header();
  const v1::DocumentHeader& before = previous.header();
  if (now.tenant() != before.tenant()) {
    return VerifyError(VerifyCode::kWrongTenant,
                       absl::StrCat("is for tenant '", now.tenant(), "', the root before for '",
                                    before.tenant(), "'"));
  }
  if (now.version() == before.version() + 1 && now.epoch() >= before.epoch()) {
    return absl::OkStatus();
  }
  return VerifyError(VerifyCode::kRollback, absl::StrCat("root ", now.epoch(), ".", now.version(),
                                                         " is not the next after ", before.epoch(),
                                                         ".", before.version()));
}

Json HeaderJson(const v1::SignedDoc& doc, const v1::DocumentHeader& header) {
  Json out = MessageJson(header);
  out["sha256"] = Sha256Hex(doc.payload());
  return out;
}

Json KeysJson(const v1::Root& root) {
  Json out = Json::array();
  for (const v1::TrustedRole& role : root.roles()) {
    for (const std::string& id : role.key_ids()) {
      Json row = {{"role", role.role()}, {"threshold", role.threshold()}, {"key_id", id}};
      for (const v1::TrustedKey& key : root.keys()) {
        if (key.key_id() == id) row["algorithm"] = key.algorithm();
      }
      out.push_back(std::move(row));
    }
  }
  return out;
}

// The audit log's keys as an auditor takes them along, "NAME+HASH+KEY".
absl::Status AddLogKeys(const v1::Root& root, Json& out) {
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(root));
  for (const NoteVerifier& key : LogKeysOf(trust)) out["audit_log_keys"].push_back(key.ToText());
  return absl::OkStatus();
}

void AddSignatureRows(const SignatureNeed& need, const std::vector<std::string>& ids,
                      absl::string_view state, Json* rows) {
  for (const std::string& id : ids) {
    rows->push_back({{"root_version", need.root_version},
                     {"role", need.role},
                     {"key_id", id},
                     {"state", std::string(state)}});
  }
}

std::string MissingText(const SignatureNeed& need) {
  if (!need.misfit.empty()) {
    return absl::StrCat("the signature of ", absl::StrJoin(need.misfit, ", "),
                        " is of other bytes: that key signs again");
  }
  return absl::StrCat(need.missing(), " more of role ", need.role, " of root ", need.root_version,
                      " (", need.signed_by.size(), " of ", need.threshold, ")");
}

std::string NextStep(const std::string& path, const v1::SignedDoc& doc, bool missing,
                     const v1::Root* previous, bool first) {
  if (path.empty()) return "";
  const bool needs_previous = !first && previous == nullptr;
  if (missing || needs_previous) {
    return absl::StrCat("musterctl trust ", missing ? "sign " : "show ", path,
                        missing ? " --key KEY" : "",
                        first         ? ""
                        : IsRoot(doc) ? " --previous ROOT-BEFORE"
                                      : " --previous ROOT");
  }
  return first && IsRoot(doc) ? absl::StrCat("musterctl trust publish --dir DATA_DIR ", path)
                              : absl::StrCat("musterctl trust publish ", path);
}

}  // namespace

bool IsRoot(const v1::SignedDoc& doc) {
  return absl::string_view(doc.payload_type()) == kRootKind.payload_type;
}

absl::StatusOr<v1::SignedDoc> ReadTrustDocument(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const std::string bytes,
                          ReadSmallFile(path, "document", 2 * limits::kMaxDocumentBytes));
  v1::SignedDoc doc;
  if (!doc.ParseFromString(bytes) || doc.payload().empty()) {
    return VerifyError(VerifyCode::kMalformed, absl::StrCat(path, " is not a signed document"));
  }
  if (doc.payload().size() > limits::kMaxDocumentBytes) {
    return VerifyError(VerifyCode::kOversize,
                       absl::StrCat(path, " has ", doc.payload().size(), " bytes; at most ",
                                    limits::kMaxDocumentBytes));
  }
  if (IsRoot(doc) || absl::string_view(doc.payload_type()) == kEmergencyDenyKind.payload_type) {
    return doc;
  }
  return VerifyError(
      VerifyCode::kWrongType,
      absl::StrCat(path, " is a ", doc.payload_type(), ", neither a root nor an emergency deny"));
}

absl::StatusOr<v1::Root> ReadRoot(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, ReadTrustDocument(path));
  return RootOf(doc);
}

absl::StatusOr<std::vector<SignatureNeed>> NeedsOf(const v1::SignedDoc& doc,
                                                   const v1::Root* previous) {
  std::vector<SignatureNeed> out;
  if (!IsRoot(doc)) {
    if (previous == nullptr) return out;
    MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(*previous));
    out.push_back(NeedOf(doc, trust, std::string(kEmergencyDenyKind.role)));
    return out;
  }
  MUSTER_ASSIGN_OR_RETURN(const v1::Root root, RootOf(doc));
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(root));
  if (previous != nullptr) {
    MUSTER_RETURN_IF_ERROR(CheckFollows(root, *previous));
    MUSTER_ASSIGN_OR_RETURN(const Trust before, Trust::FromRoot(*previous));
    out.push_back(NeedOf(doc, before, std::string(kRootKind.role)));
  }
  out.push_back(NeedOf(doc, trust, std::string(kRootKind.role)));
  return out;
}

absl::Status CheckAcceptable(const v1::SignedDoc& doc, const v1::Root* previous, absl::Time now) {
  std::optional<Trust> before;
  if (previous != nullptr) {
    MUSTER_ASSIGN_OR_RETURN(before, Trust::FromRoot(*previous));
  }
  if (IsRoot(doc)) {
    return VerifyRoot(doc, before ? &*before : nullptr, before ? before->tenant() : "", {}, now)
        .status();
  }
  if (!before) {
    return absl::InvalidArgumentError(
        "an emergency deny is checked against the root in force: name it with --previous");
  }
  return VerifyEmergencyDeny({doc, *before, kEmergencyDenyName, {}, now}).status();
}

absl::StatusOr<Json> TrustDocumentJson(const std::string& path, const v1::SignedDoc& doc,
                                       const v1::Root* previous, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<SignatureNeed> needs, NeedsOf(doc, previous));
  Json out;
  if (!path.empty()) out["file"] = path;
  bool first = false;
  if (IsRoot(doc)) {
    MUSTER_ASSIGN_OR_RETURN(const v1::Root root, RootOf(doc));
    first = root.header().version() == 1;
    out.update(HeaderJson(doc, root.header()));
    out["keys"] = KeysJson(root);
    MUSTER_RETURN_IF_ERROR(AddLogKeys(root, out));
    if (previous != nullptr) out["changes"] = RootChanges(*previous, root);
  } else {
    MUSTER_ASSIGN_OR_RETURN(const v1::EmergencyDeny deny, DenyOf(doc));
    out.update(HeaderJson(doc, deny.header()));
    out["app_ids"] = MessageJson(deny)["app_ids"];
    out["reason"] = deny.reason();
    out["lifts_all"] = deny.lifts_all();
  }
  out["signatures"] = Json::array();
  out["missing"] = Json::array();
  for (const SignatureNeed& need : needs) {
    AddSignatureRows(need, need.signed_by, "signed", &out["signatures"]);
    AddSignatureRows(need, need.misfit, "does not fit", &out["signatures"]);
    AddSignatureRows(need, need.open, "open", &out["signatures"]);
    if (!need.met()) out["missing"].push_back(MissingText(need));
  }
  const bool known = previous != nullptr || first;
  const absl::Status acceptable = known ? CheckAcceptable(doc, previous, now) : absl::OkStatus();
  out["accepted"] = !known            ? "not known without --previous"
                    : acceptable.ok() ? "OK"
                                      : std::string(acceptable.message());
  out["next_step"] = NextStep(path, doc, !out["missing"].empty(), previous, first);
  return out;
}

}  // namespace muster::cli
