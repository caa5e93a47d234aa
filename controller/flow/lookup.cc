#include "controller/flow/lookup.h"

namespace muster {

absl::StatusOr<PolicySet> LoadPolicySet(const Snapshot& snapshot) {
  PolicySet set;
  MUSTER_RETURN_IF_ERROR(
      ForEach<v1::App>(snapshot, "app/", [&](const std::string&, Versioned<v1::App>& app) {
        set.apps.emplace(app.value.id(), std::move(app.value));
        return absl::OkStatus();
      }));
  MUSTER_RETURN_IF_ERROR(
      ForEach<v1::Trm>(snapshot, "trm/", [&](const std::string&, Versioned<v1::Trm>& trm) {
        set.trm.emplace(trm.value.app_id(), std::move(trm.value));
        return absl::OkStatus();
      }));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> listed, KeyTails(snapshot, "blocklist/"));
  set.blocklist.insert(listed.begin(), listed.end());
  MUSTER_RETURN_IF_ERROR(ForEach<v1::CohortPolicy>(
      snapshot, CohortSettingsKey(""),
      [&](const std::string&, Versioned<v1::CohortPolicy>& cohort) {
        set.cohorts.emplace(PlatformName(cohort.value.platform()), std::move(cohort.value));
        return absl::OkStatus();
      }));
  MUSTER_ASSIGN_OR_RETURN(auto retention, Find<v1::RetentionPolicy>(snapshot, kRetentionKey));
  if (retention) set.retention = std::move(retention->value);
  return set;
}

absl::StatusOr<AppFacts> LoadApp(const Snapshot& snapshot, const std::string& app_id) {
  AppFacts out;
  MUSTER_ASSIGN_OR_RETURN(
      Versioned<v1::App> app,
      Load<v1::App>(
          snapshot, AppKey(app_id),
          absl::StrCat("no app '", app_id, "' in the catalogue; see `musterctl app list`")));
  out.app = std::move(app.value);
  MUSTER_ASSIGN_OR_RETURN(const auto trm, Find<v1::Trm>(snapshot, TrmKey(app_id)));
  if (trm) {
    out.trm = trm->value;
  } else {
    out.trm.set_app_id(app_id);
    out.trm.set_status(v1::Trm::UNLISTED);
  }
  MUSTER_ASSIGN_OR_RETURN(const auto listed, snapshot.Get(BlocklistKey(app_id)));
  out.blocklisted = listed.has_value();
  return out;
}

absl::StatusOr<v1::Person> LoadPersonByUpn(const Snapshot& snapshot, const std::string& upn) {
  const std::string missing =
      absl::StrCat("no person '", upn,
                   "' in the directory as last read; check the name, or run `musterctl "
                   "directory sync`");
  MUSTER_ASSIGN_OR_RETURN(const auto id, snapshot.Get(UpnKey(upn)));
  if (!id) return absl::NotFoundError(missing);
  MUSTER_ASSIGN_OR_RETURN(Versioned<v1::Person> person,
                          Load<v1::Person>(snapshot, PersonKey(id->bytes), missing));
  return std::move(person.value);
}

namespace {

void AddAccount(const v1::Person& person, Operator& out) {
  out.accounts.insert(person.person_id());
  out.names.insert(absl::AsciiStrToLower(person.upn()));
  out.names.insert(person.aliases().begin(), person.aliases().end());
}

}  // namespace

absl::StatusOr<Operator> ResolveOperator(const Snapshot& snapshot, const std::string& upn) {
  Operator out;
  out.upn = upn;
  MUSTER_ASSIGN_OR_RETURN(const auto id, snapshot.Get(UpnKey(upn)));
  if (id) {
    out.person_id = id->bytes;
  } else {
    MUSTER_ASSIGN_OR_RETURN(const auto of, KeyTails(snapshot, AliasKey(upn, "")));
    if (of.size() == 1) out.person_id = of.front();
  }
  if (out.person_id.empty()) return out;
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot, PersonKey(out.person_id)));
  if (!person) return out;
  AddAccount(person->value, out);
  if (person->value.employee_id().empty()) return out;
  MUSTER_ASSIGN_OR_RETURN(const auto ids,
                          KeyTails(snapshot, EmployeeKey(person->value.employee_id(), "")));
  for (const std::string& other : ids) {
    MUSTER_ASSIGN_OR_RETURN(const auto account, Find<v1::Person>(snapshot, PersonKey(other)));
    if (account) AddAccount(account->value, out);
  }
  return out;
}

absl::StatusOr<bool> IsCapstone(const Snapshot& snapshot, const v1::Person& person) {
  if (person.capstone() || person.employee_id().empty()) return person.capstone();
  MUSTER_ASSIGN_OR_RETURN(const auto ids,
                          KeyTails(snapshot, EmployeeKey(person.employee_id(), "")));
  for (const std::string& other : ids) {
    MUSTER_ASSIGN_OR_RETURN(const auto account, Find<v1::Person>(snapshot, PersonKey(other)));
    if (account && !account->value.deleted() && account->value.capstone()) return true;
  }
  return false;
}

absl::StatusOr<Versioned<v1::Device>> LoadDevice(const Snapshot& snapshot,
                                                 const std::string& device_id) {
  return Load<v1::Device>(snapshot, DeviceKey(device_id),
                          absl::StrCat("no device '", device_id, "'; see `musterctl device list`"));
}

absl::StatusOr<std::vector<v1::Person>> PersonsOfDevice(const Snapshot& snapshot,
                                                        const v1::Device& device) {
  std::set<std::string> ids;
  if (device.bridge()) return std::vector<v1::Person>();
  if (!device.owner_id().empty()) ids.insert(device.owner_id());
  for (const std::string& account : device.local_accounts()) {
    MUSTER_ASSIGN_OR_RETURN(const auto id, snapshot.Get(AccountKey(account)));
    if (id) ids.insert(id->bytes);
  }
  std::vector<v1::Person> out;
  for (const std::string& id : ids) {
    MUSTER_ASSIGN_OR_RETURN(auto person, Find<v1::Person>(snapshot, PersonKey(id)));
    if (person && !person->value.deleted()) out.push_back(std::move(person->value));
  }
  return out;
}

absl::StatusOr<std::set<std::string>> DevicesOfPerson(const Snapshot& snapshot,
                                                      const v1::Person& person) {
  std::set<std::string> ids;
  MUSTER_ASSIGN_OR_RETURN(const auto owned,
                          KeyTails(snapshot, DeviceOwnerKey(person.person_id(), "")));
  ids.insert(owned.begin(), owned.end());
  if (!person.account_name().empty()) {
    MUSTER_ASSIGN_OR_RETURN(const auto local,
                            KeyTails(snapshot, DeviceAccountKey(person.account_name(), "")));
    ids.insert(local.begin(), local.end());
  }
  return ids;
}

absl::StatusOr<std::vector<std::string>> EnrolledDevices(const Snapshot& snapshot) {
  std::vector<std::string> out;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::Device>(
      snapshot, "device/", [&](const std::string&, const Versioned<v1::Device>& device) {
        if (device.value.state() == v1::Device::ENROLLED && !device.value.bridge()) {
          out.push_back(device.value.device_id());
        }
        return absl::OkStatus();
      }));
  return out;
}

absl::StatusOr<std::vector<v1::Grant>> GrantsOfPerson(const Snapshot& snapshot,
                                                      const std::string& person_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto ids, KeyTails(snapshot, PersonGrantKey(person_id, "")));
  std::vector<v1::Grant> out;
  for (const std::string& id : ids) {
    MUSTER_ASSIGN_OR_RETURN(auto grant, Find<v1::Grant>(snapshot, GrantKey(id)));
    if (grant) out.push_back(std::move(grant->value));
  }
  return out;
}

absl::StatusOr<std::optional<Versioned<v1::Grant>>> HoldingGrant(const Snapshot& snapshot,
                                                                 const std::string& person_id,
                                                                 const std::string& app_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto id, snapshot.Get(LiveGrantKey(person_id, app_id)));
  if (!id) return std::nullopt;
  return Find<v1::Grant>(snapshot, GrantKey(id->bytes));
}

absl::StatusOr<bool> IsMember(const Snapshot& snapshot, const std::string& app_id,
                              const std::string& person_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto member, snapshot.Get(MemberKey(app_id, person_id)));
  return member.has_value();
}

absl::StatusOr<std::optional<v1::Membership>> FindMembership(const Snapshot& snapshot,
                                                             const std::string& app_id,
                                                             const std::string& person_id) {
  for (const std::string& key :
       {MemberKey(app_id, person_id), InactiveMemberKey(app_id, person_id)}) {
    MUSTER_ASSIGN_OR_RETURN(auto found, Find<v1::Membership>(snapshot, key));
    if (found) return std::move(found->value);
  }
  return std::nullopt;
}

absl::StatusOr<std::map<std::string, uint32_t>> HoldingGrantsByApp(const Snapshot& snapshot) {
  std::map<std::string, uint32_t> out;
  MUSTER_ASSIGN_OR_RETURN(const auto tails, KeyTails(snapshot, "grant_live/"));
  for (const std::string& tail : tails) {
    const size_t slash = tail.find('/');
    if (slash != std::string::npos) ++out[tail.substr(slash + 1)];
  }
  return out;
}

absl::StatusOr<std::set<std::string>> PersonsHolding(const Snapshot& snapshot,
                                                     const std::set<std::string>& apps) {
  std::set<std::string> out;
  MUSTER_ASSIGN_OR_RETURN(const auto tails, KeyTails(snapshot, "grant_live/"));
  for (const std::string& tail : tails) {
    const size_t slash = tail.find('/');
    if (slash != std::string::npos && apps.contains(tail.substr(slash + 1))) {
      out.insert(tail.substr(0, slash));
    }
  }
  return out;
}

}  // namespace muster
