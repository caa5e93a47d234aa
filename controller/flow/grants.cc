#include "controller/flow/grants.h"

#include "controller/domain/grant.h"
#include "controller/flow/attestations.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/request_decisions.h"
#include "controller/flow/training.h"

namespace muster {
namespace {

absl::StatusOr<Versioned<v1::Grant>> LoadGrant(const Snapshot& snapshot,
                                               const std::string& grant_id) {
  return Load<v1::Grant>(snapshot, GrantKey(grant_id),
                         absl::StrCat("no grant '", grant_id, "'; see `musterctl grant list`"));
}

absl::StatusOr<Touched> TouchedBy(const Snapshot& snapshot, const v1::Grant& before,
                                  const v1::Grant& after) {
  Touched out;
  out.changes = {absl::StrCat(after.grant_id(), ": ", v1::Grant::State_Name(before.state()), " -> ",
                              v1::Grant::State_Name(after.state()), ", ", after.app_id(), " for ",
                              after.person_upn())};
  out.persons = 1;
  MUSTER_ASSIGN_OR_RETURN(const auto person,
                          Find<v1::Person>(snapshot, PersonKey(after.person_id())));
  if (!person) return out;
  MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOfPerson(snapshot, person->value));
  out.devices = static_cast<uint32_t>(devices.size());
  return out;
}

absl::string_view AuditVerb(GrantVerb verb) {
  switch (verb) {
    case GrantVerb::kRevoke:
      return "grant.revoke";
    case GrantVerb::kSuspend:
      return "grant.suspend";
    case GrantVerb::kResume:
      return "grant.resume";
    case GrantVerb::kRecertify:
      return "grant.recertify";
    case GrantVerb::kReviewAndKeep:
    case GrantVerb::kReviewAndEnd:
      return "grant.review";
  }
  return "";
}

absl::StatusOr<v1::Grant> Decided(const v1::Grant& before, GrantVerb verb,
                                  const GrantDecision& decision) {
  switch (verb) {
    case GrantVerb::kSuspend:
      return Suspend(before, decision);
    case GrantVerb::kResume:
      return Resume(before, decision);
    case GrantVerb::kRecertify:
      return Recertify(before, decision);
    case GrantVerb::kReviewAndKeep:
      return ReviewAndKeep(before, decision);
    case GrantVerb::kReviewAndEnd:
      return ReviewAndEnd(before, decision);
    case GrantVerb::kRevoke:
      break;
  }
  MUSTER_RETURN_IF_ERROR(CheckReason(decision.reason));
  return Revoke(before, decision.by.upn, decision.reason, decision.now);
}

absl::Status WriteChange(const Services& services, const Actor& actor,
                         const Versioned<v1::Grant>& before, const v1::Grant& after,
                         absl::string_view verb, const std::string& reason, Mutation& mutation) {
  mutation.expects.push_back({GrantKey(after.grant_id()), before.revision});
  PutGrant(mutation, after);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = std::string(verb),
                                           .object = absl::StrCat("grant/", after.grant_id()),
                                           .before = &before.value,
                                           .after = &after,
                                           .reason = reason,
                                           .transaction_id = after.transaction_id()}));
  return absl::OkStatus();
}

absl::StatusOr<GrantOutcome> TryDecide(const Services& services, const Actor& actor,
                                       const GrantInput& in, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const Versioned<v1::Grant> before, LoadGrant(*snapshot, in.grant_id));
  MUSTER_RETURN_IF_ERROR(CheckRevision(in.grant_id, in.expected_revision, before.revision));
  MUSTER_ASSIGN_OR_RETURN(const auto trm, Find<v1::Trm>(*snapshot, TrmKey(before.value.app_id())));
  GrantOutcome out;
  MUSTER_ASSIGN_OR_RETURN(out.grant, Decided(before.value, in.verb,
                                             {.by = actor.who,
                                              .trm = trm ? trm->value.status() : v1::Trm::UNLISTED,
                                              .reason = in.reason,
                                              .term = in.term,
                                              .now = services.clock.Now()}));
  MUSTER_ASSIGN_OR_RETURN(out.touched, TouchedBy(*snapshot, before.value, out.grant));
  if (dry_run) return out;
  Mutation mutation;
  if (Holds(out.grant.state()) || !Holds(before.value.state())) {
    MUSTER_RETURN_IF_ERROR(
        WriteChange(services, actor, before, out.grant, AuditVerb(in.verb), in.reason, mutation));
    if (in.verb == GrantVerb::kReviewAndKeep) PutMark(mutation, JoinWorkKey(in.grant_id));
  } else {
    MUSTER_RETURN_IF_ERROR(
        WriteRevocation(services, actor, *snapshot, before, out.grant, true, mutation));
    if (in.verb == GrantVerb::kReviewAndEnd) mutation.audit.back().set_verb("grant.review");
  }
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, services.store.Commit(std::move(mutation)));
  out.grant.set_revision(revision);
  services.work.WakePerson(out.grant.person_id());
  return out;
}

absl::StatusOr<bool> HasCapstone(const Snapshot& snapshot, const std::string& person_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot, PersonKey(person_id)));
  if (!person) return false;
  return IsCapstone(snapshot, person->value);
}

// The request that still waited for a device ends with its grant.
absl::Status CloseRequest(const Services& services, const Actor& actor, const Snapshot& snapshot,
                          const v1::Grant& grant, Mutation& mutation) {
  const std::string open_key = OpenRequestKey(grant.person_id(), grant.app_id());
  MUSTER_ASSIGN_OR_RETURN(const auto open, snapshot.Get(open_key));
  if (!open || open->bytes != grant.request_id()) return absl::OkStatus();
  mutation.expects.push_back({open_key, open->revision});
  mutation.deletes.push_back(open_key);
  mutation.deletes.push_back(RequestWorkKey(open->bytes));
  MUSTER_ASSIGN_OR_RETURN(const auto request, Find<v1::Request>(snapshot, RequestKey(open->bytes)));
  if (!request) return absl::OkStatus();
  const auto next = NextRequestState(request->value.state(), RequestEvent::kGrantRevoked);
  if (!next.ok()) return absl::OkStatus();
  v1::Request after = request->value;
  MoveTo(after, *next, services.clock.Now());
  after.set_reason_code("GRANT_REVOKED");
  after.set_detail(absl::StrCat(grant.grant_id(), " was revoked: ", grant.revoke_reason()));
  mutation.expects.push_back({RequestKey(open->bytes), request->revision});
  Put(mutation, RequestKey(open->bytes), after);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "request.cancel",
                                           .object = absl::StrCat("request/", open->bytes),
                                           .before = &request->value,
                                           .after = &after,
                                           .reason = after.detail(),
                                           .reason_code = after.reason_code(),
                                           .ticket = after.ticket(),
                                           .transaction_id = after.transaction_id()}));
  return absl::OkStatus();
}

absl::StatusOr<GrantOutcome> TryAdopt(const Services& services, const Actor& actor,
                                      const std::string& grant_id, const AdoptTerms& terms,
                                      bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const Versioned<v1::Grant> before, LoadGrant(*snapshot, grant_id));
  MUSTER_ASSIGN_OR_RETURN(const AppFacts app, LoadApp(*snapshot, before.value.app_id()));
  MUSTER_ASSIGN_OR_RETURN(const auto training,
                          TrainingFor(services, *snapshot, actor, terms.training_acknowledged));
  const v1::Grant& grant = before.value;
  const std::string open_key = OpenRequestKey(grant.person_id(), grant.app_id());
  MUSTER_ASSIGN_OR_RETURN(const auto open, snapshot->Get(open_key));
  if (open) {
    return absl::FailedPreconditionError(absl::StrCat(
        grant.person_upn(), " has ", open->bytes, " open for ", grant.app_id(), "; decide that"));
  }
  MUSTER_ASSIGN_OR_RETURN(const bool capstone, HasCapstone(*snapshot, grant.person_id()));
  GrantOutcome out;
  MUSTER_ASSIGN_OR_RETURN(out.grant, Adopt(before.value, {.by = actor.who,
                                                          .trm = app.trm.status(),
                                                          .capstone = capstone,
                                                          .ticket = terms.ticket,
                                                          .reason = terms.reason,
                                                          .training = training,
                                                          .term = terms.term,
                                                          .now = services.clock.Now()}));
  MUSTER_ASSIGN_OR_RETURN(const auto attested,
                          AttestationWith(*snapshot, grant.person_id(), training));
  if (attested) *out.grant.mutable_archive_attestation() = *attested;
  MUSTER_ASSIGN_OR_RETURN(out.touched, TouchedBy(*snapshot, before.value, out.grant));
  if (dry_run) return out;
  out.grant.set_transaction_id(NewTransactionId(services.entropy));
  Mutation mutation;
  mutation.expects.push_back({open_key, 0});
  mutation.expects.push_back({GrantKey(grant_id), before.revision});
  PutGrant(mutation, out.grant);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "grant.adopt",
                                           .object = absl::StrCat("grant/", grant_id),
                                           .before = &before.value,
                                           .after = &out.grant,
                                           .reason = terms.reason,
                                           .ticket = terms.ticket,
                                           .transaction_id = out.grant.transaction_id()}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.WakePerson(out.grant.person_id());
  return out;
}

absl::StatusOr<GrantOutcome> TryTraining(const Services& services, const Actor& actor,
                                         const std::string& grant_id, const std::string& version,
                                         bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const Versioned<v1::Grant> before, LoadGrant(*snapshot, grant_id));
  const v1::Grant& grant = before.value;
  if (!grant.request_id().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(grant_id, " comes from ", grant.request_id(),
                                                      "; record it there: `musterctl "
                                                      "request training ",
                                                      grant.request_id(), " --version ", version,
                                                      "`"));
  }
  if (!Holds(grant.state()) || grant.state() == v1::Grant::UNSANCTIONED) {
    return absl::FailedPreconditionError(
        absl::StrCat(grant_id, " is ", v1::Grant::State_Name(grant.state()),
                     "; training is recorded on a grant that was adopted and runs"));
  }
  MUSTER_ASSIGN_OR_RETURN(auto training, TrainingFor(services, *snapshot, actor, version));
  GrantOutcome out;
  out.grant = grant;
  *out.grant.mutable_training() = *training;
  out.grant.set_training_acknowledged(version);
  MUSTER_ASSIGN_OR_RETURN(const auto attested,
                          AttestationWith(*snapshot, grant.person_id(), training));
  if (attested) *out.grant.mutable_archive_attestation() = *attested;
  if (grant.state() == v1::Grant::ACTIVE) out.grant.clear_detail();
  MUSTER_ASSIGN_OR_RETURN(out.touched, TouchedBy(*snapshot, grant, out.grant));
  if (dry_run) return out;
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(
      WriteChange(services, actor, before, out.grant, "grant.training", "", mutation));
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, services.store.Commit(std::move(mutation)));
  out.grant.set_revision(revision);
  services.work.WakePerson(out.grant.person_id());
  return out;
}

}  // namespace

absl::Status WriteRevocation(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const Versioned<v1::Grant>& before, const v1::Grant& after,
                             bool in_group, Mutation& mutation) {
  const std::string& grant_id = after.grant_id();
  const std::string& person_id = after.person_id();
  mutation.expects.push_back({GrantKey(grant_id), before.revision});
  PutGrant(mutation, after);
  PutMark(mutation, GrantWorkKey(grant_id));
  if (in_group) PutMark(mutation, RemovalKey(after.app_id(), person_id));
  mutation.deletes.push_back(LiveGrantKey(person_id, after.app_id()));
  MUSTER_RETURN_IF_ERROR(CloseRequest(services, actor, snapshot, after, mutation));
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "grant.revoke",
                                           .object = absl::StrCat("grant/", grant_id),
                                           .before = &before.value,
                                           .after = &after,
                                           .reason = after.revoke_reason(),
                                           .transaction_id = after.transaction_id()}));
  return absl::OkStatus();
}

absl::StatusOr<GrantOutcome> DecideGrant(const Services& services, const Actor& actor,
                                         const GrantInput& input, bool dry_run) {
  return RetryAborted(
      [&]() -> absl::StatusOr<GrantOutcome> { return TryDecide(services, actor, input, dry_run); });
}

absl::StatusOr<GrantOutcome> AdoptGrant(const Services& services, const Actor& actor,
                                        const std::string& grant_id, const AdoptTerms& terms,
                                        bool dry_run) {
  return RetryAborted([&] { return TryAdopt(services, actor, grant_id, terms, dry_run); });
}

absl::StatusOr<GrantOutcome> RecordGrantTraining(const Services& services, const Actor& actor,
                                                 const std::string& grant_id,
                                                 const std::string& version, bool dry_run) {
  if (version.empty()) return absl::InvalidArgumentError("the guidance version is missing");
  return RetryAborted([&] { return TryTraining(services, actor, grant_id, version, dry_run); });
}

}  // namespace muster
