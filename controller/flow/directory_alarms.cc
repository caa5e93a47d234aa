#include "controller/flow/directory_alarms.h"

#include <algorithm>
#include <utility>

#include "common/limits.h"
#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/lookup.h"
#include "controller/flow/sync_runs.h"

namespace muster {
namespace {

v1::DirectoryAlarm NewAlarm(v1::DirectoryAlarm::Code code, const google::protobuf::Timestamp& at,
                            std::string object, std::string detail) {
  v1::DirectoryAlarm out;
  out.set_code(code);
  *out.mutable_at() = at;
  out.set_object(std::move(object));
  out.set_detail(std::move(detail));
  return out;
}

bool Vanished(const v1::Grant& grant, absl::Time now) {
  return !Holds(grant.state()) && grant.revoked_by_upn() == MusterItself().who.upn &&
         now - FromProto(grant.revoked_at()) < limits::kVanishedMemberShown;
}

absl::Status AddGrants(const Snapshot& snapshot, absl::Time now,
                       std::vector<v1::DirectoryAlarm>& out) {
  return ForEach<v1::Grant>(
      snapshot, "grant/", [&](const std::string&, const Versioned<v1::Grant>& found) {
        const v1::Grant& grant = found.value;
        const std::string object = absl::StrCat("grant/", grant.grant_id());
        if (grant.state() == v1::Grant::UNSANCTIONED) {
          out.push_back(NewAlarm(
              v1::DirectoryAlarm::UNSANCTIONED_MEMBER, grant.granted_at(), object,
              absl::StrCat(grant.person_upn(), " is in the approval group of ", grant.app_id(),
                           " without a request; adopt the grant, or take the person out")));
        } else if (Vanished(grant, now)) {
          out.push_back(NewAlarm(
              v1::DirectoryAlarm::MEMBER_VANISHED, grant.revoked_at(), object,
              absl::StrCat(grant.person_upn(), ", ", grant.app_id(), ": ", grant.revoke_reason())));
        }
        return absl::OkStatus();
      });
}

}  // namespace

absl::StatusOr<DirectoryAlarms> FindDirectoryAlarms(const Snapshot& snapshot, absl::Time now) {
  DirectoryAlarms out;
  MUSTER_ASSIGN_OR_RETURN(const auto held, HeldRun(snapshot));
  if (held) {
    const v1::SyncRun& run = held->value;
    out.items.push_back(NewAlarm(
        v1::DirectoryAlarm::REMOVALS_HELD, run.ended_at(), absl::StrCat("run/", run.run_id()),
        absl::StrCat(run.detail(), "; look at `musterctl directory runs ", run.run_id(),
                     "`, then two people release it, or one discards it")));
  }
  MUSTER_ASSIGN_OR_RETURN(const auto failing, Find<v1::SyncRun>(snapshot, kFailingRunKey));
  if (failing) {
    const v1::SyncRun& run = failing->value;
    out.items.push_back(NewAlarm(v1::DirectoryAlarm::DIRECTORY_UNREADABLE, run.started_at(),
                                 absl::StrCat("run/", run.run_id()), run.detail()));
  }
  MUSTER_RETURN_IF_ERROR(AddGrants(snapshot, now, out.items));
  std::stable_sort(out.items.begin(), out.items.end(), [](const auto& a, const auto& b) {
    return FromProto(a.at()) > FromProto(b.at());
  });
  out.count = static_cast<uint32_t>(out.items.size());
  if (out.items.size() > limits::kMaxDirectoryAlarms) {
    out.items.resize(limits::kMaxDirectoryAlarms);
  }
  return out;
}

}  // namespace muster
