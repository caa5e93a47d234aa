#include "controller/flow/call_log.h"

#include <utility>

#include "controller/domain/log_entry.h"
#include "controller/domain/log_subjects.h"
#include "controller/domain/roles.h"
#include "controller/flow/audit.h"
#include "controller/flow/records.h"
#include "google/protobuf/descriptor.h"

namespace muster {
namespace {

bool IsEntry(const Permission& permission, const absl::Status& outcome) {
  if (absl::IsPermissionDenied(outcome)) return true;
  return permission.recorded == Recorded::kEachCall && !absl::IsInvalidArgument(outcome);
}

std::string OutcomeText(const absl::Status& outcome) {
  if (outcome.ok()) return "ok";
  return absl::StrCat(absl::StatusCodeToString(outcome.code()), ": ",
                      absl::string_view(outcome.message()));
}

// A list is about something only when it was asked for that alone.
std::string ObjectOf(const google::protobuf::Message& request, const LogSubjects& asked) {
  const bool list = request.GetDescriptor()->FindFieldByName("cursor") != nullptr;
  if (asked.get().empty() || (list && asked.get().size() > 1)) return "";
  return asked.get().front();
}

v1::AuditEntry MakeCallEntry(const Services& services, const Actor& actor,
                             const Permission& permission, const google::protobuf::Message& request,
                             const absl::Status& outcome) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  LogSubjects asked;
  asked.AddQuery(request, [&](const std::string& upn) {
    const absl::StatusOr<std::optional<Record>> id = snapshot->Get(UpnKey(upn));
    return id.ok() && *id ? (*id)->bytes : upn;
  });
  v1::AuditEntry entry = MakeAuditEntry(services, actor,
                                        {.verb = permission.EntryVerb(),
                                         .object = ObjectOf(request, asked),
                                         .subjects = asked.get()});
  entry.set_reason_code(outcome.ok() ? "" : absl::StatusCodeToString(outcome.code()));
  entry.set_query(ToJson(request));
  entry.set_outcome(OutcomeText(outcome));
  FitEntry(entry);
  return entry;
}

}  // namespace

absl::Status RecordCall(const Services& services, const Actor& actor, absl::string_view method,
                        const google::protobuf::Message& request, const absl::Status& outcome) {
  const Permission* const permission = FindPermission(method);
  if (permission == nullptr || !IsEntry(*permission, outcome)) return outcome;
  Mutation mutation;
  mutation.audit.push_back(MakeCallEntry(services, actor, *permission, request, outcome));
  const absl::Status written = services.store.Commit(std::move(mutation)).status();
  if (written.ok() || !outcome.ok()) return outcome;
  return absl::UnavailableError(
      absl::StrCat("not answered, because the audit log could not take down that you asked: ",
                   absl::string_view(written.message())));
}

}  // namespace muster
