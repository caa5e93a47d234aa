#include "controller/flow/catalogue.h"

#include "common/time_proto.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

// The catalogue as a whole is one thing to change: this mark's revision guards it.
constexpr char kPolicySetKey[] = "policy_set";

absl::Status ExpectPolicySet(const Snapshot& snapshot, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto mark, snapshot.Get(kPolicySetKey));
  mutation.expects.push_back({kPolicySetKey, mark ? mark->revision : 0});
  PutMark(mutation, kPolicySetKey);
  return absl::OkStatus();
}

// Writes the difference between two maps of messages under `key(id)`, with an entry for each.
template <typename T, typename KeyOf>
void WriteDifference(const Services& services, const Actor& actor,
                     const std::map<std::string, T>& before, const std::map<std::string, T>& after,
                     absl::string_view noun, KeyOf key, Mutation& mutation) {
  for (const auto& [id, value] : after) {
    const auto old = before.find(id);
    const bool existed = old != before.end();
    if (existed && old->second.SerializeAsString() == value.SerializeAsString()) continue;
    Put(mutation, key(id), value);
    mutation.audit.push_back(
        MakeAuditEntry(services, actor,
                       {.verb = absl::StrCat(noun, existed ? ".change" : ".add"),
                        .object = absl::StrCat(noun, "/", id),
                        .before = existed ? &old->second : nullptr,
                        .after = &value}));
  }
  for (const auto& [id, value] : before) {
    if (after.contains(id)) continue;
    mutation.deletes.push_back(key(id));
    mutation.audit.push_back(MakeAuditEntry(services, actor,
                                            {.verb = absl::StrCat(noun, ".remove"),
                                             .object = absl::StrCat(noun, "/", id),
                                             .before = &value}));
  }
}

void WriteBlocklist(const Services& services, const Actor& actor,
                    const std::set<std::string>& before, const std::set<std::string>& after,
                    Mutation& mutation) {
  for (const std::string& id : after) {
    if (before.contains(id)) continue;
    PutMark(mutation, BlocklistKey(id));
    mutation.audit.push_back(MakeAuditEntry(
        services, actor, {.verb = "blocklist.add", .object = absl::StrCat("app/", id)}));
  }
  for (const std::string& id : before) {
    if (after.contains(id)) continue;
    mutation.deletes.push_back(BlocklistKey(id));
    mutation.audit.push_back(MakeAuditEntry(
        services, actor, {.verb = "blocklist.remove", .object = absl::StrCat("app/", id)}));
  }
}

// Grants of `app_id` follow its status: PROHIBITED suspends, anything else resumes what
// PROHIBITED had suspended. Returns the persons concerned.
absl::StatusOr<std::set<std::string>> FollowTrm(const Services& services, const Actor& actor,
                                                const Snapshot& snapshot, const v1::Trm& trm,
                                                Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const std::set<std::string> persons,
                          PersonsHolding(snapshot, {trm.app_id()}));
  for (const std::string& person : persons) {
    MUSTER_ASSIGN_OR_RETURN(auto grant, HoldingGrant(snapshot, person, trm.app_id()));
    if (!grant) continue;
    v1::Grant after = grant->value;
    const bool prohibited = trm.status() == v1::Trm::PROHIBITED;
    if (prohibited &&
        (after.state() == v1::Grant::ACTIVE || after.state() == v1::Grant::RECERT_DUE)) {
      after.set_state(v1::Grant::SUSPENDED);
      after.set_suspended_for(v1::Grant::Suspension::TRM_PROHIBITED);
      *after.mutable_export_until() = trm.export_until();
    } else if (!prohibited && after.suspended_for() == v1::Grant::Suspension::TRM_PROHIBITED) {
      after.set_state(v1::Grant::ACTIVE);
      after.clear_suspended_for();
      after.clear_export_until();
    } else {
      continue;
    }
    mutation.expects.push_back({GrantKey(after.grant_id()), grant->revision});
    Put(mutation, GrantKey(after.grant_id()), after);
    mutation.audit.push_back(
        MakeAuditEntry(services, actor,
                       {.verb = prohibited ? "grant.suspend" : "grant.resume",
                        .object = absl::StrCat("grant/", after.grant_id()),
                        .before = &grant->value,
                        .after = &after,
                        .reason = trm.reason(),
                        .reason_code = "TRM_" + v1::Trm::Status_Name(trm.status()),
                        .ticket = trm.decision_id(),
                        .transaction_id = after.transaction_id()}));
  }
  return persons;
}

absl::StatusOr<uint32_t> CountDevices(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto devices, EnrolledDevices(snapshot));
  return static_cast<uint32_t>(devices.size());
}

absl::StatusOr<ApplyOutcome> TryApply(const Services& services, const Actor& actor,
                                      const LoadedPolicies& loaded, bool prune, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const PolicySet before, LoadPolicySet(*snapshot));
  PolicyChange plan = PlanApply(before, loaded, prune);
  ApplyOutcome out;
  out.issues = std::move(plan.issues);
  out.touched.changes = std::move(plan.changes);
  if (HasErrors(out.issues)) return out;
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(ExpectPolicySet(*snapshot, mutation));
  WriteDifference(services, actor, before.apps, plan.result.apps, "app", AppKey, mutation);
  for (auto& [id, trm] : plan.result.trm) {
    const auto old = before.trm.find(id);
    if (trm.status() == v1::Trm::PROHIBITED) {  // The running deadline survives a re-apply.
      const bool was = old != before.trm.end() && old->second.has_export_until();
      *trm.mutable_export_until() = was ? old->second.export_until()
                                        : ToProto(services.clock.Now() + limits::kExportDeadline);
    }
    if (old != before.trm.end() && old->second.status() == trm.status()) continue;
    MUSTER_RETURN_IF_ERROR(FollowTrm(services, actor, *snapshot, trm, mutation).status());
  }
  WriteDifference(services, actor, before.trm, plan.result.trm, "trm", TrmKey, mutation);
  WriteBlocklist(services, actor, before.blocklist, plan.result.blocklist, mutation);
  if (!out.touched.changes.empty()) {
    MUSTER_ASSIGN_OR_RETURN(out.touched.devices, CountDevices(*snapshot));
    MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsHolding(*snapshot, plan.touched_apps));
    out.touched.persons = static_cast<uint32_t>(persons.size());
  }
  if (dry_run) return out;
  if (!mutation.audit.empty()) {
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
    services.work.WakeAll();
  }
  out.applied = true;
  return out;
}

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
  MUSTER_ASSIGN_OR_RETURN(const auto persons,
                          FollowTrm(services, actor, *snapshot, out.trm, mutation));
  out.touched.persons = static_cast<uint32_t>(persons.size());
  MUSTER_ASSIGN_OR_RETURN(out.touched.devices, CountDevices(*snapshot));
  if (dry_run) return out;
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.WakeAll();
  return out;
}

}  // namespace

absl::StatusOr<ApplyOutcome> ApplyPolicies(const Services& services, const Actor& actor,
                                           const LoadedPolicies& loaded, bool prune, bool dry_run) {
  return RetryAborted([&] { return TryApply(services, actor, loaded, prune, dry_run); });
}

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
