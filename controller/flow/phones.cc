#include "controller/flow/phones.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/bridge_limits.h"
#include "common/phone_id.h"
#include "common/time_proto.h"
#include "controller/flow/audit.h"
#include "controller/flow/device_alarms.h"
#include "controller/flow/enroll.h"
#include "controller/flow/gone.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

constexpr absl::string_view kForeignVoice = "SPOKE_FOR_ANOTHER";

Actor BridgeActor(const v1::Device& bridge, const std::string& from) {
  return {{absl::StrCat("device/", bridge.device_id()), bridge.owner_upn()},
          "device certificate",
          from};
}

std::string PrefixOf(const std::string& bridge_id) { return PhoneOfBridgeKey(bridge_id, ""); }

absl::Status CheckIdentity(const v1::PhoneIdentity& phone) {
  if (phone.uem_id().empty() || phone.uem_id().size() > limits::kMaxUemIdBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a phone's Hello needs the UEM's id of it, at most ", limits::kMaxUemIdBytes, " bytes"));
  }
  if (phone.platform() != v1::Platform::IOS && phone.platform() != v1::Platform::ANDROID) {
    return absl::InvalidArgumentError(absl::StrCat("a phone is of platform IOS or ANDROID, not ",
                                                   v1::Platform::Id_Name(phone.platform())));
  }
  return absl::OkStatus();
}

// What the UEM says may be of any length.
v1::PhoneIdentity Kept(const v1::PhoneIdentity& phone) {
  v1::PhoneIdentity out;
  out.set_uem_id(phone.uem_id());
  out.set_platform(phone.platform());
  out.set_user_name(Shortened(phone.user_name(), limits::kMaxUpnBytes));
  out.set_serial(Shortened(phone.serial(), limits::kMaxUemTextBytes));
  out.set_name(Shortened(phone.name(), limits::kMaxHostnameBytes));
  return out;
}

absl::StatusOr<Versioned<v1::Device>> LoadBridge(const Snapshot& snapshot, const std::string& id) {
  MUSTER_ASSIGN_OR_RETURN(auto bridge, LoadDevice(snapshot, id));
  if (!bridge.value.bridge()) {
    return absl::PermissionDeniedError(
        absl::StrCat(id, " is no bridge and speaks for itself only"));
  }
  if (bridge.value.state() != v1::Device::ENROLLED) {
    return absl::PermissionDeniedError(absl::StrCat("bridge ", id, " is retired"));
  }
  return bridge;
}

// Everything of the phone that its bridge and its user decide.
void SetIdentity(const v1::Device& bridge, const v1::PhoneIdentity& phone, v1::Device& device) {
  *device.mutable_phone() = Kept(phone);
  device.set_platform(phone.platform());
  device.set_hostname(device.phone().name());
  device.set_group(bridge.group());
  device.set_certificate_key_sha256(bridge.certificate_key_sha256());
  device.set_certificate_spki(bridge.certificate_spki());
  *device.mutable_certificate_not_after() = bridge.certificate_not_after();
}

v1::Device NewPhone(const v1::Device& bridge, const std::string& device_id,
                    const v1::PhoneIdentity& phone, absl::Time now) {
  v1::Device device;
  device.set_device_id(device_id);
  device.set_state(v1::Device::ENROLLED);
  device.set_bridge_id(bridge.device_id());
  *device.mutable_enrolled_at() = ToProto(now);
  *device.mutable_last_seen_at() = ToProto(now);
  SetIdentity(bridge, phone, device);
  return device;
}

void SetOwner(const std::optional<v1::Person>& person, v1::Device& device) {
  device.set_owner_id(person ? person->person_id() : "");
  device.set_owner_upn(person ? person->upn() : "");
}

absl::StatusOr<std::optional<v1::Person>> FindPresent(const Snapshot& snapshot,
                                                      const std::string& person_id) {
  MUSTER_ASSIGN_OR_RETURN(auto person, Find<v1::Person>(snapshot, PersonKey(person_id)));
  if (!person || person->value.deleted()) return std::nullopt;
  return std::move(person->value);
}

}  // namespace

absl::StatusOr<PhoneOwner> FindPhoneOwner(const Snapshot& snapshot, const std::string& user_name) {
  if (user_name.empty()) return PhoneOwner{std::nullopt, "the UEM names no user"};
  MUSTER_ASSIGN_OR_RETURN(const auto upn, snapshot.Get(UpnKey(user_name)));
  std::set<std::string> ids;
  if (upn) {
    ids.insert(upn->bytes);
  } else {
    MUSTER_ASSIGN_OR_RETURN(const auto aliases, KeyTails(snapshot, AliasKey(user_name, "")));
    ids.insert(aliases.begin(), aliases.end());
    MUSTER_ASSIGN_OR_RETURN(const auto account, snapshot.Get(AccountKey(user_name)));
    if (account) ids.insert(account->bytes);
  }
  std::vector<v1::Person> found;
  for (const std::string& id : ids) {
    MUSTER_ASSIGN_OR_RETURN(auto person, FindPresent(snapshot, id));
    if (person) found.push_back(*std::move(person));
  }
  if (found.size() == 1) return PhoneOwner{std::move(found.front()), ""};
  return PhoneOwner{std::nullopt,
                    found.empty()
                        ? absl::StrCat("nobody in the directory as last read has the name '",
                                       user_name, "' that the UEM gives its user")
                        : absl::StrCat(found.size(), " persons have the name '", user_name,
                                       "' that the UEM gives its user")};
}

absl::StatusOr<bool> UpdatePhoneOwner(const Services& services, const Snapshot& snapshot,
                                      const Actor& actor, const v1::Device& before,
                                      v1::Device& after, Mutation& mutation) {
  if (before.phone().user_name() == after.phone().user_name() && !before.owner_id().empty()) {
    MUSTER_ASSIGN_OR_RETURN(const auto still, FindPresent(snapshot, before.owner_id()));
    if (still) return false;
  }
  MUSTER_ASSIGN_OR_RETURN(const PhoneOwner owner,
                          FindPhoneOwner(snapshot, after.phone().user_name()));
  SetOwner(owner.person, after);
  if (after.owner_id() == before.owner_id()) return false;
  const std::string& id = after.device_id();
  if (!before.owner_id().empty()) {
    mutation.deletes.push_back(DeviceOwnerKey(before.owner_id(), id));
    MUSTER_RETURN_IF_ERROR(MarkPersonsOf(snapshot, before, mutation));
  }
  if (!after.owner_id().empty()) {
    PutMark(mutation, DeviceOwnerKey(after.owner_id(), id));
    MUSTER_RETURN_IF_ERROR(MarkPersonsOf(snapshot, after, mutation));
  }
  mutation.audit.push_back(MakeAuditEntry(
      services, actor,
      {.verb = "device.owner",
       .object = absl::StrCat("device/", id),
       .before = &before,
       .after = &after,
       .reason = owner.person ? absl::StrCat("the UEM's user is '", after.phone().user_name(), "'")
                              : absl::StrCat("nobody's: ", owner.why_none)}));
  return true;
}

absl::Status PhoneRegistrar::CheckCount(const Snapshot& snapshot, const std::string& bridge_id) {
  if (!phones_) {
    MUSTER_ASSIGN_OR_RETURN(const auto known, KeyTails(snapshot, PrefixOf(bridge_id)));
    phones_ = known.size();
  }
  if (*phones_ < limits::kMaxPhones) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("bridge ", bridge_id, " speaks for ", *phones_,
                   " phones, which is the most one may; enrol another bridge for the others"));
}

absl::Status PhoneRegistrar::WriteNew(const Snapshot& snapshot, const Actor& actor,
                                      const v1::Device& bridge, const std::string& device_id,
                                      const v1::Hello& hello, Mutation& mutation) {
  MUSTER_RETURN_IF_ERROR(CheckCount(snapshot, bridge.device_id()));
  v1::Device device = NewPhone(bridge, device_id, hello.phone(), services_.clock.Now());
  device.set_agent_version(Shortened(hello.agent_version(), limits::kMaxTicketBytes));
  MUSTER_ASSIGN_OR_RETURN(const PhoneOwner owner,
                          FindPhoneOwner(snapshot, device.phone().user_name()));
  SetOwner(owner.person, device);
  Put(mutation, DeviceKey(device_id), device);
  PutMark(mutation, PhoneOfBridgeKey(bridge.device_id(), device_id));
  if (owner.person) PutMark(mutation, DeviceOwnerKey(device.owner_id(), device_id));
  MUSTER_RETURN_IF_ERROR(MarkPersonsOf(snapshot, device, mutation));
  v1::PhoneStatus status;
  status.set_device_id(device_id);
  *status.mutable_report()->mutable_identity() = device.phone();
  Put(mutation, PhoneKey(device_id), status);
  mutation.audit.push_back(MakeAuditEntry(
      services_, actor,
      {.verb = "device.register",
       .object = absl::StrCat("device/", device_id),
       .after = &device,
       .reason = owner.person ? absl::StrCat("a phone of ", device.owner_upn())
                              : absl::StrCat("a phone without an owner: ", owner.why_none)}));
  return absl::OkStatus();
}

absl::Status PhoneRegistrar::TryHello(const PhoneVoice& voice, const std::string& device_id,
                                      const v1::Hello& hello) {
  const std::unique_ptr<Snapshot> snapshot = services_.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto bridge, LoadBridge(*snapshot, voice.bridge_id));
  const Actor actor = BridgeActor(bridge.value, voice.from);
  MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::Device>(*snapshot, DeviceKey(device_id)));
  Mutation mutation;
  // Retiring the bridge and registering its phones exclude each other.
  mutation.expects.push_back({DeviceKey(voice.bridge_id), bridge.revision});
  mutation.expects.push_back({DeviceKey(device_id), known ? known->revision : 0});
  bool publish = true;
  if (!known) {
    MUSTER_RETURN_IF_ERROR(WriteNew(*snapshot, actor, bridge.value, device_id, hello, mutation));
  } else {
    if (known->value.bridge_id() != voice.bridge_id) {
      return absl::PermissionDeniedError(absl::StrCat(device_id, " is not this bridge's phone"));
    }
    if (known->value.state() != v1::Device::ENROLLED) {
      return absl::PermissionDeniedError(absl::StrCat("phone ", device_id, " is retired"));
    }
    v1::Device after = known->value;
    SetIdentity(bridge.value, hello.phone(), after);
    MUSTER_ASSIGN_OR_RETURN(
        publish, UpdatePhoneOwner(services_, *snapshot, actor, known->value, after, mutation));
    if (after.SerializeAsString() == known->value.SerializeAsString()) return absl::OkStatus();
    Put(mutation, DeviceKey(device_id), after);
  }
  MUSTER_RETURN_IF_ERROR(services_.store.Commit(std::move(mutation)).status());
  if (!known) ++*phones_;
  if (publish) services_.work.WakeDevice(device_id);
  return absl::OkStatus();
}

absl::Status PhoneRegistrar::Hello(const PhoneVoice& voice, const std::string& device_id,
                                   const v1::Hello& hello) {
  MUSTER_RETURN_IF_ERROR(CheckIdentity(hello.phone()));
  const std::string own =
      PhoneDeviceId(services_.settings.tenant, voice.bridge_id, hello.phone().uem_id());
  if (device_id != own) {
    return absl::PermissionDeniedError(
        absl::StrCat("'", Shortened(device_id, limits::kMaxTicketBytes),
                     "' is not the device id of this bridge's phone"));
  }
  return RetryAborted([&] { return TryHello(voice, device_id, hello); });
}

absl::StatusOr<bool> IsPhoneOf(const Snapshot& snapshot, const std::string& bridge_id,
                               const std::string& device_id) {
  if (absl::StrContains(device_id, '/')) return false;
  MUSTER_ASSIGN_OR_RETURN(const auto device, Find<v1::Device>(snapshot, DeviceKey(device_id)));
  return device && device->value.bridge_id() == bridge_id;
}

absl::Status RecordForeignVoice(const Services& services, const PhoneVoice& voice,
                                const std::string& device_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto bridge, LoadDevice(*services.store.Read(), voice.bridge_id));
  // By its name alone: the devices named may be another one each time.
  for (const v1::Alarm& alarm : bridge.value.alarms()) {
    if (absl::StartsWith(alarm.detail(), kForeignVoice) &&
        services.clock.Now() - FromProto(alarm.at()) < limits::kAlarmInterval) {
      return absl::OkStatus();
    }
  }
  return RaiseNamedAlarm(
      services, voice.bridge_id, kForeignVoice,
      absl::StrCat("from ", voice.from, " it spoke for ",
                   Shortened(device_id, limits::kMaxTicketBytes),
                   ", which it may not; look at the bridge, or retire it if it is not yours"));
}

absl::Status RecordLeave(const Services& services, const PhoneVoice& voice,
                         const std::string& device_id) {
  return RetryAborted([&]() -> absl::Status {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    MUSTER_ASSIGN_OR_RETURN(const auto bridge, LoadBridge(*snapshot, voice.bridge_id));
    MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*snapshot, device_id));
    MUSTER_ASSIGN_OR_RETURN(auto status, Find<v1::PhoneStatus>(*snapshot, PhoneKey(device_id)));
    if (!status || status->value.report().facts().enrolment() == v1::PhoneFacts::GONE) {
      return absl::OkStatus();
    }
    v1::PhoneReport& report = *status->value.mutable_report();
    report.mutable_facts()->set_enrolment(v1::PhoneFacts::GONE);
    for (v1::PhoneApp& app : *report.mutable_apps()) {
      app.set_state(v1::PhoneApp::UNKNOWN);
      app.set_why("the UEM lists this phone no longer: nothing can be said of it");
      *app.mutable_since() = ToProto(services.clock.Now());
    }
    Mutation mutation;
    mutation.expects.push_back({PhoneKey(device_id), status->revision});
    Put(mutation, PhoneKey(device_id), status->value);
    MUSTER_RETURN_IF_ERROR(WritePhoneGone(services, *snapshot, device.value, mutation));
    mutation.audit.push_back(
        MakeAuditEntry(services, BridgeActor(bridge.value, voice.from),
                       {.verb = "phone.left",
                        .object = absl::StrCat("device/", device_id),
                        .reason = "the UEM lists it no longer",
                        .subjects = {absl::StrCat("person/", device.value.owner_id())}}));
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
    services.work.Wake();
    return absl::OkStatus();
  });
}

absl::StatusOr<PhoneCount> CountPhones(const Snapshot& snapshot, const std::string& bridge_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto ids, KeyTails(snapshot, PrefixOf(bridge_id)));
  std::set<std::string> owners;
  for (const std::string& id : ids) {
    MUSTER_ASSIGN_OR_RETURN(const auto phone, Find<v1::Device>(snapshot, DeviceKey(id)));
    if (phone && !phone->value.owner_id().empty()) owners.insert(phone->value.owner_id());
  }
  return PhoneCount{ids.size(), owners.size()};
}

absl::Status RetirePhonesOf(const Services& services, const Actor& actor,
                            const std::string& bridge_id, const std::string& reason) {
  // Each round takes some away, so the rounds end; the cap is for our own mistakes.
  for (size_t round = 0; round <= limits::kMaxPhones / limits::kMaxPhonesPerCommit; ++round) {
    bool none_left = false;
    MUSTER_RETURN_IF_ERROR(RetryAborted([&]() -> absl::Status {
      const std::unique_ptr<Snapshot> snapshot = services.store.Read();
      MUSTER_ASSIGN_OR_RETURN(const auto page,
                              snapshot->Scan(PrefixOf(bridge_id), "", limits::kMaxPhonesPerCommit));
      none_left = page.empty();
      if (none_left) return absl::OkStatus();
      Mutation mutation;
      std::vector<std::string> ids;
      for (const Record& record : page) {
        ids.push_back(record.key.substr(record.key.rfind('/') + 1));
        MUSTER_ASSIGN_OR_RETURN(const auto phone, LoadDevice(*snapshot, ids.back()));
        MUSTER_RETURN_IF_ERROR(WriteRetired(services, *snapshot, actor, phone, reason, mutation));
      }
      MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
      for (const std::string& id : ids) services.work.WakeDevice(id);
      return absl::OkStatus();
    }));
    if (none_left) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status WritePhoneRetired(const Snapshot& snapshot, const v1::Device& device,
                               Mutation& mutation) {
  if (device.bridge_id().empty()) return absl::OkStatus();
  const std::string& id = device.device_id();
  mutation.deletes.push_back(PhoneOfBridgeKey(device.bridge_id(), id));
  const std::string prefix = absl::StrCat("phone_problem/", id, "/");
  MUSTER_ASSIGN_OR_RETURN(const auto apps, KeyTails(snapshot, prefix));
  for (const std::string& app : apps) mutation.deletes.push_back(prefix + app);
  return absl::OkStatus();
}

}  // namespace muster
