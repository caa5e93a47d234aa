#include "controller/adapters/grpc/incident_views.h"

#include <utility>

#include "absl/strings/match.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/adapters/grpc/paging.h"
#include "controller/domain/cannot_be_known.h"
#include "controller/domain/hold.h"
#include "controller/flow/holds.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

v1::Impact ImpactOf(const Touched& touched, bool dry_run) {
  v1::Impact out;
  out.set_dry_run(dry_run);
  out.mutable_changes()->Assign(touched.changes.begin(), touched.changes.end());
  out.set_devices(touched.devices);
  out.set_persons(touched.persons);
  return out;
}

absl::Status GiveIncident(absl::StatusOr<IncidentOutcome> outcome, bool dry_run,
                          v1::IncidentResponse& out) {
  if (!outcome.ok()) return outcome.status();
  *out.mutable_incident() = std::move(outcome->incident);
  *out.mutable_impact() = ImpactOf(outcome->touched, dry_run);
  return absl::OkStatus();
}

absl::Status GiveHold(absl::StatusOr<HoldOutcome> outcome, bool dry_run, v1::HoldResponse& out) {
  if (!outcome.ok()) return outcome.status();
  *out.mutable_hold() = std::move(outcome->hold);
  *out.mutable_impact() = ImpactOf(outcome->touched, dry_run);
  return absl::OkStatus();
}

v1::Incident Short(v1::Incident incident) {
  incident.clear_signature();
  const int most = static_cast<int>(limits::kMaxAuditedChats);
  if (incident.chats_size() > most) {
    incident.mutable_chats()->DeleteSubrange(most, incident.chats_size() - most);
  }
  return incident;
}

}  // namespace

absl::Status ListIncidents(const Services& services, const v1::ListIncidentsRequest& in,
                           v1::ListIncidentsResponse& out) {
  const auto snapshot = services.store.Read();
  std::string person_id;
  if (!in.person_upn().empty()) {
    const auto person = LoadPersonByUpn(*snapshot, in.person_upn());
    if (!person.ok() && !absl::IsNotFound(person.status())) return person.status();
    if (person.ok()) person_id = person->person_id();
  }
  out.set_cannot_be_known(kCannotBeKnown);
  return Page<v1::Incident>(
      *snapshot, "incident/", in.page_size(), in.cursor(),
      [&](const v1::Incident& incident) {
        const bool theirs = in.person_upn().empty() ||
                            (!person_id.empty() && incident.person_id() == person_id) ||
                            absl::EqualsIgnoreCase(incident.person_upn(), in.person_upn());
        const bool asked_state =
            in.state() == v1::Incident::UNSPECIFIED || incident.state() == in.state();
        if (theirs && asked_state && (!in.open() || IsOpenIncident(incident.state()))) {
          *out.add_items() = Short(incident);
        }
        return absl::OkStatus();
      },
      out);
}

absl::Status GetIncident(const Services& services, const v1::GetIncidentRequest& in,
                         v1::Incident& out) {
  MUSTER_ASSIGN_OR_RETURN(Versioned<v1::Incident> found,
                          Load<v1::Incident>(*services.store.Read(), IncidentKey(in.incident_id()),
                                             absl::StrCat("no incident '", in.incident_id(),
                                                          "'; see `musterctl archive incidents`")));
  out = std::move(found.value);
  out.set_revision(found.revision);
  return absl::OkStatus();
}

absl::Status ListHolds(const Services& services, const v1::ListHoldsRequest& in,
                       v1::ListHoldsResponse& out) {
  const auto snapshot = services.store.Read();
  return Page<v1::Hold>(
      *snapshot, "hold/", in.page_size(), in.cursor(),
      [&](const v1::Hold& hold) {
        if (in.released() || IsInForce(hold)) *out.add_items() = hold;
        return absl::OkStatus();
      },
      out);
}

absl::Status DoOpenIncident(const Services& services, const Actor& actor,
                            const v1::OpenIncidentRequest& in, v1::IncidentResponse& out) {
  const absl::Time happened_at =
      in.has_happened_at() ? FromProto(in.happened_at()) : services.clock.Now();
  return GiveIncident(muster::OpenIncident(services, actor,
                                           {.person_upn = in.person_upn(),
                                            .app_id = in.app_id(),
                                            .device_id = in.device_id(),
                                            .cause = in.cause(),
                                            .happened_at = happened_at,
                                            .reason = in.reason()},
                                           in.dry_run()),
                      in.dry_run(), out);
}

absl::Status DoDecideIncident(const Services& services, const Actor& actor, IncidentVerb verb,
                              const v1::DecideIncidentRequest& in, v1::IncidentResponse& out) {
  return GiveIncident(muster::DecideIncident(services, actor,
                                             {.verb = verb,
                                              .incident_id = in.incident_id(),
                                              .reason = in.reason(),
                                              .reported_to = in.reported_to(),
                                              .expected_revision = in.expected_revision()},
                                             in.dry_run()),
                      in.dry_run(), out);
}

absl::Status DoDraftIncident(const Services& services, const Actor& actor,
                             const v1::DraftIncidentRequest& in, v1::IncidentResponse& out) {
  return GiveIncident(WriteDraft(services, actor, in.incident_id(),
                                 {.circumstances = in.circumstances(),
                                  .safeguards = in.safeguards(),
                                  .salvage = in.salvage(),
                                  .description = in.description()},
                                 in.expected_revision(), in.dry_run()),
                      in.dry_run(), out);
}

absl::Status DoSignIncident(const Services& services, const Actor& actor,
                            const v1::SignIncidentRequest& in, v1::IncidentResponse& out) {
  return GiveIncident(SignReport(services, actor, in.incident_id(), in.signature(), in.dry_run()),
                      in.dry_run(), out);
}

absl::Status DoPlaceHold(const Services& services, const Actor& actor,
                         const v1::PlaceHoldRequest& in, v1::HoldResponse& out) {
  return GiveHold(PlaceHold(services, actor, in), in.dry_run(), out);
}

absl::Status DoReleaseHold(const Services& services, const Actor& actor,
                           const v1::ReleaseHoldRequest& in, v1::HoldResponse& out) {
  return GiveHold(EndHold(services, actor, in), in.dry_run(), out);
}

}  // namespace muster
