#include "controller/flow/incidents.h"

#include <utility>

#include "absl/strings/match.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/incident.h"
#include "controller/flow/incident_writes.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

absl::Status CheckOneSubject(const std::vector<v1::Obligation>& obligations) {
  if (obligations.empty()) {
    return absl::InvalidArgumentError("a suspicion is about at least one chat");
  }
  const v1::Obligation& first = obligations.front();
  for (const v1::Obligation& other : obligations) {
    if (other.person_id() != first.person_id() || other.app_id() != first.app_id() ||
        other.device_id() != first.device_id()) {
      return absl::InvalidArgumentError("a suspicion is about one person, app and device");
    }
  }
  return absl::OkStatus();
}

std::vector<v1::Incident::Chat> LostChats(const Suspicion& suspicion) {
  std::vector<v1::Incident::Chat> out;
  for (const v1::Obligation& obligation : suspicion.obligations) {
    out.push_back(LostChat(obligation, suspicion.cause, suspicion.happened_at));
  }
  return out;
}

// What ties it to the grant, and so to the request.
absl::StatusOr<std::string> TransactionOf(const Services& services, const Snapshot& snapshot,
                                          const std::string& grant_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto grant, Find<v1::Grant>(snapshot, GrantKey(grant_id)));
  if (grant && !grant->value.transaction_id().empty()) return grant->value.transaction_id();
  return NewTransactionId(services.entropy);
}

absl::StatusOr<v1::Incident> NewIncident(const Services& services, const Snapshot& snapshot,
                                         const Suspicion& suspicion) {
  const v1::Obligation& first = suspicion.obligations.front();
  v1::Incident out;
  out.set_cause(suspicion.cause);
  out.set_device_id(first.device_id());
  out.set_person_id(first.person_id());
  out.set_person_upn(first.person_upn());
  out.set_app_id(first.app_id());
  out.set_grant_id(first.grant_id());
  out.set_office(first.office());
  MUSTER_ASSIGN_OR_RETURN(const auto person,
                          Find<v1::Person>(snapshot, PersonKey(first.person_id())));
  if (person) {
    if (!person->value.upn().empty()) out.set_person_upn(person->value.upn());
    if (!person->value.office().empty()) out.set_office(person->value.office());
    MUSTER_ASSIGN_OR_RETURN(const bool capstone, IsCapstone(snapshot, person->value));
    out.set_capstone(capstone);
  }
  *out.mutable_opened_at() = ToProto(services.clock.Now());
  *out.mutable_happened_at() = ToProto(suspicion.happened_at);
  out.set_circumstances(suspicion.circumstances);
  MUSTER_ASSIGN_OR_RETURN(*out.mutable_transaction_id(),
                          TransactionOf(services, snapshot, first.grant_id()));
  for (v1::Incident::Chat& chat : LostChats(suspicion)) {
    if (static_cast<size_t>(out.chats_size()) == limits::kMaxIncidentChats) break;
    *out.add_chats() = std::move(chat);
  }
  return out;
}

absl::StatusOr<std::string> OpenOne(const Services& services, const Snapshot& snapshot,
                                    const Actor& actor, absl::string_view by,
                                    const Suspicion& suspicion, Mutation& mutation) {
  IncidentChange change;
  MUSTER_ASSIGN_OR_RETURN(change.after, NewIncident(services, snapshot, suspicion));
  MUSTER_ASSIGN_OR_RETURN(*change.after.mutable_incident_id(), NextId(snapshot, "LOSS", mutation));
  TakeStep(change.after, v1::Incident::SUSPECTED, by, suspicion.circumstances,
           services.clock.Now());
  change.verb = "incident.open";
  change.reason = suspicion.circumstances;
  MUSTER_RETURN_IF_ERROR(WriteIncident(services, snapshot, actor, change, mutation));
  return change.after.incident_id();
}

absl::Status Extend(const Services& services, const Snapshot& snapshot, const Suspicion& suspicion,
                    const Versioned<v1::Incident>& before, Mutation& mutation) {
  IncidentChange change{.before = &before, .after = before.value};
  v1::Incident& after = change.after;
  if (!AddChats(after, LostChats(suspicion), services.clock.Now())) return absl::OkStatus();
  if (!absl::StrContains(after.circumstances(), suspicion.circumstances) &&
      after.circumstances().size() + suspicion.circumstances.size() < limits::kMaxIncidentText) {
    after.set_circumstances(absl::StrCat(after.circumstances(), "\n", suspicion.circumstances));
  }
  change.verb = "incident.extend";
  change.reason = after.history(after.history_size() - 1).reason();
  return WriteIncident(services, snapshot, MusterItself(), change, mutation);
}

absl::Status TakeTimerStep(const Services& services, const std::string& incident_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto before,
                          Find<v1::Incident>(*snapshot, IncidentKey(incident_id)));
  if (!before) return absl::OkStatus();
  std::optional<v1::Incident> after = DueForUpdate(before->value, services.clock.Now());
  if (!after) return absl::OkStatus();
  IncidentChange change{.before = &*before,
                        .after = *std::move(after),
                        .verb = "incident.update-due",
                        .reason = "the agency reports on what is found later"};
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(WriteIncident(services, *snapshot, MusterItself(), change, mutation));
  return services.store.Commit(std::move(mutation)).status();
}

}  // namespace

absl::StatusOr<std::string> WriteOpening(const Services& services, const Snapshot& snapshot,
                                         const Actor& actor, const Suspicion& suspicion,
                                         Mutation& mutation) {
  MUSTER_RETURN_IF_ERROR(CheckOneSubject(suspicion.obligations));
  const v1::Obligation& first = suspicion.obligations.front();
  MUSTER_ASSIGN_OR_RETURN(
      const std::string open,
      FindOpenIncident(snapshot, first.person_id(), first.app_id(), first.device_id(), mutation));
  if (open.empty()) return OpenOne(services, snapshot, actor, actor.who.upn, suspicion, mutation);
  return absl::AlreadyExistsError(absl::StrCat(
      open, " is open about this already; see `musterctl archive incidents ", open, "`"));
}

absl::StatusOr<std::string> WriteSuspicion(const Services& services, const Snapshot& snapshot,
                                           const Suspicion& suspicion, Mutation& mutation) {
  MUSTER_RETURN_IF_ERROR(CheckOneSubject(suspicion.obligations));
  const v1::Obligation& first = suspicion.obligations.front();
  MUSTER_ASSIGN_OR_RETURN(
      const std::string open,
      FindOpenIncident(snapshot, first.person_id(), first.app_id(), first.device_id(), mutation));
  if (open.empty()) return OpenOne(services, snapshot, MusterItself(), "", suspicion, mutation);
  MUSTER_ASSIGN_OR_RETURN(const auto before, FindIncident(snapshot, open, mutation));
  if (!before) {
    return absl::DataLossError(absl::StrCat("store: incident ", open, " is named but missing"));
  }
  MUSTER_RETURN_IF_ERROR(Extend(services, snapshot, suspicion, *before, mutation));
  return open;
}

absl::Status WriteCoveredAfterAll(const Services& services, const Snapshot& snapshot,
                                  const std::string& incident_id, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto before, FindIncident(snapshot, incident_id, mutation));
  if (!before) {
    return absl::NotFoundError(absl::StrCat("there is no incident ", incident_id));
  }
  IncidentChange change{.before = &*before, .after = before->value, .verb = "incident.covered"};
  if (!MarkCovered(change.after, services.clock.Now())) return absl::OkStatus();
  change.reason = change.after.history(change.after.history_size() - 1).reason();
  return WriteIncident(services, snapshot, MusterItself(), change, mutation);
}

absl::Status RunIncidentTimers(const Services& services) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                          KeyTails(*services.store.Read(), "work/incident/"));
  absl::Status first;
  for (const std::string& id : ids) {
    first.Update(RetryAborted([&] { return TakeTimerStep(services, id); }));
  }
  return first;
}

}  // namespace muster
