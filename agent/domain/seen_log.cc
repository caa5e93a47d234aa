#include "agent/domain/seen_log.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/checkpoint.h"
#include "common/log_limits.h"
#include "common/merkle.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

constexpr size_t kRootBytes = 32;

bool HasHead(const v1::SeenLog& seen) { return !seen.root().empty(); }

std::string HeadText(uint64_t size, const std::string& root) {
  return absl::StrCat(size, " entries with the root ", absl::BytesToHexString(root));
}

// That the path leads from `seen` to the Beacon's head.
absl::Status CheckProof(const v1::SeenLog& seen, const v1::Beacon& beacon,
                        const v1::BeaconUpdate& update) {
  if (beacon.audit_size() == seen.size()) return absl::OkStatus();
  if (update.audit_from() != seen.size()) {
    return VerifyError(
        VerifyCode::kNotNamed,
        absl::StrCat("no proof that the audit log of ", beacon.audit_size(),
                     " entries continues the one of ", seen.size(), " that this device saw"));
  }
  const std::vector<std::string> path(update.audit_path().begin(), update.audit_path().end());
  for (const std::string& hash : path) {
    if (hash.size() != kRootBytes) {
      return VerifyError(VerifyCode::kMalformed,
                         "a hash in the proof of the audit log has not 32 bytes");
    }
  }
  if (Continues(seen.size(), seen.root(), beacon.audit_size(), beacon.audit_root(), path)) {
    return absl::OkStatus();
  }
  return VerifyError(
      VerifyCode::kInconsistent,
      absl::StrCat("the audit log of ", HeadText(beacon.audit_size(), beacon.audit_root()),
                   " does not continue the one of ", HeadText(seen.size(), seen.root()),
                   " that this device saw"));
}

absl::Status CheckContinues(const v1::SeenLog& seen, const v1::Beacon& beacon,
                            const v1::BeaconUpdate& update) {
  MUSTER_RETURN_IF_ERROR(CheckNotBehind(seen, beacon));
  return CheckProof(seen, beacon, update);
}

// `before` is told of once: the head with which the old log ends for this device.
void BeginAnew(const v1::SeenLog& before, uint32_t epoch, absl::Time now, v1::SeenLog& out) {
  out.set_refused_checkpoint(before.checkpoint());
  out.set_refused_code(kBeganAnew);
  out.set_refused_detail(absl::StrCat("the log began anew with epoch ", epoch,
                                      "; before that this device saw ",
                                      HeadText(before.size(), before.root())));
  *out.mutable_refused_at() = ToProto(now);
  out.clear_told_at();
}

// Of a Beacon that passed CheckHead. Without a key of the log there is nothing to hand on.
std::string SignedHead(const v1::Beacon& beacon, const Trust& trust) {
  return trust.FindRole(kLogRole) != nullptr ? beacon.audit_checkpoint() : "";
}

bool Accuses(VerifyCode code) {
  return code == VerifyCode::kRollback || code == VerifyCode::kEquivocation ||
         code == VerifyCode::kInconsistent;
}

}  // namespace

absl::Status CheckHead(const v1::Beacon& beacon, const Trust& trust) {
  if (beacon.audit_root().size() != kRootBytes ||
      (beacon.audit_size() == 0 && beacon.audit_root() != MerkleRoot({}))) {
    return VerifyError(VerifyCode::kMalformed, "it has no head of the audit log");
  }
  if (trust.FindRole(kLogRole) == nullptr) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(
      const Checkpoint head,
      OpenCheckpoint(beacon.audit_checkpoint(), LogKeysOf(trust), LogOrigin(trust.tenant())));
  if (head.size != beacon.audit_size() || head.root != beacon.audit_root()) {
    return VerifyError(
        VerifyCode::kNotNamed,
        absl::StrCat("the checkpoint is of ", HeadText(head.size, head.root), ", the beacon of ",
                     HeadText(beacon.audit_size(), beacon.audit_root())));
  }
  return absl::OkStatus();
}

absl::Status CheckNotBehind(const v1::SeenLog& seen, const v1::Beacon& beacon) {
  if (!HasHead(seen) || beacon.header().epoch() > seen.epoch()) return absl::OkStatus();
  if (beacon.audit_size() < seen.size()) {
    return VerifyError(VerifyCode::kRollback,
                       absl::StrCat("the audit log has ", beacon.audit_size(),
                                    " entries, this device saw ", seen.size()));
  }
  if (beacon.audit_size() == seen.size() && beacon.audit_root() != seen.root()) {
    return VerifyError(VerifyCode::kEquivocation,
                       absl::StrCat("the audit log of ", HeadText(seen.size(), seen.root()),
                                    " that this device saw has ",
                                    absl::BytesToHexString(beacon.audit_root()), " in the beacon"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SeenLog> AcceptHead(const v1::SeenLog& seen, const v1::Beacon& beacon,
                                       const v1::BeaconUpdate& update, const Trust& trust,
                                       absl::Time now) {
  if (static_cast<size_t>(update.audit_path_size()) > limits::kMaxConsistencyHashes) {
    return VerifyError(VerifyCode::kOversize,
                       absl::StrCat(update.audit_path_size(), " hashes in the proof of the audit ",
                                    "log; at most ", limits::kMaxConsistencyHashes));
  }
  MUSTER_RETURN_IF_ERROR(CheckHead(beacon, trust));
  const uint32_t epoch = beacon.header().epoch();
  v1::SeenLog out = seen;
  if (HasHead(seen)) {
    const absl::Status continues = CheckContinues(seen, beacon, update);
    if (epoch <= seen.epoch()) {
      MUSTER_RETURN_IF_ERROR(continues);
    } else {
      // Two of three root keys stand for what happened before: the matter is theirs and closed.
      out.clear_refused_checkpoint();
      out.clear_refused_code();
      out.clear_refused_detail();
      out.clear_refused_at();
      if (!continues.ok()) BeginAnew(seen, epoch, now, out);
    }
  }
  out.set_epoch(epoch);
  out.set_checkpoint(SignedHead(beacon, trust));
  if (HasHead(seen) && beacon.audit_size() == seen.size() && beacon.audit_root() == seen.root()) {
    return out;  // seen since then, not since now
  }
  out.set_size(beacon.audit_size());
  out.set_root(beacon.audit_root());
  *out.mutable_at() = ToProto(now);
  return out;
}

v1::SeenLog WithRefused(const v1::SeenLog& seen, const v1::Beacon& beacon, const Trust& trust,
                        const absl::Status& why, absl::Time now) {
  const std::optional<VerifyCode> code = VerifyCodeOf(why);
  if (!code || !Accuses(*code)) return seen;
  const std::string name(VerifyCodeName(*code));
  // After the code and ": ".
  const std::string detail(why.message().substr(std::min(why.message().size(), name.size() + 2)));
  const std::string checkpoint = SignedHead(beacon, trust);
  if (seen.refused_code() == name && seen.refused_checkpoint() == checkpoint &&
      seen.refused_detail() == detail) {
    return seen;
  }
  v1::SeenLog out = seen;
  // Of many heads the newest is kept, with the time of the first.
  if (seen.refused_code() != name) {
    out.clear_told_at();
    *out.mutable_refused_at() = ToProto(now);
  }
  out.set_refused_checkpoint(checkpoint);
  out.set_refused_code(name);
  out.set_refused_detail(detail);
  return out;
}

bool WitnessDue(const v1::SeenLog& seen, absl::Time now) {
  if (seen.checkpoint().empty() && seen.refused_code().empty()) return false;
  if (!seen.has_told_at()) return true;
  const absl::Time told = FromProto(seen.told_at());
  // A clock that was turned back must not put the next one off.
  return now >= told + limits::kWitnessInterval || now < told;
}

v1::WitnessReport WitnessReportOf(const v1::SeenLog& seen) {
  v1::WitnessReport out;
  out.set_checkpoint(seen.checkpoint());
  out.set_refused_checkpoint(seen.refused_checkpoint());
  out.set_refused_code(seen.refused_code());
  out.set_refused_detail(seen.refused_detail());
  return out;
}

std::string RefusedText(const v1::SeenLog& seen) {
  if (seen.refused_code().empty()) return "";
  if (seen.refused_code() == kBeganAnew) {
    return absl::StrCat("The controller's audit log began anew with epoch ", seen.epoch(),
                        ". If that was not announced, tell the auditors; what this device saw "
                        "before is shown by `muster-agent witness`.");
  }
  return absl::StrCat("On ", TimeText(FromProto(seen.refused_at())),
                      " the controller's audit log did not continue what this device saw before (",
                      seen.refused_code(),
                      "). Tell the auditors; the evidence is shown by `muster-agent witness`.");
}

}  // namespace muster::agent
