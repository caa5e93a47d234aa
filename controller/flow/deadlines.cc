#include "controller/flow/deadlines.h"

#include "controller/domain/deadlines.h"
#include "controller/domain/grant.h"
#include "controller/flow/audit.h"
#include "controller/flow/grants.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

constexpr int kMaxSteps = 16;  // of one record at one time

absl::Status CommitRequestStep(const Services& services, const Versioned<v1::Request>& before,
                               const DueStep<v1::Request>& step) {
  const v1::Request& after = step.after;
  Mutation mutation;
  mutation.expects.push_back({RequestKey(after.request_id()), before.revision});
  Put(mutation, RequestKey(after.request_id()), after);
  if (!IsOpen(after.state())) {
    mutation.deletes.push_back(OpenRequestKey(after.person_id(), after.app_id()));
  }
  mutation.audit.push_back(MakeAuditEntry(services, MusterItself(),
                                          {.verb = step.verb,
                                           .object = absl::StrCat("request/", after.request_id()),
                                           .before = &before.value,
                                           .after = &after,
                                           .reason = step.reason,
                                           .reason_code = step.reason_code,
                                           .ticket = after.ticket(),
                                           .transaction_id = after.transaction_id()}));
  return services.store.Commit(std::move(mutation)).status();
}

absl::Status CommitGrantStep(const Services& services, const Snapshot& snapshot,
                             const Versioned<v1::Grant>& before, const DueStep<v1::Grant>& step) {
  const v1::Grant& after = step.after;
  Mutation mutation;
  if (!Holds(after.state())) {
    MUSTER_RETURN_IF_ERROR(
        WriteRevocation(services, MusterItself(), snapshot, before, after, true, mutation));
    mutation.audit.back().set_reason_code(step.reason_code);
  } else {
    mutation.expects.push_back({GrantKey(after.grant_id()), before.revision});
    PutGrant(mutation, after);
    mutation.audit.push_back(MakeAuditEntry(services, MusterItself(),
                                            {.verb = step.verb,
                                             .object = absl::StrCat("grant/", after.grant_id()),
                                             .before = &before.value,
                                             .after = &after,
                                             .reason = step.reason,
                                             .reason_code = step.reason_code,
                                             .transaction_id = after.transaction_id()}));
  }
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.WakePerson(after.person_id());
  return absl::OkStatus();
}

// True when a step was taken, so that there may be another.
absl::StatusOr<bool> StepRequest(const Services& services, const Snapshot& snapshot,
                                 const std::string& id) {
  MUSTER_ASSIGN_OR_RETURN(const auto request, Find<v1::Request>(snapshot, RequestKey(id)));
  if (!request) return false;
  const auto step = NextDue(request->value, services.settings.decision_times, services.clock.Now());
  if (!step) return false;
  MUSTER_RETURN_IF_ERROR(CommitRequestStep(services, *request, *step));
  return true;
}

absl::StatusOr<bool> StepGrant(const Services& services, const Snapshot& snapshot,
                               const std::string& id) {
  MUSTER_ASSIGN_OR_RETURN(const auto grant, Find<v1::Grant>(snapshot, GrantKey(id)));
  if (!grant) return false;
  MUSTER_ASSIGN_OR_RETURN(const auto person,
                          Find<v1::Person>(snapshot, PersonKey(grant->value.person_id())));
  const auto step =
      NextDue(grant->value, person ? person->value : v1::Person(), services.clock.Now());
  if (!step) return false;
  MUSTER_RETURN_IF_ERROR(CommitGrantStep(services, snapshot, *grant, *step));
  return true;
}

// All steps that are due for one record. `seen` is good for the first look: mostly nothing is due,
// and a view of its own for each of ten thousand records would cost more than reading them.
template <typename Step>
absl::Status TakeSteps(const Services& services, const Snapshot& seen, const std::string& id,
                       Step&& step) {
  const Snapshot* at = &seen;
  std::unique_ptr<Snapshot> fresh;
  for (int i = 0; i < kMaxSteps; ++i) {
    const absl::StatusOr<bool> taken = step(services, *at, id);
    if (!taken.ok() && !absl::IsAborted(taken.status())) return taken.status();
    if (taken.ok() && !*taken) return absl::OkStatus();
    fresh = services.store.Read();
    at = fresh.get();
  }
  return absl::OkStatus();  // the rest next time
}

// Every record named by the values under `prefix`.
template <typename Step>
absl::Status ForEachNamed(const Services& services, const std::string& prefix, Step&& step) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  absl::Status first;
  std::string after;
  while (true) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> page, snapshot->Scan(prefix, after, 1'000));
    for (const Record& record : page) {
      first.Update(TakeSteps(services, *snapshot, record.bytes, step));
    }
    if (page.size() < 1'000) return first;
    after = page.back().key;
  }
}

}  // namespace

absl::Status RunDeadlines(const Services& services) {
  absl::Status out = ForEachNamed(services, "request_open/", StepRequest);
  out.Update(ForEachNamed(services, "grant_live/", StepGrant));
  return out;
}

}  // namespace muster
