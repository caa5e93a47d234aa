// What people and the agency do, and the truth that tests read.
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/uem_simulator/gate.h"
#include "tests/support/uem_simulator/routes.h"
#include "tests/support/uem_simulator/simulator.h"
#include "tests/support/uem_simulator/world.h"

namespace muster::uemsim {
namespace {

absl::Status NoPhone(const std::string& uuid) {
  return absl::NotFoundError(absl::StrCat("no phone ", uuid));
}

}  // namespace

std::string Simulator::AddPhone(const SimPhone& phone) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  return world_->AddPhone(phone, clock_->Now());
}

absl::Status Simulator::InstallByPerson(const std::string& uuid, const std::string& bundle_id,
                                        const std::string& version) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  return phone == nullptr ? NoPhone(uuid) : world_->InstallByPerson(phone, bundle_id, version);
}

absl::Status Simulator::RemoveByPerson(const std::string& uuid, const std::string& bundle_id) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  if (phone == nullptr) return NoPhone(uuid);
  return world_->RemoveByPerson(phone, bundle_id, clock_->Now());
}

absl::Status Simulator::InstallByAgency(const std::string& uuid, const std::string& bundle_id,
                                        const std::string& version) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  if (phone == nullptr) return NoPhone(uuid);
  PhoneCommand command = {.kind = PhoneCommand::Kind::kInstall,
                          .bundle_id = bundle_id,
                          .version = version,
                          .profile = {}};
  world_->Queue(phone, std::move(command), clock_->Now());
  return absl::OkStatus();
}

absl::Status Simulator::RemoveProfileByPerson(const std::string& uuid,
                                              const std::string& identifier) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  return phone == nullptr ? NoPhone(uuid) : world_->RemoveProfile(phone, identifier);
}

absl::Status Simulator::SetOnline(const std::string& uuid, bool online) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  if (phone == nullptr) return NoPhone(uuid);
  world_->SetOnline(phone, online, clock_->Now());
  return absl::OkStatus();
}

absl::Status Simulator::Unenroll(const std::string& uuid) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  if (phone == nullptr) return NoPhone(uuid);
  world_->Unenroll(phone, clock_->Now());
  return absl::OkStatus();
}

absl::Status Simulator::ReEnroll(const std::string& uuid, v1::PhoneFacts::Management management) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  if (phone == nullptr) return NoPhone(uuid);
  world_->ReEnroll(phone, management, clock_->Now());
  return absl::OkStatus();
}

absl::Status Simulator::Delete(const std::string& uuid) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  if (phone == nullptr) return NoPhone(uuid);
  world_->Delete(phone, clock_->Now());
  return absl::OkStatus();
}

absl::Status Simulator::SetCompromised(const std::string& uuid, bool compromised) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  if (phone == nullptr) return NoPhone(uuid);
  phone->compromised = compromised;
  world_->Announce(*phone, "Compromised Status Changed", clock_->Now());
  return absl::OkStatus();
}

absl::Status Simulator::SetPersonalAppsHidden(const std::string& uuid, bool hidden) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  PhoneState* phone = world_->Find(uuid);
  if (phone == nullptr) return NoPhone(uuid);
  phone->is.personal_apps_hidden = hidden;
  return absl::OkStatus();
}

uint64_t Simulator::AddManagedApp(const SimManagedApp& app) {
  MutexLock lock(&mu_);
  return world_->AddManagedApp(app);
}

std::string Simulator::AddUserGroup(const SimUserGroup& group) {
  MutexLock lock(&mu_);
  return world_->AddUserGroup(group);
}

void Simulator::AddUser(const std::string& user) {
  MutexLock lock(&mu_);
  world_->users.insert(user);
}

absl::Status Simulator::SetDirectory(const std::string& group_uuid,
                                     std::vector<std::string> members) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  UserGroupState* group = world_->UserGroup(group_uuid);
  if (group == nullptr) return absl::NotFoundError(absl::StrCat("no group ", group_uuid));
  group->directory = {members.begin(), members.end()};
  return absl::OkStatus();
}

absl::Status Simulator::SetSmartGroupReadOnly(const std::string& name, bool read_only) {
  MutexLock lock(&mu_);
  for (auto& [number, group] : world_->smart_groups) {
    if (group.name != name) continue;
    group.read_only = read_only;
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("no smart group ", name));
}

absl::Status Simulator::AddEventRule(const std::string& json) {
  MutexLock lock(&mu_);
  bridge::HttpRequest request;
  request.body = json;
  const Reply reply = CreateEventRule(world_.get(), ParseCall(request, clock_->Now()));
  if (reply.status == 200) return absl::OkStatus();
  return absl::InvalidArgumentError((*reply.body)["message"].get<std::string>());
}

absl::StatusOr<PhoneTruth> Simulator::Phone(const std::string& uuid) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  const PhoneState* phone = world_->Find(uuid);
  if (phone == nullptr) return NoPhone(uuid);
  return world_->Truth(*phone);
}

std::vector<PhoneTruth> Simulator::Phones() {
  MutexLock lock(&mu_);
  AdvanceLocked();
  std::vector<PhoneTruth> out;
  for (const auto& [number, phone] : world_->phones) out.push_back(world_->Truth(phone));
  return out;
}

std::vector<std::string> Simulator::Members(const std::string& group_uuid) {
  MutexLock lock(&mu_);
  AdvanceLocked();
  const UserGroupState* group = world_->UserGroup(group_uuid);
  if (group == nullptr) return {};
  return {group->members.begin(), group->members.end()};
}

std::vector<std::string> Simulator::AppGroup(const std::string& name) {
  MutexLock lock(&mu_);
  std::vector<std::string> out;
  for (const auto& [number, group] : world_->app_groups) {
    if (group.name != name) continue;
    for (const auto& [bundle_id, app] : group.apps) out.push_back(bundle_id);
  }
  return out;
}

std::vector<SimEvent> Simulator::TakeEvents() {
  MutexLock lock(&mu_);
  AdvanceLocked();
  return world_->TakeEvents();
}

}  // namespace muster::uemsim
