#include "controller/flow/incident_writes.h"

#include <algorithm>
#include <utility>

#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/incident.h"
#include "controller/flow/audit.h"
#include "controller/flow/incident_report.h"

namespace muster {
namespace {

const std::string* PendingPut(const Mutation& mutation, const std::string& key) {
  for (const Mutation::Put& put : mutation.puts) {
    if (put.key == key) return &put.bytes;
  }
  return nullptr;
}

void PutOver(Mutation& mutation, const std::string& key, std::string bytes) {
  for (Mutation::Put& put : mutation.puts) {
    if (put.key != key) continue;
    put.bytes = std::move(bytes);
    return;
  }
  mutation.puts.push_back({key, std::move(bytes)});
}

// Whether a key is there or not is part of what the incident is; `had` is how it was.
void SetMark(Mutation& mutation, const std::string& key, bool had, bool has,
             const std::string& value) {
  std::erase_if(mutation.deletes, [&](const std::string& other) { return other == key; });
  if (has) {
    PutOver(mutation, key, value);
    return;
  }
  std::erase_if(mutation.puts, [&](const Mutation::Put& put) { return put.key == key; });
  if (had) mutation.deletes.push_back(key);
}

bool TimerRuns(v1::Incident::State state) {
  return state == v1::Incident::REPORTED || state == v1::Incident::UPDATED;
}

// Two thousand chats in each entry of the log would say the same two thousand times.
v1::Incident ForAudit(const v1::Incident& incident) {
  v1::Incident out = incident;
  const int most = static_cast<int>(limits::kMaxAuditedChats);
  if (out.chats_size() > most) {
    out.mutable_chats()->DeleteSubrange(most, out.chats_size() - most);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::optional<Versioned<v1::Incident>>> FindIncident(const Snapshot& snapshot,
                                                                    const std::string& incident_id,
                                                                    const Mutation& mutation) {
  const std::string key = IncidentKey(incident_id);
  MUSTER_ASSIGN_OR_RETURN(auto found, Find<v1::Incident>(snapshot, key));
  const std::string* pending = PendingPut(mutation, key);
  if (pending == nullptr) return found;
  MUSTER_ASSIGN_OR_RETURN(auto parsed,
                          Parse<v1::Incident>({key, *pending, found ? found->revision : 0}));
  return parsed;
}

absl::StatusOr<std::string> FindOpenIncident(const Snapshot& snapshot, const std::string& person,
                                             const std::string& app, const std::string& device,
                                             const Mutation& mutation) {
  const std::string key = OpenIncidentKey(person, app, device);
  if (const std::string* pending = PendingPut(mutation, key)) return *pending;
  MUSTER_ASSIGN_OR_RETURN(const auto record, snapshot.Get(key));
  return record ? record->bytes : "";
}

absl::Status WriteIncident(const Services& services, const Snapshot& snapshot, const Actor& actor,
                           IncidentChange& change, Mutation& mutation) {
  v1::Incident& after = change.after;
  const std::string& id = after.incident_id();
  const bool pending = PendingPut(mutation, IncidentKey(id)) != nullptr;
  if (after.state() == v1::Incident::REPORT_DRAFT) {
    MUSTER_ASSIGN_OR_RETURN(const v1::IncidentReportResponse report,
                            DraftReport(services, snapshot, after));
    after.set_report_sha256(report.sha256());
    PutOver(mutation, IncidentReportKey(id), report.SerializeAsString());
  }
  const std::string open_key =
      OpenIncidentKey(after.person_id(), after.app_id(), after.device_id());
  if (!pending) {
    const uint64_t revision = change.before == nullptr ? 0 : change.before->revision;
    mutation.expects.push_back({IncidentKey(id), revision});
    // Two that notice the same loss at once: the second one loads again and finds the first's.
    if (change.before == nullptr) mutation.expects.push_back({open_key, 0});
  }
  const v1::Incident::State was =
      change.before == nullptr ? v1::Incident::UNSPECIFIED : change.before->value.state();
  SetMark(mutation, open_key, IsOpenIncident(was), IsOpenIncident(after.state()), id);
  SetMark(mutation, IncidentTimerKey(id), TimerRuns(was), TimerRuns(after.state()), id);
  PutOver(mutation, IncidentKey(id), after.SerializeAsString());
  const v1::Incident told_after = ForAudit(after);
  const v1::Incident told_before =
      change.before == nullptr ? v1::Incident() : ForAudit(change.before->value);
  mutation.audit.push_back(
      MakeAuditEntry(services, actor,
                     {.verb = change.verb,
                      .object = absl::StrCat("incident/", id),
                      .before = change.before == nullptr ? nullptr : &told_before,
                      .after = &told_after,
                      .reason = change.reason,
                      .transaction_id = after.transaction_id()}));
  return absl::OkStatus();
}

absl::Duration UpdateEvery(const v1::RetentionPolicy& policy) {
  return policy.has_update_every() ? FromProto(policy.update_every()) : limits::kDefaultUpdateEvery;
}

}  // namespace muster
