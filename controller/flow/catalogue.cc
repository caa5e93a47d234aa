#include "controller/flow/catalogue.h"

#include "common/time_proto.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/trm_writes.h"

namespace muster {
namespace {

absl::StatusOr<TrmOutcome> TrySetTrm(const Services& services, const Actor& actor,
                                     const TrmChange& change, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const AppFacts app, LoadApp(*snapshot, change.app_id));
  TrmOutcome out;
  out.trm = app.trm;
  out.trm.set_status(change.status);
  out.trm.set_decision_id(change.decision_id);
  out.trm.set_reason(change.reason);
  out.trm.set_author(actor.who.upn);
  *out.trm.mutable_decided_at() = ToProto(services.clock.Now());
  out.trm.clear_export_until();
  if (change.status == v1::Trm::PROHIBITED) {
    *out.trm.mutable_export_until() =
        app.trm.status() == v1::Trm::PROHIBITED && app.trm.has_export_until()
            ? app.trm.export_until()
            : ToProto(services.clock.Now() + limits::kExportDeadline);
  }
  out.touched.changes = {
      absl::StrCat("trm ", change.app_id, ": ", v1::Trm::Status_Name(app.trm.status()), " -> ",
                   v1::Trm::Status_Name(change.status), " (decision ", change.decision_id, ")")};
  if (change.status == v1::Trm::PERMITTED && app.blocklisted) {
    out.touched.changes.push_back(absl::StrCat(
        "warning: ", change.app_id, " stays blocked: it is PERMITTED but on the blocklist"));
  }
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(ExpectPolicySet(*snapshot, mutation));
  Put(mutation, TrmKey(change.app_id), out.trm);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "trm.set",
                                           .object = absl::StrCat("trm/", change.app_id),
                                           .before = &app.trm,
                                           .after = &out.trm,
                                           .reason = change.reason,
                                           .ticket = change.decision_id}));
  MUSTER_RETURN_IF_ERROR(WriteTrmHistory(*snapshot, out.trm, mutation));
  MUSTER_ASSIGN_OR_RETURN(const TrmReach reach,
                          WriteTrmConsequences(services, actor, *snapshot, out.trm, mutation));
  MUSTER_RETURN_IF_ERROR(DescribeReach(*snapshot, out.trm, reach, out.touched));
  if (dry_run) return out;
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.WakeCohorts();
  for (const std::string& person : reach.persons) services.work.WakePerson(person);
  return out;
}

}  // namespace

absl::StatusOr<TrmOutcome> SetTrm(const Services& services, const Actor& actor,
                                  const TrmChange& change, bool dry_run) {
  if (change.status == v1::Trm::UNSPECIFIED) {
    return absl::InvalidArgumentError(
        "the status must be PERMITTED, RESTRICTED, PROHIBITED or UNLISTED");
  }
  if (change.decision_id.empty() || change.decision_id.size() > limits::kMaxTicketBytes) {
    return absl::InvalidArgumentError("a TRM change needs a decision id (--decision ID)");
  }
  MUSTER_RETURN_IF_ERROR(CheckReason(change.reason));
  return RetryAborted([&] { return TrySetTrm(services, actor, change, dry_run); });
}

}  // namespace muster
