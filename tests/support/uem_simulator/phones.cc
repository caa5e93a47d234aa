// What happens on a phone: check-ins, commands, apps, profiles.
#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/uem_simulator/world.h"

namespace muster::uemsim {
namespace {

bool SeesPersonalApps(const SimPhone& phone) {
  if (phone.personal_apps_hidden) return false;
  using Facts = v1::PhoneFacts;
  return phone.management != Facts::USER_ENROLLED &&
         phone.management != Facts::COMPANY_WORK_PROFILE &&
         phone.management != Facts::PERSONAL_WORK_PROFILE;
}

void Note(PhoneState* phone, const std::string& bundle_id, const std::string& action,
          const std::string& reason, absl::Time now) {
  AppHistory& history = phone->history[bundle_id];
  if (!action.empty()) {
    history.action = action;
    history.action_at = now;
  }
  if (!reason.empty()) {
    history.reason = reason;
    history.reason_at = now;
  }
}

}  // namespace

std::string PhoneCommand::Name() const {
  switch (kind) {
    case Kind::kInstall:
      return absl::StrCat("install ", bundle_id);
    case Kind::kRemove:
      return absl::StrCat("remove ", bundle_id);
    case Kind::kProfile:
      return absl::StrCat("profile ", profile.identifier);
    case Kind::kQuery:
      return "query";
  }
  return "";
}

// Only a supervised iPhone takes these keys from a profile; any other ignores them.
bool PhoneState::Hides(const std::string& bundle_id) const {
  if (is.platform == v1::Platform::ANDROID) return blocked.count(bundle_id) != 0;
  if (is.management != v1::PhoneFacts::SUPERVISED) return false;
  for (const TrueProfile& profile : profiles) {
    const auto& ids = profile.blocked_bundle_ids;
    if (std::binary_search(ids.begin(), ids.end(), bundle_id)) return true;
  }
  return false;
}

void World::ScheduleCheckIn(PhoneState* phone, absl::Time at) {
  if (!phone->is.online || !phone->enrolled || at >= phone->next_check_in) return;
  check_ins_.erase({phone->next_check_in, phone->number});
  phone->next_check_in = at;
  check_ins_.insert({at, phone->number});
}

void World::SetOnline(PhoneState* phone, bool online, absl::Time now) {
  phone->is.online = online;
  if (online) {
    ScheduleCheckIn(phone, now + options_.push_delay);
  } else {
    check_ins_.erase({phone->next_check_in, phone->number});
    phone->next_check_in = absl::InfiniteFuture();
  }
}

void World::CheckIn(PhoneState* phone, absl::Time now) {
  phone->next_check_in = absl::InfiniteFuture();
  phone->last_seen = now;
  bool sample = options_.sample_at_check_in || !phone->queue.empty();
  const size_t before = phone->installing.size();
  FinishInstalls(phone, now);
  sample = sample || phone->installing.size() != before;
  while (!phone->queue.empty()) {
    const PhoneCommand command = std::move(phone->queue.front());
    phone->queue.pop_front();
    Carry(phone, command, now);
  }
  ApplyAppControl(phone);
  if (sample) Sample(phone, now);
  const absl::Duration every = phone->is.check_in_every == absl::ZeroDuration()
                                   ? options_.check_in_every
                                   : phone->is.check_in_every;
  absl::Time next = now + every;
  for (const auto& [bundle_id, end] : phone->installing) next = std::min(next, end.first);
  ScheduleCheckIn(phone, next);
}

void World::Carry(PhoneState* phone, const PhoneCommand& command, absl::Time now) {
  switch (command.kind) {
    case PhoneCommand::Kind::kInstall:
      return InstallManaged(phone, command, now);
    case PhoneCommand::Kind::kRemove:
      return RemoveManaged(phone, command.bundle_id, now);
    case PhoneCommand::Kind::kProfile:
      return PutProfile(phone, command.profile, now);
    case PhoneCommand::Kind::kQuery:
      return;  // the sample that follows answers it
  }
}

void World::InstallManaged(PhoneState* phone, const PhoneCommand& command, absl::Time now) {
  const std::string& id = command.bundle_id;
  if (phone->is.person_rejects.count(id) != 0) {
    return Note(phone, id, "InstallCommandFailed", "UserRejected", now);
  }
  const auto present = phone->apps.find(id);
  if (present != phone->apps.end() && !present->second.managed) {
    // An iPhone asks its person unless it is supervised; a fully managed Android asks nobody.
    const bool silent = phone->is.management == v1::PhoneFacts::SUPERVISED ||
                        phone->is.management == v1::PhoneFacts::DEVICE_OWNER;
    if (!silent || !options_.take_over) {
      return Note(phone, id, "InstallCommandFailed", "ManagementRejected", now);
    }
  }
  Note(phone, id, "InstallCommandDispatched", "Installing", now);
  phone->installing[id] = {now + options_.install_time, command.version};
}

void World::FinishInstalls(PhoneState* phone, absl::Time now) {
  for (auto it = phone->installing.begin(); it != phone->installing.end();) {
    if (it->second.first > now) {
      ++it;
      continue;
    }
    phone->apps[it->first] = {.version = it->second.second, .managed = true};
    Note(phone, it->first, "", "Managed", now);
    it = phone->installing.erase(it);
  }
}

void World::RemoveManaged(PhoneState* phone, const std::string& bundle_id, absl::Time now) {
  phone->installing.erase(bundle_id);
  const auto present = phone->apps.find(bundle_id);
  if (present != phone->apps.end() && !present->second.managed) {
    return Note(phone, bundle_id, "RemoveApplicationFailed", "RemoveApplicationFailed", now);
  }
  if (present != phone->apps.end()) phone->apps.erase(present);
  Note(phone, bundle_id, "RemoveCommandSuccessful", "MDMRemoved", now);
}

void World::PutProfile(PhoneState* phone, TrueProfile profile, absl::Time now) {
  profile.installed_at = now;
  for (TrueProfile& each : phone->profiles) {
    if (each.identifier != profile.identifier) continue;
    each = std::move(profile);
    return;
  }
  phone->profiles.push_back(std::move(profile));
}

void World::Sample(PhoneState* phone, absl::Time now) {
  phone->sample.clear();
  phone->sampled_at = now;
  for (const auto& [bundle_id, app] : phone->apps) {
    if (app.managed || SeesPersonalApps(phone->is)) phone->sample[bundle_id] = app;
    if (!app.managed && SeesPersonalApps(phone->is) &&
        phone->history[bundle_id].reason != "ManagementRejected") {
      Note(phone, bundle_id, "", "UserInstalledApp", now);
    }
  }
}

void World::ApplyAppControl(PhoneState* phone) {
  phone->blocked.clear();
  if (phone->is.platform != v1::Platform::ANDROID ||
      phone->is.management != v1::PhoneFacts::DEVICE_OWNER) {
    return;
  }
  for (const AppControl& control : options_.android_app_control) {
    const UserGroupState* exempt = UserGroup(control.exempt_user_group);
    if (exempt != nullptr && exempt->members.count(phone->is.user) != 0) continue;
    for (const auto& [number, group] : app_groups) {
      if (group.name != control.app_group) continue;
      for (const auto& [bundle_id, name] : group.apps) phone->blocked.insert(bundle_id);
    }
  }
}

// What stands in the queue before it counts as done.
bool World::Queue(PhoneState* phone, PhoneCommand command, absl::Time now) {
  using Kind = PhoneCommand::Kind;
  const std::string& id = command.bundle_id;
  const auto app = phone->apps.find(id);
  bool present = app != phone->apps.end() || phone->installing.count(id) != 0;
  bool managed = present && (app == phone->apps.end() || app->second.managed);
  bool in_force =
      std::any_of(phone->profiles.begin(), phone->profiles.end(), [&](const TrueProfile& each) {
        return each.identifier == command.profile.identifier &&
               each.sha256 == command.profile.sha256;
      });
  bool asked = false;
  for (const PhoneCommand& each : phone->queue) {
    if (each.kind == Kind::kQuery) asked = true;
    if (each.kind == Kind::kProfile && each.profile.identifier == command.profile.identifier) {
      in_force = each.profile.sha256 == command.profile.sha256;
    }
    if (each.bundle_id != id) continue;
    if (each.kind == Kind::kInstall) present = managed = true;
    if (each.kind == Kind::kRemove) present = managed = false;
  }
  bool redundant = false;
  switch (command.kind) {
    case Kind::kInstall:
      redundant = managed;
      Note(phone, id, "InstallCommandReadyForDevice", "AwaitingInstallOnDevice", now);
      break;
    case Kind::kRemove:
      redundant = !present;
      Note(phone, id, "PendingRemoval", "", now);
      break;
    case Kind::kProfile:
      redundant = in_force;
      break;
    case Kind::kQuery:
      redundant = asked;
      break;
  }
  phone->queue.push_back(std::move(command));
  ScheduleCheckIn(phone, now + options_.push_delay);
  return redundant;
}

absl::Status World::InstallByPerson(PhoneState* phone, const std::string& bundle_id,
                                    const std::string& version) {
  if (phone->Hides(bundle_id)) {
    return absl::FailedPreconditionError(absl::StrCat(bundle_id, " is blocked on this phone"));
  }
  phone->apps.insert({bundle_id, {.version = version}});
  return absl::OkStatus();
}

absl::Status World::RemoveByPerson(PhoneState* phone, const std::string& bundle_id,
                                   absl::Time now) {
  const auto present = phone->apps.find(bundle_id);
  if (present == phone->apps.end()) {
    return absl::FailedPreconditionError(absl::StrCat(bundle_id, " is not on this phone"));
  }
  if (present->second.managed) Note(phone, bundle_id, "", "ManagedButUninstalled", now);
  phone->apps.erase(present);
  return absl::OkStatus();
}

absl::Status World::RemoveProfile(PhoneState* phone, const std::string& identifier) {
  for (auto it = phone->profiles.begin(); it != phone->profiles.end(); ++it) {
    if (it->identifier != identifier) continue;
    // The key counts on supervised iPhones alone.
    if (it->removal_disallowed && phone->is.management == v1::PhoneFacts::SUPERVISED) {
      return absl::FailedPreconditionError("the profile cannot be removed");
    }
    phone->profiles.erase(it);
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError("no such profile on this phone");
}

void World::Unenroll(PhoneState* phone, absl::Time now) {
  phone->enrolled = false;
  check_ins_.erase({phone->next_check_in, phone->number});
  phone->next_check_in = absl::InfiniteFuture();
  phone->queue.clear();
  phone->profiles.clear();
  phone->installing.clear();
  phone->blocked.clear();
  for (auto it = phone->apps.begin(); it != phone->apps.end();) {
    it = it->second.managed ? phone->apps.erase(it) : std::next(it);
  }
  Announce(*phone, "Break MDM Confirmed", now);
}

void World::ReEnroll(PhoneState* phone, v1::PhoneFacts::Management management, absl::Time now) {
  phone->enrolled = true;
  phone->enrolled_at = phone->last_seen = now;
  phone->is.management = management;
  Sample(phone, now);
  ScheduleCheckIn(phone, now + options_.push_delay);
  Announce(*phone, "MDM Enrollment Complete", now);
}

PhoneTruth World::Truth(const PhoneState& phone) const {
  PhoneTruth truth = {.uuid = phone.is.uuid,
                      .user = phone.is.user,
                      .number = phone.number,
                      .enrolled = phone.enrolled,
                      .online = phone.is.online,
                      .last_seen = phone.last_seen,
                      .enrolled_at = phone.enrolled_at,
                      .sampled_at = phone.sampled_at,
                      .profiles = phone.profiles};
  for (const auto& [bundle_id, app] : phone.apps) {
    truth.apps.push_back({.bundle_id = bundle_id,
                          .version = app.version,
                          .managed = app.managed,
                          .hidden = phone.Hides(bundle_id)});
  }
  for (const PhoneCommand& command : phone.queue) truth.queue.push_back(command.Name());
  return truth;
}

}  // namespace muster::uemsim
