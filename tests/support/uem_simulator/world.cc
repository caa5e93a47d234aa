// Time, enrolment, groups and events.
#include "tests/support/uem_simulator/world.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "tests/support/uem_simulator/event_text.h"
#include "tests/support/uem_simulator/message.h"

namespace muster::uemsim {

absl::Time World::NextAt() const {
  absl::Time next = absl::InfiniteFuture();
  if (!check_ins_.empty()) next = check_ins_.begin()->first;
  if (!syncs_.empty()) next = std::min(next, syncs_.begin()->first);
  return next;
}

void World::Advance(absl::Time now) {
  for (absl::Time next = NextAt(); next <= now; next = NextAt()) {
    if (!syncs_.empty() && syncs_.begin()->first == next) {
      const std::string uuid = syncs_.begin()->second;
      syncs_.erase(syncs_.begin());
      FinishSync(UserGroup(uuid));
      continue;
    }
    const uint64_t number = check_ins_.begin()->second;
    check_ins_.erase(check_ins_.begin());
    CheckIn(Find(number), next);
  }
}

std::string World::NewUuid(const std::string& kind) {
  return MakeUuid(options_.seed, kind, NextNumber());
}

std::string World::AddPhone(SimPhone phone, absl::Time now) {
  PhoneState state = {.number = NextNumber()};
  const std::string digits = absl::StrCat(state.number);
  const bool ios = phone.platform == v1::Platform::IOS;
  if (phone.uuid.empty()) phone.uuid = MakeUuid(options_.seed, "phone", state.number);
  phone.uuid = Lower(phone.uuid);
  if (phone.udid.empty()) phone.udid = Sha256Hex(phone.uuid).substr(0, ios ? 40 : 32);
  if (phone.serial.empty()) phone.serial = absl::StrCat("SIM", digits);
  if (phone.user.empty()) phone.user = absl::StrCat("user", digits);
  if (phone.name.empty()) phone.name = absl::StrCat(phone.user, "'s phone");
  if (phone.model.empty()) phone.model = ios ? "iPhone 15" : "Pixel 8";
  if (phone.os.empty()) phone.os = ios ? "18.1.0" : "15.0.0";
  users.insert(phone.user);
  state.is = std::move(phone);
  state.enrolled_at = state.last_seen = state.sampled_at = now;
  by_uuid_[state.is.uuid] = state.number;
  PhoneState& kept = phones[state.number] = std::move(state);
  for (const std::string& id : kept.is.apps) kept.apps.insert({id, {.version = "1.0"}});
  Sample(&kept, now);
  // Spread, so that a fleet does not check in at one moment.
  const absl::Duration every = kept.is.check_in_every == absl::ZeroDuration()
                                   ? options_.check_in_every
                                   : kept.is.check_in_every;
  const int64_t seconds = std::max<int64_t>(1, absl::ToInt64Seconds(every));
  ScheduleCheckIn(
      &kept, now + options_.push_delay + absl::Seconds(static_cast<int64_t>(random_() % seconds)));
  Announce(kept, "MDM Enrollment Complete", now);
  return kept.is.uuid;
}

PhoneState* World::Find(const std::string& uuid) {
  const auto it = by_uuid_.find(Lower(uuid));
  return it == by_uuid_.end() ? nullptr : Find(it->second);
}

PhoneState* World::Find(uint64_t number) {
  const auto it = phones.find(number);
  return it == phones.end() ? nullptr : &it->second;
}

void World::Delete(PhoneState* phone, absl::Time now) {
  Unenroll(phone, now);
  by_uuid_.erase(phone->is.uuid);
  phones.erase(phone->number);
}

const SimManagedApp* World::AppFor(const PhoneState& phone, const std::string& bundle_id) const {
  for (const auto& [id, app] : apps) {
    if (app.platform == phone.is.platform && app.bundle_id == bundle_id) return &app;
  }
  return nullptr;
}

bool World::Assigned(const PhoneState& phone, const SimManagedApp& app) const {
  if (app.assigned_to_all) return true;
  const auto is_member = [&](const std::set<std::string>& groups) {
    return std::any_of(groups.begin(), groups.end(), [&](const std::string& uuid) {
      const auto group = user_groups.find(uuid);
      return group != user_groups.end() && group->second.members.count(phone.is.user) != 0;
    });
  };
  return std::any_of(smart_groups.begin(), smart_groups.end(), [&](const auto& entry) {
    const SmartGroupState& group = entry.second;
    if (group.apps.count(app.id) == 0 || is_member(group.user_group_exclusions)) return false;
    return is_member(group.user_groups) || group.devices.count(phone.is.uuid) != 0;
  });
}

uint64_t World::AddManagedApp(SimManagedApp app) {
  if (app.id == 0) app.id = NextNumber();
  if (app.uuid.empty()) app.uuid = MakeUuid(options_.seed, "app", app.id);
  if (app.name.empty()) app.name = app.bundle_id;
  const uint64_t id = app.id;
  apps[id] = std::move(app);
  return id;
}

std::string World::AddUserGroup(const SimUserGroup& group) {
  UserGroupState state = {.is = group, .number = group.number == 0 ? NextNumber() : group.number};
  if (state.is.uuid.empty()) state.is.uuid = MakeUuid(options_.seed, "group", state.number);
  state.members = {group.members.begin(), group.members.end()};
  state.directory = state.members;
  users.insert(group.members.begin(), group.members.end());
  const std::string uuid = state.is.uuid = Lower(state.is.uuid);
  user_groups[uuid] = std::move(state);
  return uuid;
}

UserGroupState* World::UserGroup(const std::string& uuid) {
  const auto it = user_groups.find(Lower(uuid));
  return it == user_groups.end() ? nullptr : &it->second;
}

UserGroupState* World::UserGroupByEither(const std::string& uuid_or_number) {
  if (UserGroupState* group = UserGroup(uuid_or_number)) return group;
  for (auto& [uuid, group] : user_groups) {
    if (absl::StrCat(group.number) == uuid_or_number) return &group;
  }
  return nullptr;
}

bool World::StartSync(UserGroupState* group, bool adds_users, absl::Time now) {
  if (group->busy_until > now) return false;
  group->busy_until = now + options_.sync_time;
  group->adds_users = adds_users;
  syncs_.insert({group->busy_until, group->is.uuid});
  return true;
}

// A sync leaves out whom the UEM does not know; adding the missing ones makes them known first.
void World::FinishSync(UserGroupState* group) {
  if (group->adds_users) users.insert(group->directory.begin(), group->directory.end());
  group->members.clear();
  for (const std::string& user : group->directory) {
    if (users.count(user) != 0) group->members.insert(user);
  }
}

void World::Announce(const PhoneState& phone, const std::string& event_type, absl::Time now) {
  for (const auto& [uuid, rule] : rules) {
    if (!rule.active) continue;
    SimEvent event = MakeEvent(rule, phone, event_type, ++last_event_, now);
    const uint64_t luck = random_() % 1000;
    if (luck < options_.events.dropped) continue;
    if (random_() % 1000 < options_.events.doubled) events_.push_back(event);
    if (random_() % 1000 < options_.events.delayed) {
      delayed_.push_back(std::move(event));
    } else {
      events_.push_back(std::move(event));
      events_.insert(events_.end(), delayed_.begin(), delayed_.end());
      delayed_.clear();
    }
  }
}

std::vector<SimEvent> World::TakeEvents() {
  std::vector<SimEvent> out = std::move(events_);
  events_.clear();
  // What was delayed comes with the next call, after whatever happened in between.
  events_ = std::move(delayed_);
  delayed_.clear();
  return out;
}

}  // namespace muster::uemsim
