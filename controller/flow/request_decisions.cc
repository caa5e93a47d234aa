#include "controller/flow/request_decisions.h"

#include <algorithm>

#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/domain/roles.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/membership_writes.h"
#include "controller/flow/provision.h"

namespace muster {
namespace {

absl::StatusOr<v1::Request> Approved(const Services& services, const Actor& actor,
                                     const Snapshot& snapshot, const v1::Request& before,
                                     const std::string& reason) {
  const absl::Time now = services.clock.Now();
  MUSTER_ASSIGN_OR_RETURN(const AppFacts app, LoadApp(snapshot, before.app_id()));
  MUSTER_ASSIGN_OR_RETURN(const auto person,
                          Find<v1::Person>(snapshot, PersonKey(before.person_id())));
  bool capstone = false;
  if (person) {
    MUSTER_ASSIGN_OR_RETURN(capstone, IsCapstone(snapshot, person->value));
  }
  const ApprovalFacts facts = {.trm = app.trm.status(), .capstone = capstone};
  MUSTER_ASSIGN_OR_RETURN(v1::Request out, Approve(before, actor.who, facts, reason, now));
  if (out.state() != v1::Request::APPROVED) return out;  // the first of two
  // The next step begins in the same commit; the reconciler carries it on.
  const RequestEvent event =
      out.break_glass() ? RequestEvent::kBreakGlass : RequestEvent::kProvision;
  MUSTER_ASSIGN_OR_RETURN(const auto next, NextRequestState(out.state(), event));
  MoveTo(out, next, now);
  const auto group = services.settings.groups.find(before.app_id());
  if (out.break_glass()) {
    out.set_detail("waiting for the person's device to verify the policy");
  } else if (services.settings.write_back || group == services.settings.groups.end()) {
    out.set_detail("adding the person to the approval group");
  } else {
    out.set_detail(WaitingForHands(before.person_upn(), group->second));
  }
  return out;
}

absl::StatusOr<v1::Request> Escalated(const Services& services, const v1::Request& before,
                                      const std::string& to_role) {
  const DecisionTimes& times = services.settings.decision_times;
  std::string role = to_role;
  if (role.empty() && !times.escalate_to.empty()) {
    role = times.escalate_to[std::min<size_t>(before.escalations(), times.escalate_to.size() - 1)];
  }
  if (!FindRole(role)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", role, "' is no role; name one of ", RoleNames({kRoles.begin(), kRoles.end()}, ", ")));
  }
  return Escalate(before, role, times, services.clock.Now());
}

absl::StatusOr<v1::Request> Decided(const Services& services, const Actor& actor,
                                    const Snapshot& snapshot, const v1::Request& before,
                                    const DecisionInput& in) {
  const absl::Time now = services.clock.Now();
  switch (in.decision) {
    case Decision::kApprove:
      return Approved(services, actor, snapshot, before, in.reason);
    case Decision::kDeny:
      return Deny(before, actor.who, in.reason, now);
    case Decision::kCancel:
      return Cancel(before, actor.who, in.reason, now);
    case Decision::kAskMore:
      return AskMore(before, actor.who, in.reason, now);
    case Decision::kAnswer:
      return AnswerRequest(before, in.reason, services.settings.decision_times, now);
    case Decision::kEscalate:
      return Escalated(services, before, in.to_role);
    case Decision::kDuplicate:
      break;
  }
  MUSTER_ASSIGN_OR_RETURN(const auto of, LoadRequest(snapshot, in.duplicate_of));
  return MarkDuplicate(before, actor.who, of.value, in.reason, now);
}

absl::string_view Verb(Decision decision, const v1::Request& after) {
  switch (decision) {
    case Decision::kApprove:
      return after.state() == v1::Request::SECOND_APPROVAL ? "request.approve-first"
                                                           : "request.approve";
    case Decision::kDeny:
      return "request.deny";
    case Decision::kCancel:
      return "request.cancel";
    case Decision::kAskMore:
      return "request.more-info";
    case Decision::kAnswer:
      return "request.answer";
    case Decision::kDuplicate:
      return "request.duplicate";
    case Decision::kEscalate:
      return "request.escalate";
  }
  return "";
}

// Nothing, or an UNSANCTIONED grant: an approval never touches another that holds, and does not
// begin while an older one is still being taken out of the group.
absl::StatusOr<std::optional<Versioned<v1::Grant>>> GrantToTakeOver(const Snapshot& snapshot,
                                                                    const v1::Request& request,
                                                                    Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(auto held, HoldingGrant(snapshot, request.person_id(), request.app_id()));
  const std::string live = LiveGrantKey(request.person_id(), request.app_id());
  if (held) {
    const v1::Grant& grant = held->value;
    if (grant.state() != v1::Grant::UNSANCTIONED) {
      return absl::FailedPreconditionError(
          absl::StrCat(request.person_upn(), " already has grant ", grant.grant_id(), " (",
                       v1::Grant::State_Name(grant.state()), ") for ", request.app_id(), "; deny ",
                       request.request_id(), " as a duplicate, or revoke the grant first"));
    }
    mutation.expects.push_back({GrantKey(grant.grant_id()), held->revision});
    return held;
  }
  mutation.expects.push_back({live, 0});
  if (request.break_glass()) return held;
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(snapshot, request.person_id()));
  for (const v1::Grant& grant : grants) {
    if (grant.app_id() != request.app_id() || grant.state() != v1::Grant::REVOKING ||
        grant.has_absent_at()) {
      continue;
    }
    return absl::FailedPreconditionError(absl::StrCat(
        grant.grant_id(), " of ", request.person_upn(), " is still being revoked (", grant.detail(),
        "); approve ", request.request_id(), " when the person is out of the group"));
  }
  return held;
}

// What a decision changes besides the request itself.
absl::Status WriteConsequences(const Services& services, const Actor& actor,
                               const Snapshot& snapshot, v1::Request& request, Mutation& mutation) {
  if (CameToNothing(request.state())) {
    mutation.deletes.push_back(OpenRequestKey(request.person_id(), request.app_id()));
    return absl::OkStatus();
  }
  if (IsUndecided(request.state())) return absl::OkStatus();
  PutMark(mutation, RequestWorkKey(request.request_id()));
  MUSTER_ASSIGN_OR_RETURN(const auto held, GrantToTakeOver(snapshot, request, mutation));
  if (!request.break_glass()) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const v1::Grant grant,
                          WriteGrantOf(services, actor, snapshot, request, held, mutation));
  request.set_grant_id(grant.grant_id());
  return absl::OkStatus();
}

absl::StatusOr<RequestOutcome> TryDecide(const Services& services, const Actor& actor,
                                         const DecisionInput& in, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto before, LoadRequest(*snapshot, in.request_id));
  MUSTER_RETURN_IF_ERROR(CheckRevision(in.request_id, in.expected_revision, before.revision));
  RequestOutcome out;
  MUSTER_ASSIGN_OR_RETURN(out.request, Decided(services, actor, *snapshot, before.value, in));
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(WriteConsequences(services, actor, *snapshot, out.request, mutation));
  MUSTER_ASSIGN_OR_RETURN(
      out.touched,
      TouchedByRequest(
          *snapshot, out.request,
          absl::StrCat(in.request_id, ": ", v1::Request::State_Name(before.value.state()), " -> ",
                       v1::Request::State_Name(out.request.state()))));
  if (dry_run) return out;
  mutation.expects.push_back({RequestKey(in.request_id), before.revision});
  Put(mutation, RequestKey(in.request_id), out.request);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = std::string(Verb(in.decision, out.request)),
                                           .object = absl::StrCat("request/", in.request_id),
                                           .before = &before.value,
                                           .after = &out.request,
                                           .reason = in.reason,
                                           .reason_code = out.request.reason_code(),
                                           .ticket = out.request.ticket(),
                                           .transaction_id = out.request.transaction_id()}));
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, services.store.Commit(std::move(mutation)));
  out.request.set_revision(revision);
  services.work.WakePerson(out.request.person_id());
  return out;
}

}  // namespace

absl::StatusOr<RequestOutcome> DecideRequest(const Services& services, const Actor& actor,
                                             const DecisionInput& input, bool dry_run) {
  return RetryAborted([&]() -> absl::StatusOr<RequestOutcome> {
    return TryDecide(services, actor, input, dry_run);
  });
}

absl::Status CheckRevision(const std::string& id, uint64_t expected, uint64_t actual) {
  if (expected == 0 || expected == actual) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat(id, " has changed since revision ", expected, " (it is at ", actual, ")"));
}

}  // namespace muster
