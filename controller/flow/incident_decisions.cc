#include "controller/flow/incident_decisions.h"

#include <functional>
#include <utility>

#include "common/archive_limits.h"
#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "common/trust_root.h"
#include "controller/flow/incident_writes.h"
#include "controller/flow/incidents.h"
#include "controller/flow/lookup.h"
#include "controller/flow/request_decisions.h"

namespace muster {
namespace {

absl::string_view VerbOf(IncidentVerb verb) {
  switch (verb) {
    case IncidentVerb::kAssess:
      return "incident.assess";
    case IncidentVerb::kDismiss:
      return "incident.dismiss";
    case IncidentVerb::kConfirm:
      return "incident.confirm";
    case IncidentVerb::kReport:
      return "incident.report";
    case IncidentVerb::kUpdate:
      return "incident.update";
    case IncidentVerb::kClose:
      return "incident.close";
  }
  return "";
}

absl::StatusOr<v1::Incident> Decided(const Snapshot& snapshot, const v1::Incident& before,
                                     const IncidentInput& in, const IncidentDecision& decision) {
  MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy retention, LoadRetention(snapshot));
  switch (in.verb) {
    case IncidentVerb::kAssess:
      return AssessIncident(before, decision);
    case IncidentVerb::kDismiss:
      return DismissIncident(before, decision);
    case IncidentVerb::kConfirm:
      return ConfirmIncident(before, decision);
    case IncidentVerb::kReport:
      return ReportIncident(before, in.reported_to, UpdateEvery(retention), decision);
    case IncidentVerb::kUpdate:
      return UpdateIncident(before, UpdateEvery(retention), decision);
    case IncidentVerb::kClose:
      break;
  }
  return CloseIncident(before, decision);
}

Touched TouchedBy(const v1::Incident* before, const v1::Incident& after) {
  Touched out;
  out.changes = {absl::StrCat(
      after.incident_id().empty() ? "a new incident" : after.incident_id(), ": ",
      before == nullptr ? "" : absl::StrCat(v1::Incident::State_Name(before->state()), " -> "),
      v1::Incident::State_Name(after.state()), ", ", after.app_id(), " of ", after.person_upn(),
      ", ", after.chats_size(), " chats")};
  out.persons = 1;
  out.devices = after.device_id().empty() ? 0 : 1;
  return out;
}

// One decision from load to commit; `decide` gives what becomes of the incident.
struct Attempt {
  std::string incident_id;
  uint64_t expected_revision = 0;
  std::string verb, reason;
  std::function<absl::StatusOr<v1::Incident>(const Snapshot&, const v1::Incident&)> decide;
};

absl::StatusOr<IncidentOutcome> TryIncident(const Services& services, const Actor& actor,
                                            const Attempt& attempt, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const Versioned<v1::Incident> before,
                          Load<v1::Incident>(*snapshot, IncidentKey(attempt.incident_id),
                                             absl::StrCat("no incident '", attempt.incident_id,
                                                          "'; see `musterctl archive incidents`")));
  MUSTER_RETURN_IF_ERROR(
      CheckRevision(attempt.incident_id, attempt.expected_revision, before.revision));
  IncidentChange change{.before = &before, .verb = attempt.verb, .reason = attempt.reason};
  MUSTER_ASSIGN_OR_RETURN(change.after, attempt.decide(*snapshot, before.value));
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(WriteIncident(services, *snapshot, actor, change, mutation));
  PutMark(mutation, ArchiveWorkKey(change.after.person_id()));  // what it decides about
  IncidentOutcome out{.incident = std::move(change.after), .touched = {}};
  out.touched = TouchedBy(&before.value, out.incident);
  out.incident.set_revision(before.revision);
  if (dry_run) return out;
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, services.store.Commit(std::move(mutation)));
  out.incident.set_revision(revision);
  services.work.WakePerson(out.incident.person_id());
  return out;
}

absl::StatusOr<IncidentOutcome> RunAttempt(const Services& services, const Actor& actor,
                                           const Attempt& attempt, bool dry_run) {
  return RetryAborted([&] { return TryIncident(services, actor, attempt, dry_run); });
}

absl::Status CheckNewIncident(const Services& services, const NewIncidentInput& in) {
  MUSTER_RETURN_IF_ERROR(CheckReason(in.reason));
  if (in.cause == v1::Incident::CAUSE_UNSPECIFIED || !v1::Incident::Cause_IsValid(in.cause)) {
    return absl::InvalidArgumentError("what happened? Name the cause");
  }
  if (in.happened_at > services.clock.Now()) {
    return absl::InvalidArgumentError(
        absl::StrCat(TimeText(in.happened_at), " is still to come; when did it happen?"));
  }
  return absl::OkStatus();
}

// What the person owes there; where nothing is known of it, one entry that says so.
absl::StatusOr<std::vector<v1::Obligation>> OwedAt(const Snapshot& snapshot,
                                                   const v1::Person& person,
                                                   const NewIncidentInput& in) {
  std::vector<v1::Obligation> out;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::Obligation>(
      snapshot,
      absl::StrCat("obligation/", person.person_id(), "/", in.app_id, "/", in.device_id, "/"),
      [&](const std::string&, const Versioned<v1::Obligation>& found) {
        if (found.value.state() != v1::Obligation::CLEAR) out.push_back(found.value);
        return absl::OkStatus();
      }));
  if (!out.empty()) return out;
  MUSTER_ASSIGN_OR_RETURN(const auto grant, HoldingGrant(snapshot, person.person_id(), in.app_id));
  v1::Obligation unknown;
  unknown.set_person_id(person.person_id());
  unknown.set_person_upn(person.upn());
  unknown.set_app_id(in.app_id);
  unknown.set_device_id(in.device_id);
  *unknown.mutable_began_at() = ToProto(in.happened_at);
  if (grant) {
    unknown.set_grant_id(grant->value.grant_id());
    *unknown.mutable_began_at() = grant->value.granted_at();
  }
  return std::vector<v1::Obligation>{unknown};
}

absl::StatusOr<IncidentOutcome> TryOpen(const Services& services, const Actor& actor,
                                        const NewIncidentInput& in, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(*snapshot, in.person_upn));
  MUSTER_RETURN_IF_ERROR(LoadApp(*snapshot, in.app_id).status());
  if (!in.device_id.empty()) {
    MUSTER_RETURN_IF_ERROR(LoadDevice(*snapshot, in.device_id).status());
  }
  Suspicion suspicion{.cause = in.cause,
                      .happened_at = in.happened_at,
                      .obligations = {},
                      .circumstances = in.reason};
  MUSTER_ASSIGN_OR_RETURN(suspicion.obligations, OwedAt(*snapshot, person, in));
  Mutation mutation;
  MUSTER_ASSIGN_OR_RETURN(const std::string id,
                          WriteOpening(services, *snapshot, actor, suspicion, mutation));
  MUSTER_ASSIGN_OR_RETURN(const auto opened, FindIncident(*snapshot, id, mutation));
  IncidentOutcome out{.incident = opened->value, .touched = TouchedBy(nullptr, opened->value)};
  if (dry_run) return out;
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, services.store.Commit(std::move(mutation)));
  out.incident.set_revision(revision);
  services.work.WakePerson(person.person_id());
  return out;
}

absl::StatusOr<Trust> TrustNow(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(
      const auto doc,
      Load<v1::SignedDoc>(snapshot, DocumentKey(kRootName), "the controller has no root of trust"));
  MUSTER_ASSIGN_OR_RETURN(const v1::Root root, RootOf(doc.value));
  return Trust::FromRoot(root);
}

bool IsSameSignature(const v1::Incident& incident, const v1::SignedDoc& signature) {
  return incident.has_signature() &&
         incident.signature().SerializeAsString() == signature.SerializeAsString();
}

}  // namespace

absl::StatusOr<IncidentOutcome> OpenIncident(const Services& services, const Actor& actor,
                                             const NewIncidentInput& input, bool dry_run) {
  MUSTER_RETURN_IF_ERROR(CheckNewIncident(services, input));
  return RetryAborted([&] { return TryOpen(services, actor, input, dry_run); });
}

absl::StatusOr<IncidentOutcome> DecideIncident(const Services& services, const Actor& actor,
                                               const IncidentInput& in, bool dry_run) {
  const IncidentDecision decision{
      .by = actor.who, .reason = in.reason, .now = services.clock.Now()};
  return RunAttempt(services, actor,
                    {.incident_id = in.incident_id,
                     .expected_revision = in.expected_revision,
                     .verb = std::string(VerbOf(in.verb)),
                     .reason = in.reason,
                     .decide =
                         [&](const Snapshot& snapshot, const v1::Incident& before) {
                           return Decided(snapshot, before, in, decision);
                         }},
                    dry_run);
}

absl::StatusOr<IncidentOutcome> WriteDraft(const Services& services, const Actor& actor,
                                           const std::string& incident_id,
                                           const IncidentTexts& texts, uint64_t expected_revision,
                                           bool dry_run) {
  return RunAttempt(services, actor,
                    {.incident_id = incident_id,
                     .expected_revision = expected_revision,
                     .verb = "incident.draft",
                     .reason = "",
                     .decide =
                         [&](const Snapshot&, const v1::Incident& before) {
                           return DraftIncident(
                               before, texts,
                               {.by = actor.who, .reason = "", .now = services.clock.Now()});
                         }},
                    dry_run);
}

absl::StatusOr<IncidentOutcome> SignReport(const Services& services, const Actor& actor,
                                           const std::string& incident_id,
                                           const v1::SignedDoc& signature, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto found,
                          Find<v1::Incident>(*snapshot, IncidentKey(incident_id)));
  if (found && IsSameSignature(found->value, signature)) {
    IncidentOutcome out{.incident = found->value, .touched = {}};
    out.incident.set_revision(found->revision);
    return out;
  }
  return RunAttempt(services, actor,
                    {.incident_id = incident_id,
                     .expected_revision = 0,
                     .verb = "incident.sign",
                     .reason = "",
                     .decide = [&](const Snapshot& seen,
                                   const v1::Incident& before) -> absl::StatusOr<v1::Incident> {
                       MUSTER_ASSIGN_OR_RETURN(const Trust trust, TrustNow(seen));
                       const absl::Time now = services.clock.Now();
                       MUSTER_ASSIGN_OR_RETURN(
                           const Verified<v1::LossReport> report,
                           VerifyLossReport({.doc = signature,
                                             .trust = trust,
                                             .name = LossReportName(incident_id),
                                             .floor = {},
                                             .now = now}));
                       return SignIncident(before, report.payload(), signature,
                                           {.by = actor.who, .reason = "", .now = now});
                     }},
                    dry_run);
}

}  // namespace muster
