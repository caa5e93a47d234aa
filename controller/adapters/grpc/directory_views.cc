#include "controller/adapters/grpc/directory_views.h"

#include <set>
#include <utility>

#include "common/time_proto.h"
#include "controller/adapters/grpc/paging.h"
#include "controller/flow/directory_alarms.h"
#include "controller/flow/explain_member.h"
#include "controller/flow/lookup.h"
#include "controller/flow/person_writes.h"
#include "controller/flow/sync_runs.h"

namespace muster {
namespace {

absl::Status FillRoles(const Snapshot& snapshot, v1::PersonView& out) {
  if (!out.person().manager_id().empty()) {
    MUSTER_ASSIGN_OR_RETURN(const auto manager,
                            Find<v1::Person>(snapshot, PersonKey(out.person().manager_id())));
    if (manager) out.set_manager_upn(manager->value.upn());
  }
  MUSTER_ASSIGN_OR_RETURN(const auto past, PastRoles(snapshot, out.person().person_id()));
  if (!past.empty()) *out.mutable_role_since() = past.front().until();
  bool capstone = out.person().capstone();
  for (const v1::PersonRole& role : past) {
    if (capstone && (role.absent() || !role.capstone())) {
      *out.mutable_capstone_since() = role.until();
      capstone = false;
    }
    *out.add_past_roles() = role;
  }
  return absl::OkStatus();
}

absl::Status FillRuns(const Snapshot& snapshot, v1::DirectoryStatus& out) {
  MUSTER_ASSIGN_OR_RETURN(const auto applied, Find<v1::SyncRun>(snapshot, kLastAppliedRunKey));
  if (applied) {
    *out.mutable_last_run() = applied->value;
    *out.mutable_last_applied_at() = applied->value.ended_at();
  }
  MUSTER_ASSIGN_OR_RETURN(const auto held, HeldRun(snapshot));
  out.set_held_runs(held ? 1 : 0);
  if (held) *out.mutable_held_run() = Brief(held->value);
  MUSTER_ASSIGN_OR_RETURN(const auto failing, Find<v1::SyncRun>(snapshot, kFailingRunKey));
  if (failing) {
    *out.mutable_last_run() = failing->value;
    out.set_error(failing->value.detail());
  }
  return absl::OkStatus();
}

absl::Status FillMember(const Snapshot& snapshot, const v1::Membership& membership,
                        v1::ListMembersResponse& out) {
  v1::Member* member = out.add_items();
  *member->mutable_membership() = membership;
  member->set_effective(membership.inactive_because().empty());
  const std::string& id = membership.person_id();
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot, PersonKey(id)));
  if (person) *member->mutable_person() = person->value;
  MUSTER_ASSIGN_OR_RETURN(const auto open, snapshot.Get(OpenRequestKey(id, membership.app_id())));
  if (open) member->set_request_id(open->bytes);
  MUSTER_ASSIGN_OR_RETURN(const auto grant, HoldingGrant(snapshot, id, membership.app_id()));
  if (!grant) return absl::OkStatus();
  member->set_grant_id(grant->value.grant_id());
  member->set_grant_state(grant->value.state());
  if (!grant->value.request_id().empty()) member->set_request_id(grant->value.request_id());
  return absl::OkStatus();
}

}  // namespace

absl::Status GetPerson(const Services& services, const v1::GetPersonRequest& in,
                       v1::PersonView& out) {
  const auto snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(*out.mutable_person(), LoadPersonByUpn(*snapshot, in.upn()));
  const std::string id = out.person().person_id();
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(*snapshot, id));
  std::set<std::string> apps;
  for (const auto& [app, group] : services.settings.groups) apps.insert(app);
  for (const v1::Grant& grant : grants) {
    *out.add_grants() = grant;
    apps.insert(grant.app_id());
  }
  for (const std::string& app : apps) {
    MUSTER_ASSIGN_OR_RETURN(const auto member, FindMembership(*snapshot, app, id));
    if (member) *out.add_memberships() = *member;
  }
  MUSTER_ASSIGN_OR_RETURN(const auto ids, KeyTails(*snapshot, PersonRequestKey(id, "")));
  for (const std::string& request_id : ids) {
    MUSTER_ASSIGN_OR_RETURN(const auto request,
                            Find<v1::Request>(*snapshot, RequestKey(request_id)));
    if (request) *out.add_requests() = request->value;
  }
  MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOfPerson(*snapshot, out.person()));
  for (const std::string& device : devices) out.add_device_ids(device);
  return FillRoles(*snapshot, out);
}

absl::Status GetDirectoryStatus(const Services& services, const Directory& directory,
                                v1::DirectoryStatus& out) {
  const auto snapshot = services.store.Read();
  out.set_kind(directory.kind());
  out.set_source(directory.source());
  out.set_write_back(services.settings.write_back);
  out.mutable_groups()->insert(services.settings.groups.begin(), services.settings.groups.end());
  *out.mutable_reading() = directory.reading();
  MUSTER_RETURN_IF_ERROR(FillRuns(*snapshot, out));
  MUSTER_ASSIGN_OR_RETURN(DirectoryAlarms alarms,
                          FindDirectoryAlarms(*snapshot, services.clock.Now()));
  out.set_alarm_count(alarms.count);
  for (v1::DirectoryAlarm& alarm : alarms.items) *out.add_alarms() = std::move(alarm);
  MUSTER_ASSIGN_OR_RETURN(const auto persons, KeyTails(*snapshot, "person/"));
  MUSTER_ASSIGN_OR_RETURN(const auto members, KeyTails(*snapshot, "member/"));
  out.set_persons(static_cast<uint32_t>(persons.size()));
  out.set_members(static_cast<uint32_t>(members.size()));
  return absl::OkStatus();
}

// Those that count, then those that are in the group without counting.
absl::Status ListMembers(const Services& services, const v1::ListMembersRequest& in,
                         v1::ListMembersResponse& out) {
  const auto snapshot = services.store.Read();
  MUSTER_RETURN_IF_ERROR(LoadApp(*snapshot, in.app_id()).status());
  const auto fill = [&](const v1::Membership& m) { return FillMember(*snapshot, m, out); };
  const std::string inactive = InactiveMemberKey(in.app_id(), "");
  std::string cursor = in.cursor();
  if (!absl::StartsWith(cursor, inactive)) {
    MUSTER_RETURN_IF_ERROR(Page<v1::Membership>(*snapshot, MemberKey(in.app_id(), ""),
                                                in.page_size(), cursor, fill, out));
    if (!out.next_cursor().empty()) return absl::OkStatus();
    cursor = inactive;
  }
  return Page<v1::Membership>(*snapshot, inactive, in.page_size(), cursor, fill, out);
}

absl::Status ListSyncRuns(const Services& services, const v1::ListSyncRunsRequest& in,
                          v1::ListSyncRunsResponse& out) {
  return Page<v1::SyncRun>(
      *services.store.Read(), "run/", in.page_size(), in.cursor(),
      [&](const v1::SyncRun& run) {
        *out.add_items() = Brief(run);
        return absl::OkStatus();
      },
      out);
}

absl::Status GetSyncRun(const Services& services, const v1::GetSyncRunRequest& in,
                        v1::SyncRun& out) {
  MUSTER_ASSIGN_OR_RETURN(auto run, LoadRun(*services.store.Read(), in.run_id()));
  out = std::move(run.value);
  return absl::OkStatus();
}

absl::Status ExplainMembership(const Services& services, const v1::ExplainMemberRequest& in,
                               v1::ExplainMemberResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(auto items, ExplainMember(services, in.person_upn(), in.app_id()));
  out.mutable_items()->Assign(std::make_move_iterator(items.begin()),
                              std::make_move_iterator(items.end()));
  return absl::OkStatus();
}

}  // namespace muster
