#include "controller/flow/membership_writes.h"

#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/domain/membership.h"
#include "controller/flow/audit.h"
#include "controller/flow/grants.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

// The request that waits for exactly this membership.
absl::StatusOr<std::optional<Versioned<v1::Request>>> WaitingRequest(const Snapshot& snapshot,
                                                                     const std::string& person_id,
                                                                     const std::string& app_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto open, snapshot.Get(OpenRequestKey(person_id, app_id)));
  if (!open) return std::nullopt;
  MUSTER_ASSIGN_OR_RETURN(auto request, Find<v1::Request>(snapshot, RequestKey(open->bytes)));
  if (!request || request->value.state() != v1::Request::PROVISIONING) return std::nullopt;
  return request;
}

void PutGrant(const Services& services, const Actor& actor, const v1::Grant& grant,
              const v1::Grant* before, absl::string_view verb, absl::string_view ticket,
              Mutation& mutation) {
  PutGrant(mutation, grant);
  PutMark(mutation, PersonGrantKey(grant.person_id(), grant.grant_id()));
  mutation.puts.push_back({LiveGrantKey(grant.person_id(), grant.app_id()), grant.grant_id()});
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = std::string(verb),
                                           .object = absl::StrCat("grant/", grant.grant_id()),
                                           .before = before,
                                           .after = &grant,
                                           .ticket = std::string(ticket),
                                           .transaction_id = grant.transaction_id()}));
}

// PROVISIONING -> VERIFYING, with its grant. A grant that was UNSANCTIONED keeps its id.
absl::Status GrantRequest(const Services& services, const Actor& actor, const Snapshot& snapshot,
                          const Versioned<v1::Request>& request,
                          const std::optional<Versioned<v1::Grant>>& held, const std::string& note,
                          Mutation& mutation) {
  const absl::Time now = services.clock.Now();
  MUSTER_ASSIGN_OR_RETURN(const v1::Grant grant,
                          WriteGrantOf(services, actor, snapshot, request.value, held, mutation));
  v1::Request after = request.value;
  MUSTER_ASSIGN_OR_RETURN(const auto next,
                          NextRequestState(after.state(), RequestEvent::kMemberSeen));
  MoveTo(after, next, now);
  after.set_grant_id(grant.grant_id());
  *after.mutable_member_at() = ToProto(now);
  after.set_detail("waiting for the person's device to verify the policy");
  mutation.expects.push_back({RequestKey(after.request_id()), request.revision});
  Put(mutation, RequestKey(after.request_id()), after);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "request.member-seen",
                                           .object = absl::StrCat("request/", after.request_id()),
                                           .before = &request.value,
                                           .after = &after,
                                           .reason = note,
                                           .ticket = after.ticket(),
                                           .transaction_id = after.transaction_id()}));
  return absl::OkStatus();
}

// Muster took the person out, and a later read still shows them: by another path, or on another
// server. The grant is not verified absent after all.
absl::StatusOr<bool> WriteStillThere(const Services& services, const Actor& actor,
                                     const Snapshot& snapshot, const SeenMember& member,
                                     Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(snapshot, member.person.person_id()));
  for (const v1::Grant& grant : grants) {
    if (grant.app_id() != member.app_id || grant.state() != v1::Grant::REVOKING ||
        !grant.has_absent_at() || grant.revoked_by_upn() == MusterItself().who.upn) {
      continue;
    }
    MUSTER_ASSIGN_OR_RETURN(const auto current,
                            Find<v1::Grant>(snapshot, GrantKey(grant.grant_id())));
    v1::Grant after = grant;
    after.clear_absent_at();
    after.set_detail(
        absl::StrCat("blocked on devices; still in the group through ", ShortPath(member.via)));
    mutation.expects.push_back({GrantKey(after.grant_id()), current->revision});
    PutGrant(mutation, after);
    PutMark(mutation, RemovalKey(member.app_id, after.person_id()));
    mutation.audit.push_back(MakeAuditEntry(services, actor,
                                            {.verb = "grant.still-in-group",
                                             .object = absl::StrCat("grant/", after.grant_id()),
                                             .before = &grant,
                                             .after = &after,
                                             .reason = after.detail(),
                                             .transaction_id = after.transaction_id()}));
    return true;
  }
  return false;
}

// The membership record; true when it is new among those that count.
absl::StatusOr<bool> WriteMembership(const Services& services, const Actor& actor,
                                     const Snapshot& snapshot, const SeenMember& member,
                                     Mutation& mutation) {
  const std::string& person_id = member.person.person_id();
  const std::string key = MemberKey(member.app_id, person_id);
  MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::Membership>(snapshot, key));
  MUSTER_ASSIGN_OR_RETURN(
      const auto inactive,
      Find<v1::Membership>(snapshot, InactiveMemberKey(member.app_id, person_id)));
  MUSTER_ASSIGN_OR_RETURN(const auto intent, snapshot.Get(WriteKey(member.app_id, person_id)));
  const v1::Membership* before = known ? &known->value : inactive ? &inactive->value : nullptr;
  v1::Membership membership;
  membership.set_app_id(member.app_id);
  membership.set_person_id(person_id);
  *membership.mutable_seen_at() = before ? before->seen_at() : ToProto(services.clock.Now());
  membership.set_written_by_muster(member.written_by_muster || (intent && before == nullptr) ||
                                   (before != nullptr && before->written_by_muster()));
  membership.mutable_via()->Assign(member.via.begin(), member.via.end());
  if (!known || known->value.SerializeAsString() != membership.SerializeAsString()) {
    Put(mutation, key, membership);
  }
  if (inactive) mutation.deletes.push_back(InactiveMemberKey(member.app_id, person_id));
  if (intent) mutation.deletes.push_back(WriteKey(member.app_id, person_id));
  if (known) return false;
  mutation.audit.push_back(
      MakeAuditEntry(services, actor,
                     {.verb = "member.add",
                      .object = absl::StrCat("member/", member.app_id, "/", member.person.upn()),
                      .before = before,
                      .after = &membership,
                      .reason = member.note,
                      .transaction_id = member.transaction_id}));
  return true;
}

absl::Status WriteAbsent(const Services& services, const Actor& actor,
                         const Versioned<v1::Grant>& before, Mutation& mutation) {
  v1::Grant after = before.value;
  *after.mutable_absent_at() = ToProto(services.clock.Now());
  after.set_detail("gone from the group; waiting for the person's devices to verify");
  mutation.expects.push_back({GrantKey(after.grant_id()), before.revision});
  PutGrant(mutation, after);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "grant.absent-from-group",
                                           .object = absl::StrCat("grant/", after.grant_id()),
                                           .before = &before.value,
                                           .after = &after,
                                           .transaction_id = after.transaction_id()}));
  return absl::OkStatus();
}

// Somebody else took the person out of the group, or out of the directory.
absl::Status WriteVanished(const Services& services, const Actor& actor, const Snapshot& snapshot,
                           const Versioned<v1::Grant>& before, const GoneMember& gone,
                           const v1::Membership* known, Mutation& mutation) {
  std::string reason = "the person was deleted from the directory";
  if (gone.cause == v1::SyncRun::Change::LEFT_GROUP) {
    reason = "no longer in the approval group";
    if (known != nullptr) {
      absl::StrAppend(&reason, " (left ", ShortPath({known->via().begin(), known->via().end()}),
                      ")");
    }
  }
  if (!gone.seen_by.empty()) absl::StrAppend(&reason, ", seen by ", gone.seen_by);
  MUSTER_ASSIGN_OR_RETURN(
      v1::Grant after, Revoke(before.value, MusterItself().who.upn, reason, services.clock.Now()));
  *after.mutable_absent_at() = ToProto(services.clock.Now());
  after.set_detail("gone from the group; waiting for the person's devices to verify");
  return WriteRevocation(services, actor, snapshot, before, after, false, mutation);
}

bool EndsGrant(const GoneMember& gone, v1::Grant::State state) {
  if (!Holds(state)) return false;
  if (gone.cause == v1::SyncRun::Change::DELETED) return true;
  // A break-glass grant needs no group.
  return gone.cause == v1::SyncRun::Change::LEFT_GROUP && state != v1::Grant::BREAK_GLASS;
}

absl::Status WriteGrantsOfGone(const Services& services, const Actor& actor,
                               const Snapshot& snapshot, const GoneMember& gone,
                               const v1::Membership* known, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(snapshot, gone.person_id));
  for (const v1::Grant& grant : grants) {
    if (grant.app_id() != gone.app_id) continue;
    MUSTER_ASSIGN_OR_RETURN(const auto current,
                            Find<v1::Grant>(snapshot, GrantKey(grant.grant_id())));
    if (grant.state() == v1::Grant::REVOKING && !grant.has_absent_at()) {
      MUSTER_RETURN_IF_ERROR(WriteAbsent(services, actor, *current, mutation));
    } else if (EndsGrant(gone, grant.state())) {
      MUSTER_RETURN_IF_ERROR(
          WriteVanished(services, actor, snapshot, *current, gone, known, mutation));
    }
  }
  return absl::OkStatus();
}

absl::Status WriteInactive(const Services& services, const Actor& actor, const Snapshot& snapshot,
                           const GoneMember& gone, Mutation& mutation) {
  const std::string key = MemberKey(gone.app_id, gone.person_id);
  MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::Membership>(snapshot, key));
  if (!known) return absl::OkStatus();
  v1::Membership after = known->value;
  after.set_inactive_because(InactiveBecause(gone.cause));
  if (!gone.via.empty()) after.mutable_via()->Assign(gone.via.begin(), gone.via.end());
  mutation.deletes.push_back(key);
  Put(mutation, InactiveMemberKey(gone.app_id, gone.person_id), after);
  mutation.audit.push_back(
      MakeAuditEntry(services, actor,
                     {.verb = "member.inactive",
                      .object = absl::StrCat("member/", gone.app_id, "/", gone.person_id),
                      .before = &known->value,
                      .after = &after,
                      .reason = gone.why}));
  return absl::OkStatus();
}

absl::Status WriteUnsanctioned(const Services& services, const Actor& actor,
                               const Snapshot& snapshot, const SeenMember& member,
                               Mutation& mutation) {
  v1::Grant grant = UnsanctionedGrant(member.person, member.app_id, services.clock.Now());
  MUSTER_ASSIGN_OR_RETURN(const std::string id, NextId(snapshot, "GR", mutation));
  grant.set_grant_id(id);
  PutGrant(services, actor, grant, nullptr, "grant.unsanctioned", "", mutation);
  mutation.audit.back().set_reason_code(
      v1::DirectoryAlarm::Code_Name(v1::DirectoryAlarm::UNSANCTIONED_MEMBER));
  return absl::OkStatus();
}

}  // namespace

std::string InactiveBecause(v1::SyncRun::Change::Cause cause) {
  return cause == v1::SyncRun::Change::EXPIRED ? "expired" : "disabled";
}

absl::Status WriteSeenMember(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const SeenMember& member, Mutation& mutation) {
  const std::string& person_id = member.person.person_id();
  MUSTER_ASSIGN_OR_RETURN(const bool is_new,
                          WriteMembership(services, actor, snapshot, member, mutation));
  MUSTER_ASSIGN_OR_RETURN(const auto held, HoldingGrant(snapshot, person_id, member.app_id));
  MUSTER_ASSIGN_OR_RETURN(const auto request, WaitingRequest(snapshot, person_id, member.app_id));
  if (request && (!held || held->value.state() == v1::Grant::UNSANCTIONED)) {
    return GrantRequest(services, actor, snapshot, *request, held, member.note, mutation);
  }
  MUSTER_ASSIGN_OR_RETURN(const auto removing, snapshot.Get(RemovalKey(member.app_id, person_id)));
  if (held || removing || !is_new) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const bool still,
                          WriteStillThere(services, actor, snapshot, member, mutation));
  if (still) return absl::OkStatus();
  return WriteUnsanctioned(services, actor, snapshot, member, mutation);
}

absl::StatusOr<v1::Grant> WriteGrantOf(const Services& services, const Actor& actor,
                                       const Snapshot& snapshot, const v1::Request& request,
                                       const std::optional<Versioned<v1::Grant>>& held,
                                       Mutation& mutation) {
  v1::Grant grant = GrantFor(request, services.clock.Now());
  if (held) {
    grant.set_grant_id(held->value.grant_id());
    mutation.expects.push_back({GrantKey(grant.grant_id()), held->revision});
  } else {
    MUSTER_ASSIGN_OR_RETURN(const std::string id, NextId(snapshot, "GR", mutation));
    grant.set_grant_id(id);
    mutation.expects.push_back({LiveGrantKey(grant.person_id(), grant.app_id()), 0});
  }
  PutGrant(services, actor, grant, held ? &held->value : nullptr,
           request.break_glass() ? "grant.break-glass" : "grant.activate", request.ticket(),
           mutation);
  return grant;
}

absl::Status WriteNewcomer(const Services& services, const Actor& actor, const Snapshot& snapshot,
                           const SeenMember& member, Mutation& mutation) {
  const std::string& person_id = member.person.person_id();
  v1::Membership membership;
  membership.set_app_id(member.app_id);
  membership.set_person_id(person_id);
  *membership.mutable_seen_at() = ToProto(services.clock.Now());
  membership.mutable_via()->Assign(member.via.begin(), member.via.end());
  Put(mutation, MemberKey(member.app_id, person_id), membership);
  mutation.audit.push_back(
      MakeAuditEntry(services, actor,
                     {.verb = "member.add",
                      .object = absl::StrCat("member/", member.app_id, "/", member.person.upn()),
                      .after = &membership,
                      .reason = member.note}));
  return WriteUnsanctioned(services, actor, snapshot, member, mutation);
}

absl::Status WriteGoneMember(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const GoneMember& gone, Mutation& mutation) {
  if (gone.cause == v1::SyncRun::Change::DISABLED || gone.cause == v1::SyncRun::Change::EXPIRED) {
    return WriteInactive(services, actor, snapshot, gone, mutation);
  }
  std::optional<v1::Membership> before;
  for (const std::string& key :
       {MemberKey(gone.app_id, gone.person_id), InactiveMemberKey(gone.app_id, gone.person_id)}) {
    MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::Membership>(snapshot, key));
    if (!known) continue;
    mutation.deletes.push_back(key);
    before = known->value;
  }
  if (before) {
    mutation.audit.push_back(
        MakeAuditEntry(services, actor,
                       {.verb = "member.remove",
                        .object = absl::StrCat("member/", gone.app_id, "/", gone.person_id),
                        .before = &*before,
                        .reason = gone.why}));
  }
  const std::string removal = RemovalKey(gone.app_id, gone.person_id);
  MUSTER_ASSIGN_OR_RETURN(const auto removing, snapshot.Get(removal));
  if (removing) mutation.deletes.push_back(removal);
  return WriteGrantsOfGone(services, actor, snapshot, gone, before ? &*before : nullptr, mutation);
}

}  // namespace muster
