#include "controller/flow/requests.h"

#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/provision.h"

namespace muster {
namespace {

std::string Object(const v1::Request& request) {
  return absl::StrCat("request/", request.request_id());
}

absl::StatusOr<Touched> TouchedBy(const Snapshot& snapshot, const v1::Request& request,
                                  std::string change) {
  Touched out;
  out.changes.push_back(std::move(change));
  out.persons = 1;
  MUSTER_ASSIGN_OR_RETURN(const auto person,
                          Find<v1::Person>(snapshot, PersonKey(request.person_id())));
  if (person) {
    MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOfPerson(snapshot, person->value));
    out.devices = static_cast<uint32_t>(devices.size());
  }
  return out;
}

// An open request or grant that lacks only the training which this submission brings.
struct Untrained {
  std::optional<Versioned<v1::Request>> request;
  std::optional<Versioned<v1::Grant>> grant;
};

absl::StatusOr<Untrained> CheckNothingOpen(const Snapshot& snapshot, const v1::Person& person,
                                           const Submission& submission) {
  Untrained out;
  const std::string& id = person.person_id();
  MUSTER_ASSIGN_OR_RETURN(out.grant, HoldingGrant(snapshot, id, submission.app_id));
  MUSTER_ASSIGN_OR_RETURN(const auto open, snapshot.Get(OpenRequestKey(id, submission.app_id)));
  std::string request_id = open ? open->bytes : "";
  if (request_id.empty() && out.grant) request_id = out.grant->value.request_id();
  if (!request_id.empty()) {
    MUSTER_ASSIGN_OR_RETURN(out.request, Find<v1::Request>(snapshot, RequestKey(request_id)));
  }
  if (!out.request && !out.grant) return out;
  // A member whom nobody asked for becomes sanctioned by a request like any other.
  if (!out.request && out.grant->value.state() == v1::Grant::UNSANCTIONED) return Untrained();
  const bool brings = !submission.training_acknowledged.empty();
  if (brings && out.request && out.request->value.training_acknowledged().empty()) return out;
  if (out.grant) {
    return absl::AlreadyExistsError(
        absl::StrCat(person.upn(), " already has grant ", out.grant->value.grant_id(), " (",
                     v1::Grant::State_Name(out.grant->value.state()), ") for ", submission.app_id));
  }
  return absl::AlreadyExistsError(absl::StrCat(person.upn(), " already has ", request_id, " (",
                                               v1::Request::State_Name(out.request->value.state()),
                                               ") for ", submission.app_id));
}

absl::StatusOr<RequestOutcome> RecordTraining(const Services& services, const Actor& actor,
                                              const Snapshot& snapshot, const Untrained& open,
                                              const std::string& version, bool dry_run) {
  RequestOutcome out;
  out.request = open.request->value;
  out.request.set_training_acknowledged(version);
  MUSTER_ASSIGN_OR_RETURN(
      out.touched,
      TouchedBy(snapshot, out.request,
                absl::StrCat(out.request.request_id(), ": training ", version, " acknowledged")));
  if (dry_run) return out;
  Mutation mutation;
  const std::string key = RequestKey(out.request.request_id());
  mutation.expects.push_back({key, open.request->revision});
  Put(mutation, key, out.request);
  if (open.grant) {
    v1::Grant grant = open.grant->value;
    grant.set_training_acknowledged(version);
    mutation.expects.push_back({GrantKey(grant.grant_id()), open.grant->revision});
    Put(mutation, GrantKey(grant.grant_id()), grant);
  }
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "request.acknowledge-training",
                                           .object = Object(out.request),
                                           .before = &open.request->value,
                                           .after = &out.request,
                                           .ticket = out.request.ticket(),
                                           .transaction_id = out.request.transaction_id()}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.WakePerson(out.request.person_id());
  return out;
}

absl::Status CheckDevice(const Snapshot& snapshot, const v1::Person& person,
                         const std::string& device_id) {
  if (device_id.empty()) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(snapshot, device_id));
  MUSTER_ASSIGN_OR_RETURN(const auto mine, DevicesOfPerson(snapshot, person));
  if (mine.contains(device.value.device_id())) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("device ", device_id, " is not a device of ",
                                                    person.upn(), "; see `musterctl device show ",
                                                    device_id, "`"));
}

absl::StatusOr<RequestOutcome> TrySubmit(const Services& services, const Actor& actor,
                                         const Submission& in, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const AppFacts app, LoadApp(*snapshot, in.app_id));
  MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(*snapshot, in.person_upn));
  MUSTER_RETURN_IF_ERROR(CheckDevice(*snapshot, person, in.device_id));
  RequestOutcome out;
  MUSTER_ASSIGN_OR_RETURN(out.request,
                          SubmitRequest({.person = person,
                                         .app_id = in.app_id,
                                         .trm = app.trm.status(),
                                         .trm_decision_id = app.trm.decision_id(),
                                         .trm_reason = app.trm.reason(),
                                         .blocklisted = app.blocklisted,
                                         .requester = actor.who,
                                         .ticket = in.ticket,
                                         .justification = in.justification,
                                         .device_id = in.device_id,
                                         .training_acknowledged = in.training_acknowledged,
                                         .term = in.term,
                                         .now = services.clock.Now()}));
  const bool denied = out.request.state() == v1::Request::DENIED;
  Mutation mutation;
  if (!denied) {
    MUSTER_ASSIGN_OR_RETURN(const Untrained open, CheckNothingOpen(*snapshot, person, in));
    if (open.request) {
      return RecordTraining(services, actor, *snapshot, open, in.training_acknowledged, dry_run);
    }
    if (!services.settings.groups.contains(in.app_id)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "no approval group is configured for ", in.app_id, "; an administrator adds `", in.app_id,
          ": <group>` under directory.groups in musterd.yaml"));
    }
    const std::string key = OpenRequestKey(person.person_id(), in.app_id);
    mutation.expects.push_back({key, 0});
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string id, NextId(*snapshot, "REQ", mutation));
  out.request.set_request_id(id);
  out.request.set_transaction_id(NewTransactionId(services.entropy));
  MUSTER_ASSIGN_OR_RETURN(
      out.touched,
      TouchedBy(*snapshot, out.request,
                absl::StrCat(dry_run ? "a new request" : id, ": ", in.app_id, " for ", person.upn(),
                             ", ", v1::Request::State_Name(out.request.state()))));
  if (dry_run) {
    out.request.clear_request_id();
    return out;
  }
  if (!denied) {
    mutation.puts.push_back({OpenRequestKey(person.person_id(), in.app_id), id});
  }
  Put(mutation, RequestKey(id), out.request);
  PutMark(mutation, PersonRequestKey(person.person_id(), id));
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "request.submit",
                                           .object = Object(out.request),
                                           .after = &out.request,
                                           .reason = in.justification,
                                           .reason_code = out.request.reason_code(),
                                           .ticket = in.ticket,
                                           .transaction_id = out.request.transaction_id()}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return out;
}

absl::StatusOr<v1::Request> Decided(const Services& services, const Actor& actor,
                                    const Snapshot& snapshot, const v1::Request& before,
                                    Decision decision, const std::string& reason) {
  const absl::Time now = services.clock.Now();
  switch (decision) {
    case Decision::kDeny:
      return Deny(before, actor.who, reason, now);
    case Decision::kCancel:
      return Cancel(before, actor.who, reason, now);
    case Decision::kApprove:
      break;
  }
  MUSTER_ASSIGN_OR_RETURN(const AppFacts app, LoadApp(snapshot, before.app_id()));
  MUSTER_ASSIGN_OR_RETURN(v1::Request approved,
                          Approve(before, actor.who, app.trm.status(), reason, now));
  // The next step begins in the same commit; the reconciler carries it on.
  MUSTER_ASSIGN_OR_RETURN(const auto next,
                          NextRequestState(approved.state(), RequestEvent::kProvision));
  approved.set_state(next);
  const auto group = services.settings.groups.find(before.app_id());
  approved.set_detail(services.settings.write_back || group == services.settings.groups.end()
                          ? "adding the person to the approval group"
                          : WaitingForHands(before.person_upn(), group->second));
  return approved;
}

absl::string_view Verb(Decision decision) {
  switch (decision) {
    case Decision::kApprove:
      return "approve";
    case Decision::kDeny:
      return "deny";
    case Decision::kCancel:
      return "cancel";
  }
  return "";
}

absl::StatusOr<RequestOutcome> TryDecide(const Services& services, const Actor& actor,
                                         const std::string& request_id, Decision decision,
                                         const std::string& reason, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const Versioned<v1::Request> before,
                          Load<v1::Request>(*snapshot, RequestKey(request_id),
                                            absl::StrCat("no request '", request_id,
                                                         "'; see `musterctl request list`")));
  RequestOutcome out;
  MUSTER_ASSIGN_OR_RETURN(out.request,
                          Decided(services, actor, *snapshot, before.value, decision, reason));
  MUSTER_ASSIGN_OR_RETURN(
      out.touched,
      TouchedBy(*snapshot, out.request,
                absl::StrCat(request_id, ": ", v1::Request::State_Name(before.value.state()),
                             " -> ", v1::Request::State_Name(out.request.state()))));
  if (dry_run) return out;
  Mutation mutation;
  mutation.expects.push_back({RequestKey(request_id), before.revision});
  Put(mutation, RequestKey(request_id), out.request);
  if (decision == Decision::kApprove) {
    PutMark(mutation, RequestWorkKey(request_id));
  } else {
    mutation.deletes.push_back(OpenRequestKey(out.request.person_id(), out.request.app_id()));
  }
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = absl::StrCat("request.", Verb(decision)),
                                           .object = Object(out.request),
                                           .before = &before.value,
                                           .after = &out.request,
                                           .reason = reason,
                                           .ticket = out.request.ticket(),
                                           .transaction_id = out.request.transaction_id()}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.Wake();
  return out;
}

}  // namespace

absl::StatusOr<RequestOutcome> Submit(const Services& services, const Actor& actor,
                                      const Submission& submission, bool dry_run) {
  return RetryAborted([&] { return TrySubmit(services, actor, submission, dry_run); });
}

absl::StatusOr<RequestOutcome> DecideRequest(const Services& services, const Actor& actor,
                                             const std::string& request_id, Decision decision,
                                             const std::string& reason, bool dry_run) {
  return RetryAborted(
      [&] { return TryDecide(services, actor, request_id, decision, reason, dry_run); });
}

}  // namespace muster
