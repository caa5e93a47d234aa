#include "controller/flow/witness.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/checkpoint.h"
#include "common/log_limits.h"
#include "common/time_proto.h"
#include "common/trust_root.h"
#include "controller/flow/device_alarms.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

constexpr absl::string_view kWhatToDo =
    "; keep a copy of the store for the auditors, and see `musterctl audit verify`";

v1::Alarm::Code AlarmOfCode(absl::string_view code) {
  return code == VerifyCodeName(VerifyCode::kRollback) ? v1::Alarm::AUDIT_LOG_BEHIND
                                                       : v1::Alarm::AUDIT_LOG_FORKED;
}

struct Contradiction {
  v1::Alarm::Code code;
  std::string detail;
};

// Why what the device has seen is not the beginning of this log; nullopt: it is.
std::optional<Contradiction> FindContradiction(const Snapshot& snapshot, uint64_t size,
                                               const std::string& root) {
  const LogHead head = snapshot.log_head();
  if (size > head.size) {
    return Contradiction{
        v1::Alarm::AUDIT_LOG_BEHIND,
        absl::StrCat("the device has seen ", size, " entries of the audit log, and there are ",
                     head.size, ": the store was put back to an older copy, or its end was cut off",
                     kWhatToDo)};
  }
  const absl::StatusOr<std::string> own = RootAt(snapshot, size);
  if (own.ok() && *own == root) return std::nullopt;
  // A log whose hashes cannot be read is none that anybody could prove; and a device must not go
  // without its policy for that.
  return Contradiction{
      v1::Alarm::AUDIT_LOG_FORKED,
      own.ok() ? absl::StrCat("the first ", size,
                              " entries of the audit log are not those that the device has seen: "
                              "entries were changed, or the store was put back and went on from "
                              "there",
                              kWhatToDo)
               : absl::StrCat("the first ", size,
                              " entries of the audit log, which the device has seen, cannot be "
                              "proven: ",
                              own.status().message(), kWhatToDo)};
}

absl::StatusOr<std::optional<v1::Root>> RootInForce(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto doc, Find<v1::SignedDoc>(snapshot, DocumentKey(kRootName)));
  if (!doc) return std::nullopt;
  MUSTER_ASSIGN_OR_RETURN(v1::Root root, RootOf(doc->value));
  return root;
}

// Whether a key of the log has signed it: then it is evidence, whoever the device is.
absl::StatusOr<std::string> WhoSigned(const Snapshot& snapshot, const std::string& note) {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<v1::Root> root, RootInForce(snapshot));
  if (!root) return "no root of trust says who signed it";
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(*root));
  const absl::StatusOr<Checkpoint> head =
      OpenCheckpoint(note, LogKeysOf(trust), LogOrigin(trust.tenant()));
  return head.ok() ? absl::StrCat("the log's own key signed it, for ", head->size, " entries")
                   : absl::StrCat("no key of the log that is in force signed it (",
                                  head.status().message(), ")");
}

// The note, when a key signed it that any root ever named for the log; else nothing: what nobody
// signed proves nothing, and one device must not spoil the auditors' exports with it.
absl::StatusOr<std::string> SignedNote(const Snapshot& snapshot, const std::string& note) {
  if (note.empty()) return note;
  bool is_signed = false;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::SignedDoc>(
      snapshot, "root_version/",
      [&](const std::string&, const Versioned<v1::SignedDoc>& doc) -> absl::Status {
        if (is_signed) return absl::OkStatus();
        MUSTER_ASSIGN_OR_RETURN(const v1::Root root, RootOf(doc.value));
        MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(root));
        is_signed = OpenCheckpoint(note, LogKeysOf(trust), LogOrigin(trust.tenant())).ok();
        return absl::OkStatus();
      }));
  return is_signed ? note : "";
}

absl::Status CheckNote(const std::string& note) {
  if (note.size() <= limits::kMaxNoteBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a checkpoint of ", note.size(), " bytes; at most ", limits::kMaxNoteBytes));
}

}  // namespace

absl::Status CheckSeenLog(const Services& services, const std::string& device_id,
                          const v1::Hello& hello) {
  if (hello.audit_size() == 0) return absl::OkStatus();
  if (hello.audit_root().size() != kHashBytes) {
    return absl::InvalidArgumentError("the audit root of a Hello is not a hash");
  }
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  const std::optional<Contradiction> found =
      FindContradiction(*snapshot, hello.audit_size(), hello.audit_root());
  if (!found) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const std::optional<v1::Root> root, RootInForce(*snapshot));
  if (root && hello.audit_epoch() < root->header().epoch()) return absl::OkStatus();
  return RaiseAlarm(services, device_id, found->code, found->detail);
}

std::optional<v1::Alarm::Code> LogAlarmOf(const v1::Nack& nack) {
  if (nack.name() != kBeaconName) return std::nullopt;
  if (nack.code() == VerifyCodeName(VerifyCode::kInconsistent)) return AlarmOfCode(nack.code());
  // These two may also be about the Beacon itself: the agent's words tell.
  const bool either = nack.code() == VerifyCodeName(VerifyCode::kRollback) ||
                      nack.code() == VerifyCodeName(VerifyCode::kEquivocation);
  if (!either || !absl::StrContains(nack.detail(), "audit log")) return std::nullopt;
  return AlarmOfCode(nack.code());
}

absl::Status WriteWitness(const Services& services, const Snapshot& snapshot,
                          const v1::WitnessReport& report, v1::Device& device, Mutation& mutation) {
  MUSTER_RETURN_IF_ERROR(CheckNote(report.checkpoint()));
  MUSTER_RETURN_IF_ERROR(CheckNote(report.refused_checkpoint()));
  const std::string key = WitnessKey(device.device_id());
  MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::AuditWitness>(snapshot, key));
  v1::AuditWitness witness = known ? known->value : v1::AuditWitness();
  witness.set_device_id(device.device_id());
  MUSTER_ASSIGN_OR_RETURN(const std::string seen, SignedNote(snapshot, report.checkpoint()));
  MUSTER_ASSIGN_OR_RETURN(const std::string refused,
                          SignedNote(snapshot, report.refused_checkpoint()));
  if (seen.empty() && !report.checkpoint().empty()) {
    AddAlarm(services, v1::Alarm::AUDIT_LOG_FORKED,
             "the device tells of a head of the audit log that no key of the log ever signed; it "
             "is no evidence and is not kept: look after the device",
             device, mutation);
  } else {
    witness.set_checkpoint(seen);
  }
  const std::string code = Shortened(report.refused_code(), limits::kMaxTicketBytes);
  const bool refuses = !report.refused_checkpoint().empty() || !code.empty();
  const bool is_new =
      refuses && (witness.refused_checkpoint() != refused || witness.refused_code() != code);
  const google::protobuf::Timestamp now = ToProto(services.clock.Now());
  if (is_new) {
    witness.set_refused_checkpoint(refused);
    witness.set_refused_code(code);
    witness.set_refused_detail(Shortened(report.refused_detail(), limits::kMaxReasonBytes));
    *witness.mutable_refused_at() = now;
    MUSTER_ASSIGN_OR_RETURN(const std::string signer,
                            WhoSigned(snapshot, report.refused_checkpoint()));
    AddAlarm(services, AlarmOfCode(code),
             absl::StrCat("the device refused a head of the audit log, ", code, ": ",
                          witness.refused_detail(), "; ", signer),
             device, mutation);
  }
  if (known && !is_new && known->value.checkpoint() == witness.checkpoint())
    return absl::OkStatus();
  *witness.mutable_at() = now;
  Put(mutation, key, witness);
  return absl::OkStatus();
}

}  // namespace muster
