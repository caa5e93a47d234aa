#include "controller/flow/requests.h"

#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/attestations.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/training.h"

namespace muster {
namespace {

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

absl::Status CheckDevice(const Snapshot& snapshot, const v1::Person& person,
                         const std::string& device_id) {
  if (device_id.empty()) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(snapshot, device_id));
  MUSTER_ASSIGN_OR_RETURN(const auto mine, DevicesOfPerson(snapshot, person));
  if (mine.contains(device.value.device_id())) return absl::OkStatus();
  if (device.value.state() != v1::Device::ENROLLED) {
    return absl::FailedPreconditionError(absl::StrCat("device ", device_id, " is ",
                                                      v1::Device::State_Name(device.value.state()),
                                                      "; name one that is enrolled, or none"));
  }
  return absl::FailedPreconditionError(absl::StrCat("device ", device_id, " is not a device of ",
                                                    person.upn(), "; see `musterctl device show ",
                                                    device_id, "`"));
}

absl::Status CheckTicketIsFree(const Snapshot& snapshot, const Submission& in, Mutation& mutation) {
  const std::string key = TicketKey(in.ticket_source, in.ticket);
  MUSTER_ASSIGN_OR_RETURN(const auto taken, snapshot.Get(key));
  mutation.expects.push_back({key, taken ? taken->revision : 0});
  if (!taken) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const auto request,
                          Find<v1::Request>(snapshot, RequestKey(taken->bytes)));
  if (!request || CameToNothing(request->value.state())) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(
      "ticket ", in.ticket, " of ", in.ticket_source, " is already ", taken->bytes, " (",
      v1::Request::State_Name(request->value.state()), "), ", request->value.app_id(), " for ",
      request->value.person_upn(), "; one ticket stands for one request, open another ticket"));
}

void WriteNewRequest(const Services& services, const Actor& actor, const v1::Request& request,
                     Mutation& mutation) {
  const std::string& id = request.request_id();
  if (IsOpen(request.state())) {
    mutation.puts.push_back({OpenRequestKey(request.person_id(), request.app_id()), id});
  }
  mutation.puts.push_back({TicketKey(request.ticket_source(), request.ticket()), id});
  Put(mutation, RequestKey(id), request);
  PutMark(mutation, PersonRequestKey(request.person_id(), id));
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "request.submit",
                                           .object = absl::StrCat("request/", id),
                                           .after = &request,
                                           .reason = request.justification(),
                                           .reason_code = request.reason_code(),
                                           .ticket = request.ticket(),
                                           .transaction_id = request.transaction_id()}));
}

absl::StatusOr<RequestOutcome> TrySubmit(const Services& services, const Actor& actor,
                                         const Submission& in, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const AppFacts app, LoadApp(*snapshot, in.app_id));
  MUSTER_ASSIGN_OR_RETURN(v1::Person person, LoadPersonByUpn(*snapshot, in.person_upn));
  MUSTER_ASSIGN_OR_RETURN(const bool capstone, IsCapstone(*snapshot, person));
  person.set_capstone(capstone);
  MUSTER_RETURN_IF_ERROR(CheckDevice(*snapshot, person, in.device_id));
  MUSTER_ASSIGN_OR_RETURN(const auto training,
                          TrainingFor(services, *snapshot, actor, in.training_acknowledged));
  RequestOutcome out;
  MUSTER_ASSIGN_OR_RETURN(out.request, SubmitRequest({.person = person,
                                                      .app_id = in.app_id,
                                                      .trm = app.trm.status(),
                                                      .trm_decision_id = app.trm.decision_id(),
                                                      .trm_reason = app.trm.reason(),
                                                      .blocklisted = app.blocklisted,
                                                      .requester = actor.who,
                                                      .ticket = in.ticket,
                                                      .ticket_source = in.ticket_source,
                                                      .justification = in.justification,
                                                      .duty_location = in.duty_location,
                                                      .device_id = in.device_id,
                                                      .training = training,
                                                      .break_glass = in.break_glass,
                                                      .term = in.term,
                                                      .times = services.settings.decision_times,
                                                      .now = services.clock.Now()}));
  MUSTER_ASSIGN_OR_RETURN(const auto attested,
                          AttestationWith(*snapshot, person.person_id(), training));
  if (attested) *out.request.mutable_archive_attestation() = *attested;
  const bool denied = out.request.state() == v1::Request::DENIED;
  Mutation mutation;
  if (!denied) {
    MUSTER_ASSIGN_OR_RETURN(const Untrained open, CheckNothingOpen(*snapshot, person, in));
    if (open.request) {
      return RecordTraining(services, actor, open.request->value.request_id(),
                            in.training_acknowledged, dry_run);
    }
    if (!in.break_glass && !services.settings.groups.contains(in.app_id)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "no approval group is configured for ", in.app_id, "; an administrator adds `", in.app_id,
          ": <group>` under directory.groups in musterd.yaml"));
    }
    const std::string key = OpenRequestKey(person.person_id(), in.app_id);
    mutation.expects.push_back({key, 0});
  }
  MUSTER_RETURN_IF_ERROR(CheckTicketIsFree(*snapshot, in, mutation));
  MUSTER_ASSIGN_OR_RETURN(const std::string id, NextId(*snapshot, "REQ", mutation));
  out.request.set_request_id(id);
  out.request.set_transaction_id(NewTransactionId(services.entropy));
  MUSTER_ASSIGN_OR_RETURN(
      out.touched, TouchedByRequest(*snapshot, out.request,
                                    absl::StrCat(dry_run ? "a new request" : id, ": ", in.app_id,
                                                 " for ", person.upn(), ", ",
                                                 v1::Request::State_Name(out.request.state()))));
  if (dry_run) {
    out.request.clear_request_id();
    return out;
  }
  WriteNewRequest(services, actor, out.request, mutation);
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, services.store.Commit(std::move(mutation)));
  out.request.set_revision(revision);
  return out;
}

}  // namespace

absl::StatusOr<RequestOutcome> Submit(const Services& services, const Actor& actor,
                                      const Submission& submission, bool dry_run) {
  return RetryAborted([&] { return TrySubmit(services, actor, submission, dry_run); });
}

absl::StatusOr<Versioned<v1::Request>> LoadRequest(const Snapshot& snapshot,
                                                   const std::string& request_id) {
  return Load<v1::Request>(
      snapshot, RequestKey(request_id),
      absl::StrCat("no request '", request_id, "'; see `musterctl request list`"));
}

absl::StatusOr<Touched> TouchedByRequest(const Snapshot& snapshot, const v1::Request& request,
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

}  // namespace muster
