#include "controller/flow/grants.h"

#include "controller/domain/grant.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

absl::StatusOr<GrantOutcome> TryRevoke(const Services& services, const Actor& actor,
                                       const std::string& grant_id, const std::string& reason,
                                       bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(
      const Versioned<v1::Grant> before,
      Load<v1::Grant>(*snapshot, GrantKey(grant_id),
                      absl::StrCat("no grant '", grant_id, "'; see `musterctl grant list`")));
  GrantOutcome out;
  MUSTER_ASSIGN_OR_RETURN(out.grant,
                          Revoke(before.value, actor.who.upn, reason, services.clock.Now()));
  const std::string& person_id = out.grant.person_id();
  const std::string& app_id = out.grant.app_id();
  out.touched.changes = {absl::StrCat(grant_id, ": ", v1::Grant::State_Name(before.value.state()),
                                      " -> REVOKING, ", app_id, " for ", out.grant.person_upn())};
  out.touched.persons = 1;
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(*snapshot, PersonKey(person_id)));
  if (person) {
    MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOfPerson(*snapshot, person->value));
    out.touched.devices = static_cast<uint32_t>(devices.size());
  }
  if (dry_run) return out;
  Mutation mutation;
  mutation.expects.push_back({GrantKey(grant_id), before.revision});
  Put(mutation, GrantKey(grant_id), out.grant);
  PutMark(mutation, GrantWorkKey(grant_id));
  // From here on a sync that no longer shows this member has seen our own removal.
  PutMark(mutation, RemovalKey(app_id, person_id));
  mutation.deletes.push_back(LiveGrantKey(person_id, app_id));
  MUSTER_ASSIGN_OR_RETURN(const auto open, snapshot->Get(OpenRequestKey(person_id, app_id)));
  if (open && open->bytes == out.grant.request_id()) {
    mutation.deletes.push_back(OpenRequestKey(person_id, app_id));
    mutation.deletes.push_back(RequestWorkKey(open->bytes));
  }
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "grant.revoke",
                                           .object = absl::StrCat("grant/", grant_id),
                                           .before = &before.value,
                                           .after = &out.grant,
                                           .reason = reason,
                                           .transaction_id = out.grant.transaction_id()}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.WakePerson(person_id);
  return out;
}

}  // namespace

absl::StatusOr<GrantOutcome> RevokeGrant(const Services& services, const Actor& actor,
                                         const std::string& grant_id, const std::string& reason,
                                         bool dry_run) {
  MUSTER_RETURN_IF_ERROR(CheckReason(reason));
  return RetryAborted([&] { return TryRevoke(services, actor, grant_id, reason, dry_run); });
}

}  // namespace muster
