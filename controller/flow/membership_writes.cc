#include "controller/flow/membership_writes.h"

#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/audit.h"
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
  Put(mutation, GrantKey(grant.grant_id()), grant);
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
                          const std::optional<Versioned<v1::Grant>>& held, Mutation& mutation) {
  const absl::Time now = services.clock.Now();
  v1::Grant grant = GrantFor(request.value, now);
  if (held) {
    grant.set_grant_id(held->value.grant_id());
    mutation.expects.push_back({GrantKey(grant.grant_id()), held->revision});
  } else {
    MUSTER_ASSIGN_OR_RETURN(const std::string id, NextId(snapshot, "GR", mutation));
    grant.set_grant_id(id);
    mutation.expects.push_back({LiveGrantKey(grant.person_id(), grant.app_id()), 0});
  }
  PutGrant(services, actor, grant, held ? &held->value : nullptr, "grant.activate",
           request.value.ticket(), mutation);
  v1::Request after = request.value;
  MUSTER_ASSIGN_OR_RETURN(const auto next,
                          NextRequestState(after.state(), RequestEvent::kMemberSeen));
  after.set_state(next);
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
                                           .ticket = after.ticket(),
                                           .transaction_id = after.transaction_id()}));
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteSeenMember(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const SeenMember& member, Mutation& mutation) {
  const std::string& person_id = member.person.person_id();
  const std::string key = MemberKey(member.app_id, person_id);
  MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::Membership>(snapshot, key));
  v1::Membership membership;
  membership.set_app_id(member.app_id);
  membership.set_person_id(person_id);
  *membership.mutable_seen_at() = known ? known->value.seen_at() : ToProto(services.clock.Now());
  membership.set_written_by_muster(member.written_by_muster ||
                                   (known && known->value.written_by_muster()));
  membership.mutable_via()->Assign(member.via.begin(), member.via.end());
  if (!known || known->value.SerializeAsString() != membership.SerializeAsString()) {
    Put(mutation, key, membership);
  }
  if (!known) {
    mutation.audit.push_back(
        MakeAuditEntry(services, actor,
                       {.verb = "member.add",
                        .object = absl::StrCat("member/", member.app_id, "/", member.person.upn()),
                        .after = &membership}));
  }
  MUSTER_ASSIGN_OR_RETURN(const auto held, HoldingGrant(snapshot, person_id, member.app_id));
  MUSTER_ASSIGN_OR_RETURN(const auto request, WaitingRequest(snapshot, person_id, member.app_id));
  if (request && (!held || held->value.state() == v1::Grant::UNSANCTIONED)) {
    return GrantRequest(services, actor, snapshot, *request, held, mutation);
  }
  MUSTER_ASSIGN_OR_RETURN(const auto removing, snapshot.Get(RemovalKey(member.app_id, person_id)));
  if (held || removing || known) return absl::OkStatus();
  v1::Grant grant = UnsanctionedGrant(member.person, member.app_id, services.clock.Now());
  MUSTER_ASSIGN_OR_RETURN(const std::string id, NextId(snapshot, "GR", mutation));
  grant.set_grant_id(id);
  PutGrant(services, actor, grant, nullptr, "grant.unsanctioned", "", mutation);
  return absl::OkStatus();
}

absl::Status WriteGoneMember(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const std::string& app_id, const std::string& person_id,
                             const std::string& why, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto known,
                          Find<v1::Membership>(snapshot, MemberKey(app_id, person_id)));
  if (known) {
    mutation.deletes.push_back(MemberKey(app_id, person_id));
    mutation.audit.push_back(
        MakeAuditEntry(services, actor,
                       {.verb = "member.remove",
                        .object = absl::StrCat("member/", app_id, "/", person_id),
                        .before = &known->value,
                        .reason = why}));
  }
  MUSTER_ASSIGN_OR_RETURN(const auto removing, snapshot.Get(RemovalKey(app_id, person_id)));
  if (removing) mutation.deletes.push_back(RemovalKey(app_id, person_id));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<v1::Grant> grants, GrantsOfPerson(snapshot, person_id));
  for (const v1::Grant& grant : grants) {
    if (grant.app_id() != app_id) continue;
    if (grant.state() != v1::Grant::REVOKING || grant.has_absent_at()) continue;
    MUSTER_ASSIGN_OR_RETURN(const auto current,
                            Find<v1::Grant>(snapshot, GrantKey(grant.grant_id())));
    v1::Grant after = grant;
    *after.mutable_absent_at() = ToProto(services.clock.Now());
    after.set_detail("gone from the group; waiting for the person's devices to verify");
    mutation.expects.push_back({GrantKey(after.grant_id()), current->revision});
    Put(mutation, GrantKey(after.grant_id()), after);
    mutation.audit.push_back(MakeAuditEntry(services, actor,
                                            {.verb = "grant.absent-from-group",
                                             .object = absl::StrCat("grant/", after.grant_id()),
                                             .before = &grant,
                                             .after = &after,
                                             .transaction_id = after.transaction_id()}));
  }
  return absl::OkStatus();
}

}  // namespace muster
