#include "controller/flow/provision.h"

#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/domain/membership.h"
#include "controller/flow/attestations.h"
#include "controller/flow/audit.h"
#include "controller/flow/device_documents.h"
#include "controller/flow/lookup.h"
#include "controller/flow/membership_writes.h"

namespace muster {
namespace {

// Errors that a later try may cure; anything else needs a person.
bool Transient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsAborted(status) || absl::IsResourceExhausted(status) ||
         absl::IsDataLoss(status);  // a half-written file is somebody's to mend, then it goes on
}

absl::Status CommitRequest(const Services& services, const Versioned<v1::Request>& before,
                           const v1::Request& after, absl::string_view verb, bool finished) {
  Mutation mutation;
  const std::string key = RequestKey(after.request_id());
  mutation.expects.push_back({key, before.revision});
  Put(mutation, key, after);
  if (finished) {
    mutation.deletes.push_back(RequestWorkKey(after.request_id()));
    mutation.deletes.push_back(OpenRequestKey(after.person_id(), after.app_id()));
    mutation.deletes.push_back(WriteKey(after.app_id(), after.person_id()));
  }
  mutation.audit.push_back(MakeAuditEntry(services, MusterItself(),
                                          {.verb = std::string(verb),
                                           .object = absl::StrCat("request/", after.request_id()),
                                           .before = &before.value,
                                           .after = &after,
                                           .reason = after.detail(),
                                           .ticket = after.ticket(),
                                           .transaction_id = after.transaction_id()}));
  return services.store.Commit(std::move(mutation)).status();
}

absl::Status CommitGrant(const Services& services, const Versioned<v1::Grant>& before,
                         const v1::Grant& after, absl::string_view verb, bool finished) {
  Mutation mutation;
  const std::string key = GrantKey(after.grant_id());
  mutation.expects.push_back({key, before.revision});
  Put(mutation, key, after);
  if (finished) mutation.deletes.push_back(GrantWorkKey(after.grant_id()));
  mutation.audit.push_back(MakeAuditEntry(services, MusterItself(),
                                          {.verb = std::string(verb),
                                           .object = absl::StrCat("grant/", after.grant_id()),
                                           .before = &before.value,
                                           .after = &after,
                                           .reason = after.detail(),
                                           .transaction_id = after.transaction_id()}));
  return services.store.Commit(std::move(mutation)).status();
}

// Keeps the request where it is and says why, once per reason.
absl::Status NoteRequest(const Services& services, const Versioned<v1::Request>& request,
                         const std::string& detail) {
  if (request.value.detail() == detail) return absl::OkStatus();
  v1::Request after = request.value;
  after.set_detail(detail);
  return CommitRequest(services, request, after, "request.waiting", false);
}

absl::Status NoteGrant(const Services& services, const Versioned<v1::Grant>& grant,
                       const std::string& detail) {
  if (grant.value.detail() == detail) return absl::OkStatus();
  v1::Grant after = grant.value;
  after.set_detail(detail);
  return CommitGrant(services, grant, after, "grant.waiting", false);
}

absl::Status FailRequest(const Services& services, const Versioned<v1::Request>& request,
                         const std::string& detail) {
  v1::Request after = request.value;
  MUSTER_ASSIGN_OR_RETURN(const auto next,
                          NextRequestState(after.state(), RequestEvent::kProvisionFailed));
  MoveTo(after, next, services.clock.Now());
  after.set_detail(detail);
  return CommitRequest(services, request, after, "request.provision-failed", true);
}

absl::Status CommitMember(const Services& services, const Snapshot& snapshot,
                          const SeenMember& member) {
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(WriteSeenMember(services, MusterItself(), snapshot, member, mutation));
  PutMark(mutation, kMembershipKey);
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.WakePerson(member.person.person_id());
  return absl::OkStatus();
}

// Before the directory is asked: after a crash the next round knows that a member who is there
// by then may be Muster's own.
absl::Status JournalIntent(const Services& services, const Snapshot& snapshot,
                           const Versioned<v1::Request>& request) {
  const v1::Request& r = request.value;
  const std::string key = WriteKey(r.app_id(), r.person_id());
  MUSTER_ASSIGN_OR_RETURN(const auto journalled, snapshot.Get(key));
  if (journalled) return absl::OkStatus();
  v1::WriteIntent intent;
  intent.set_app_id(r.app_id());
  intent.set_person_id(r.person_id());
  intent.set_request_id(r.request_id());
  *intent.mutable_at() = ToProto(services.clock.Now());
  Mutation mutation;
  mutation.expects.push_back({RequestKey(r.request_id()), request.revision});
  mutation.expects.push_back({key, 0});
  Put(mutation, key, intent);
  return services.store.Commit(std::move(mutation)).status();
}

absl::Status WriteBack(const Services& services, Directory& directory,
                       const Versioned<v1::Request>& request, const v1::Person& person,
                       const std::string& group) {
  MUSTER_RETURN_IF_ERROR(JournalIntent(services, *services.store.Read(), request));
  const absl::Status added = directory.AddMember(group, request.value.person_id());
  if (added.ok()) {
    return CommitMember(services, *services.store.Read(),
                        {.person = person,
                         .app_id = request.value.app_id(),
                         .via = {group},
                         .written_by_muster = true,
                         .transaction_id = request.value.transaction_id()});
  }
  if (Transient(added)) {
    return NoteRequest(
        services, request,
        absl::StrCat("the directory does not answer; trying again: ", added.message()));
  }
  return FailRequest(services, request, absl::StrCat("the directory refused: ", added.message()));
}

// Somebody was faster by hand: nothing is left to write.
absl::StatusOr<bool> TakeMemberByHand(const Services& services, const Snapshot& snapshot,
                                      const Versioned<v1::Request>& request,
                                      const v1::Person& person) {
  const v1::Request& r = request.value;
  MUSTER_ASSIGN_OR_RETURN(const auto intent, snapshot.Get(WriteKey(r.app_id(), r.person_id())));
  if (intent) return false;
  MUSTER_ASSIGN_OR_RETURN(const auto member, FindMembership(snapshot, r.app_id(), r.person_id()));
  if (!member) return false;
  if (!member->inactive_because().empty()) {
    MUSTER_RETURN_IF_ERROR(NoteRequest(
        services, request,
        absl::StrCat(person.upn(), " is in the group, but the account is ",
                     member->inactive_because(), "; waiting for it to be enabled again")));
    return true;
  }
  MUSTER_RETURN_IF_ERROR(CommitMember(services, snapshot,
                                      {.person = person,
                                       .app_id = r.app_id(),
                                       .via = {member->via().begin(), member->via().end()},
                                       .note = "was already a member by hand",
                                       .transaction_id = r.transaction_id()}));
  return true;
}

absl::Status ProvisionOne(const Services& services, Directory& directory,
                          const std::string& request_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto request, Find<v1::Request>(*snapshot, RequestKey(request_id)));
  if (!request || request->value.state() != v1::Request::PROVISIONING) return absl::OkStatus();
  const v1::Request& r = request->value;
  const auto group = services.settings.groups.find(r.app_id());
  if (group == services.settings.groups.end()) {
    return NoteRequest(services, *request,
                       absl::StrCat("no approval group is configured for ", r.app_id(),
                                    " (directory.groups in musterd.yaml)"));
  }
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(*snapshot, PersonKey(r.person_id())));
  if (!person || person->value.deleted()) {
    return FailRequest(services, *request, "the person is no longer in the directory");
  }
  MUSTER_ASSIGN_OR_RETURN(const bool taken,
                          TakeMemberByHand(services, *snapshot, *request, person->value));
  if (taken) return absl::OkStatus();
  if (!services.settings.write_back) {
    return NoteRequest(services, *request, WaitingForHands(r.person_upn(), group->second));
  }
  return WriteBack(services, directory, *request, person->value, group->second);
}

// A reviewed break-glass grant: its person gets into the group like anybody else.
absl::Status JoinOne(const Services& services, Directory& directory, const std::string& grant_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto grant, Find<v1::Grant>(*snapshot, GrantKey(grant_id)));
  Mutation done;
  done.deletes.push_back(JoinWorkKey(grant_id));
  if (!grant || !Holds(grant->value.state())) {
    return services.store.Commit(std::move(done)).status();
  }
  const v1::Grant& g = grant->value;
  MUSTER_ASSIGN_OR_RETURN(const auto member, FindMembership(*snapshot, g.app_id(), g.person_id()));
  if (member) return services.store.Commit(std::move(done)).status();
  const auto group = services.settings.groups.find(g.app_id());
  if (group == services.settings.groups.end()) {
    return NoteGrant(services, *grant,
                     absl::StrCat("no approval group is configured for ", g.app_id()));
  }
  if (!services.settings.write_back) {
    return NoteGrant(services, *grant, WaitingForHands(g.person_upn(), group->second));
  }
  const absl::Status added = directory.AddMember(group->second, g.person_id());
  if (!added.ok()) {
    return NoteGrant(services, *grant, absl::StrCat("not yet in the group: ", added.message()));
  }
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(*snapshot, PersonKey(g.person_id())));
  if (!person) return absl::OkStatus();
  return CommitMember(services, *services.store.Read(),
                      {.person = person->value,
                       .app_id = g.app_id(),
                       .via = {group->second},
                       .written_by_muster = true,
                       .transaction_id = g.transaction_id()});
}

absl::Status RemoveOne(const Services& services, Directory& directory,
                       const std::string& grant_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto grant, Find<v1::Grant>(*snapshot, GrantKey(grant_id)));
  if (!grant || grant->value.state() != v1::Grant::REVOKING || grant->value.has_absent_at()) {
    return absl::OkStatus();
  }
  const v1::Grant& g = grant->value;
  MUSTER_ASSIGN_OR_RETURN(const auto member, FindMembership(*snapshot, g.app_id(), g.person_id()));
  const auto group = services.settings.groups.find(g.app_id());
  if (member && services.settings.write_back && group != services.settings.groups.end()) {
    const absl::Status removed = directory.RemoveMember(group->second, g.person_id());
    if (!removed.ok() && !absl::IsNotFound(removed)) {
      return NoteGrant(services, *grant,
                       absl::StrCat("blocked on devices; still in the group: ", removed.message()));
    }
    if (member->via_size() > 1) {
      return NoteGrant(services, *grant,
                       absl::StrCat("blocked on devices; still in the group through ",
                                    ShortPath({member->via().begin(), member->via().end()}),
                                    "; take the person out of the last of these"));
    }
  } else if (member) {
    return NoteGrant(
        services, *grant,
        absl::StrCat("blocked on devices; waiting for the AirWatch team to take ", g.person_upn(),
                     " out of ", ShortPath({member->via().begin(), member->via().end()})));
  }
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(WriteGoneMember(
      services, MusterItself(), *snapshot,
      {.app_id = g.app_id(), .person_id = g.person_id(), .why = "grant revoked"}, mutation));
  PutMark(mutation, kMembershipKey);
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  // The devices may have verified it already; then nothing else would wake the last step.
  services.work.Wake();
  return absl::OkStatus();
}

// What the devices of a person say of a grant.
struct Verification {
  bool verified = false;       // by one at least
  std::string waits_for, why;  // the first that has not verified it, and its reason if it gave one
  std::string cannot;          // in words: those that have it and block nothing
};

absl::StatusOr<Verification> Verify(const Snapshot& snapshot, const std::set<std::string>& devices,
                                    const std::string& grant_id, bool present) {
  Verification out;
  for (const std::string& device : devices) {
    MUSTER_ASSIGN_OR_RETURN(const GrantOnDevice on,
                            FindGrantOnDevice(snapshot, device, grant_id, present));
    switch (on.word) {
      case GrantOnDevice::Word::kVerified:
        out.verified = true;
        break;
      case GrantOnDevice::Word::kNotYet:
        if (!out.waits_for.empty()) break;
        out.waits_for = device;
        out.why = on.detail;
        break;
      case GrantOnDevice::Word::kCannotVerify:
        if (out.cannot.size() > limits::kMaxReasonBytes / 2) break;
        absl::StrAppend(&out.cannot, out.cannot.empty() ? "" : "; ", "not verified on device ",
                        device, ": ", on.detail);
        break;
    }
  }
  return out;
}

absl::Status AdvanceRequest(const Services& services, const std::string& request_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto request, Find<v1::Request>(*snapshot, RequestKey(request_id)));
  if (!request || request->value.state() != v1::Request::VERIFYING) return absl::OkStatus();
  const v1::Request& r = request->value;
  if (r.training_acknowledged().empty() && !r.break_glass()) {
    return NoteRequest(services, *request,
                       absl::StrCat("training is not acknowledged; record it with `musterctl "
                                    "request training ",
                                    r.request_id(), " --version VERSION`"));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string unattested, WhyUnattested(*snapshot, r));
  if (!unattested.empty()) return NoteRequest(services, *request, unattested);
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(*snapshot, PersonKey(r.person_id())));
  if (!person) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(std::set<std::string> devices, DevicesOfPerson(*snapshot, person->value));
  if (!r.device_id().empty()) devices = {r.device_id()};
  MUSTER_ASSIGN_OR_RETURN(const Verification seen,
                          Verify(*snapshot, devices, r.grant_id(), /*present=*/true));
  if (!seen.verified && !seen.waits_for.empty()) {
    return seen.why.empty()
               ? absl::OkStatus()
               : NoteRequest(services, *request,
                             absl::StrCat("device ", seen.waits_for,
                                          " has not proven that it blocks: ", seen.why));
  }
  v1::Request after = r;
  MUSTER_ASSIGN_OR_RETURN(const auto next,
                          NextRequestState(after.state(), RequestEvent::kDeviceVerified));
  MoveTo(after, next, services.clock.Now());
  *after.mutable_active_at() = ToProto(services.clock.Now());
  after.set_detail(devices.empty() ? "the person has no enrolled device yet"
                   : seen.verified ? ""
                                   : seen.cannot);
  return CommitRequest(services, *request, after, "request.active", true);
}

absl::Status AdvanceGrant(const Services& services, const std::string& grant_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto grant, Find<v1::Grant>(*snapshot, GrantKey(grant_id)));
  if (!grant || grant->value.state() != v1::Grant::REVOKING || !grant->value.has_absent_at()) {
    return absl::OkStatus();
  }
  MUSTER_ASSIGN_OR_RETURN(const auto person,
                          Find<v1::Person>(*snapshot, PersonKey(grant->value.person_id())));
  Verification seen;
  if (person) {
    MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOfPerson(*snapshot, person->value));
    MUSTER_ASSIGN_OR_RETURN(seen, Verify(*snapshot, devices, grant_id, /*present=*/false));
  }
  if (!seen.waits_for.empty()) {
    return NoteGrant(services, *grant,
                     absl::StrCat("gone from the group; device ", seen.waits_for,
                                  " has not yet verified the policy without it",
                                  seen.why.empty() ? "" : ": ", seen.why));
  }
  v1::Grant after = grant->value;
  MUSTER_ASSIGN_OR_RETURN(const auto next,
                          NextGrantState(after.state(), GrantEvent::kVerifiedAbsent));
  after.set_state(next);
  after.set_detail(seen.cannot);
  return CommitGrant(services, *grant, after, "grant.revoked", true);
}

template <typename F>
absl::Status ForEachWork(const Services& services, const std::string& prefix, F&& step) {
  MUSTER_ASSIGN_OR_RETURN(const auto ids, KeyTails(*services.store.Read(), prefix));
  for (const std::string& id : ids) {
    MUSTER_RETURN_IF_ERROR(RetryAborted([&] { return step(id); }));
  }
  return absl::OkStatus();
}

}  // namespace

std::string WaitingForHands(const std::string& upn, const std::string& group) {
  return absl::StrCat("waiting for the AirWatch team to add ", upn, " to ", ShortName(group));
}

absl::Status ProvisionRequests(const Services& services, Directory& directory) {
  MUSTER_RETURN_IF_ERROR(ForEachWork(services, "work/request/", [&](const std::string& id) {
    return ProvisionOne(services, directory, id);
  }));
  return ForEachWork(services, "work/join/",
                     [&](const std::string& id) { return JoinOne(services, directory, id); });
}

absl::Status RemoveRevoked(const Services& services, Directory& directory) {
  return ForEachWork(services, "work/grant/",
                     [&](const std::string& id) { return RemoveOne(services, directory, id); });
}

absl::Status AdvanceVerified(const Services& services) {
  MUSTER_RETURN_IF_ERROR(ForEachWork(services, "work/request/", [&](const std::string& id) {
    return AdvanceRequest(services, id);
  }));
  return ForEachWork(services, "work/grant/",
                     [&](const std::string& id) { return AdvanceGrant(services, id); });
}

}  // namespace muster
