// The phones, groups and apps behind the interface, and what happens to them as time goes by.
// Thread-compatible; knows no clock: everything is told the time.
#pragma once

#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/uem_simulator/types.h"

namespace muster::uemsim {

// An app that is on a phone. `managed`: the UEM put it there, or took it over.
struct OnPhone {
  std::string version = {};
  bool managed = false;
};

// What the UEM last did about an app on a phone, and what the phone last said of it.
struct AppHistory {
  std::string action = "Unknown", reason = "Unknown";  // the enumerations of the interface
  absl::Time action_at = absl::UnixEpoch(), reason_at = absl::UnixEpoch();
};

struct PhoneCommand {
  enum class Kind { kInstall, kRemove, kProfile, kQuery };
  Kind kind = Kind::kQuery;
  std::string bundle_id = {}, version = {};
  TrueProfile profile = {};

  std::string Name() const;  // "install com.example"
};

struct PhoneState {
  SimPhone is = {};
  uint64_t number = 0;
  bool enrolled = true, compromised = false;
  absl::Time enrolled_at = {}, last_seen = {}, sampled_at = {};
  absl::Time next_check_in = absl::InfiniteFuture();
  std::map<std::string, OnPhone> apps = {},
                                 sample = {};  // by bundle id; `sample`: as the UEM knows them
  std::map<std::string, AppHistory> history = {};
  std::map<std::string, std::pair<absl::Time, std::string>> installing = {};  // ends when; version
  std::deque<PhoneCommand> queue = {};
  std::vector<TrueProfile> profiles = {};
  std::set<std::string> blocked = {};  // on Android: by the agency's application control

  bool Hides(const std::string& bundle_id) const;
};

struct AppGroupState {
  uint64_t number = 0;
  std::string name = {}, platform = {}, type = {};
  std::map<std::string, std::string> apps = {};  // bundle id -> name
};

struct SmartGroupState {
  uint64_t number = 0;
  std::string uuid = {}, name = {}, criteria = "All", organization_group = "570";
  std::set<std::string> user_groups = {}, user_group_exclusions = {};  // UUIDs
  std::set<std::string> users = {}, devices = {}, tags = {}, organization_groups = {};
  std::set<uint64_t> apps = {};  // assigned to it
  bool read_only = false;
};

struct UserGroupState {
  SimUserGroup is = {};
  uint64_t number = 0;
  std::set<std::string> directory = {}, members = {};
  absl::Time busy_until = absl::InfinitePast();
  bool adds_users = false;  // what it is busy with
};

struct EventRule {
  uint64_t number = 0;
  std::string uuid = {}, name = {}, url = {}, username = {}, password = {}, format = "Xml";
  bool active = true;
};

class World {
 public:
  explicit World(const SimOptions& options) : options_(options), random_(options.seed) {}

  // Everything that is due by `now`, in the order of its times.
  void Advance(absl::Time now);
  absl::Time NextAt() const;

  std::string AddPhone(SimPhone phone, absl::Time now);
  // Null when there is none; valid until the phone is deleted.
  PhoneState* Find(const std::string& uuid);
  PhoneState* Find(uint64_t number);
  void Delete(PhoneState* phone, absl::Time now);
  void Unenroll(PhoneState* phone, absl::Time now);
  void ReEnroll(PhoneState* phone, v1::PhoneFacts::Management management, absl::Time now);
  void SetOnline(PhoneState* phone, bool online, absl::Time now);
  absl::Status InstallByPerson(PhoneState* phone, const std::string& bundle_id,
                               const std::string& version);
  absl::Status RemoveByPerson(PhoneState* phone, const std::string& bundle_id, absl::Time now);
  absl::Status RemoveProfile(PhoneState* phone, const std::string& identifier);
  // True: it waits there already, or (a profile) is in force.
  bool Queue(PhoneState* phone, PhoneCommand command, absl::Time now);
  // A member of a smart group to which the app is assigned.
  bool Assigned(const PhoneState& phone, const SimManagedApp& app) const;
  const SimManagedApp* AppFor(const PhoneState& phone, const std::string& bundle_id) const;
  PhoneTruth Truth(const PhoneState& phone) const;
  void Announce(const PhoneState& phone, const std::string& event_type, absl::Time now);

  uint64_t AddManagedApp(SimManagedApp app);
  std::string AddUserGroup(const SimUserGroup& group);
  UserGroupState* UserGroup(const std::string& uuid);
  UserGroupState* UserGroupByEither(const std::string& uuid_or_number);
  // False: it is busy already.
  bool StartSync(UserGroupState* group, bool adds_users, absl::Time now);
  uint64_t NextNumber() { return ++last_number_; }
  std::string NewUuid(const std::string& kind);
  std::vector<SimEvent> TakeEvents();

  const SimOptions& options() const { return options_; }

  // For the routes: plain data. Phones are changed through the calls above.
  std::map<uint64_t, PhoneState> phones;  // by number
  std::map<uint64_t, SimManagedApp> apps;
  std::map<uint64_t, AppGroupState> app_groups;
  std::map<uint64_t, SmartGroupState> smart_groups;
  std::map<std::string, UserGroupState> user_groups;  // by UUID
  std::set<std::string> users;                        // that the UEM knows
  std::map<std::string, EventRule> rules;             // by UUID

 private:
  void CheckIn(PhoneState* phone, absl::Time now);
  void Carry(PhoneState* phone, const PhoneCommand& command, absl::Time now);
  void FinishInstalls(PhoneState* phone, absl::Time now);
  void InstallManaged(PhoneState* phone, const PhoneCommand& command, absl::Time now);
  void RemoveManaged(PhoneState* phone, const std::string& bundle_id, absl::Time now);
  void PutProfile(PhoneState* phone, TrueProfile profile, absl::Time now);
  void Sample(PhoneState* phone, absl::Time now);
  void ApplyAppControl(PhoneState* phone);
  void ScheduleCheckIn(PhoneState* phone, absl::Time at);
  void FinishSync(UserGroupState* group);

  const SimOptions options_;
  std::mt19937_64 random_;
  std::map<std::string, uint64_t> by_uuid_;
  std::set<std::pair<absl::Time, uint64_t>> check_ins_;  // phones, by number
  std::set<std::pair<absl::Time, std::string>> syncs_;   // user groups, by UUID
  std::vector<SimEvent> events_, delayed_;
  uint64_t last_number_ = 1000, last_event_ = 0;
};

}  // namespace muster::uemsim
