#include "bridge/flow/phone_book.h"

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "bridge/domain/phone_reading.h"
#include "bridge/flow/fleet_options.h"
#include "common/bridge_limits.h"
#include "common/phone_id.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "google/protobuf/util/message_differencer.h"

namespace muster::bridge {
namespace {

using google::protobuf::util::MessageDifferencer;
constexpr char kRecords[] = "record/";

// What a list does not say stays as the reading of apps left it.
v1::PhoneFacts MergeFacts(const v1::PhoneFacts& old, v1::PhoneFacts now) {
  if (old.has_apps_read_at()) *now.mutable_apps_read_at() = old.apps_read_at();
  return now;
}

bool OnlyContactDiffers(const v1::PhoneFacts& old, v1::PhoneFacts now) {
  now.clear_last_seen_at();
  if (old.has_last_seen_at()) *now.mutable_last_seen_at() = old.last_seen_at();
  return MessageDifferencer::Equals(old, now);
}

// A phone that leaves the UEM, or enrols anew, loses what was installed through it: what was known
// of it before says nothing of what comes then. `record` is as before.
void ForgetEnrolment(const v1::PhoneFacts& now, v1::PhoneRecord& record) {
  const v1::PhoneFacts& old = record.facts();
  const bool anew = old.has_apps_read_at()
                        ? EnrolledAfter(now, FromProto(old.apps_read_at()))
                        : !MessageDifferencer::Equals(old.enrolled_at(), now.enrolled_at());
  const bool enrolled = now.enrolment() == v1::PhoneFacts::ENROLLED;
  if (!enrolled || anew) record.clear_inventory_sha256();
  if (record.profile_sha256().empty()) return;
  if (enrolled) {
    // While the profile was on its way: whether it was taken before or after nobody knows.
    const bool changed =
        old.has_enrolled_at() && !MessageDifferencer::Equals(old.enrolled_at(), now.enrolled_at());
    if (changed && record.has_profile_at() &&
        EnrolledAfter(now, FromProto(record.profile_at()) - limits::kUemCallTime)) {
      record.set_profile_sha256(kUnknownProfile);
    }
    return;
  }
  const bool left =
      now.enrolment() == v1::PhoneFacts::UNENROLLED || now.enrolment() == v1::PhoneFacts::GONE;
  // Where the UEM does not say that it left, the profile may be there still.
  record.set_profile_sha256(left ? "" : kUnknownProfile);
  record.clear_profile_at();
}

}  // namespace

std::string UserKey(const std::string& user_name) { return absl::AsciiStrToLower(user_name); }

UemPhone ToUemPhone(const v1::PhoneRecord& record) {
  UemPhone out;
  out.identity = record.identity();
  out.facts = record.facts();
  out.number = record.uem_number();
  out.udid = record.udid();
  out.user_id = record.user_id();
  return out;
}

absl::Status PhoneBook::Load() {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, store_->List("record"));
  for (const std::string& name : names) {
    MUSTER_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, store_->Read(kRecords + name));
    v1::PhoneRecord record;
    const bool sound = bytes && record.ParseFromString(*bytes) && record.device_id() == name &&
                       PhoneDeviceId(tenant_, bridge_id_, record.identity().uem_id()) == name;
    if (sound) {
      Remember(record);
    } else {
      MUSTER_RETURN_IF_ERROR(store_->Remove(kRecords + name));
    }
  }
  return absl::OkStatus();
}

Phone* PhoneBook::Find(const std::string& device_id) {
  const auto it = phones_.find(device_id);
  return it == phones_.end() ? nullptr : &it->second;
}

Phone* PhoneBook::FindByUemId(const std::string& uem_id) {
  const auto it = device_id_of_.find(uem_id);
  return it == device_id_of_.end() ? nullptr : Find(it->second);
}

absl::StatusOr<v1::PhoneRecord> PhoneBook::Read(const Phone& phone) const {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                          store_->Read(kRecords + phone.device_id));
  v1::PhoneRecord record;
  if (!bytes || !record.ParseFromString(*bytes) || record.device_id() != phone.device_id) {
    return absl::DataLossError(absl::StrCat("the record of phone ", phone.device_id,
                                            " is damaged; it is read anew from the UEM"));
  }
  return record;
}

absl::Status PhoneBook::Write(const v1::PhoneRecord& record) {
  MUSTER_RETURN_IF_ERROR(store_->Write(kRecords + record.device_id(), record.SerializeAsString()));
  Remember(record);
  return absl::OkStatus();
}

void PhoneBook::Remember(const v1::PhoneRecord& record) {
  Phone& phone = phones_[record.device_id()];
  phone.device_id = record.device_id();
  phone.uem_id = record.identity().uem_id();
  phone.user = UserKey(record.identity().user_name());
  phone.platform = record.identity().platform();
  const v1::PhoneFacts& facts = record.facts();
  phone.last_seen =
      facts.has_last_seen_at() ? FromProto(facts.last_seen_at()) : absl::InfinitePast();
  phone.apps_read_at =
      facts.has_apps_read_at() ? FromProto(facts.apps_read_at()) : absl::InfinitePast();
  phone.enrolled = facts.enrolment() == v1::PhoneFacts::ENROLLED ||
                   facts.enrolment() == v1::PhoneFacts::ENROLMENT_UNSPECIFIED;
  phone.unsampled = record.inventory_sha256() == kUnsampled;
  device_id_of_[phone.uem_id] = phone.device_id;
}

absl::StatusOr<PhoneBook::Seen> PhoneBook::Update(const UemPhone& from_uem) {
  const std::string& uem_id = from_uem.identity.uem_id();
  Phone* phone = FindByUemId(uem_id);
  if (phone == nullptr && phones_.size() >= limits::kMaxPhones) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the UEM lists more than ", limits::kMaxPhones, " phones; those beyond are ",
                     "not read: run a second bridge for another organization group"));
  }
  v1::PhoneRecord record;
  bool known = false;
  if (phone != nullptr) {
    absl::StatusOr<v1::PhoneRecord> old = Read(*phone);
    if (!old.ok() && !absl::IsDataLoss(old.status())) return old.status();
    known = old.ok();
    if (known) record = *std::move(old);
    phone->missing = 0;
  }
  record.set_device_id(PhoneDeviceId(tenant_, bridge_id_, uem_id));
  const v1::PhoneFacts facts = MergeFacts(record.facts(), from_uem.facts);
  const bool same_identity = MessageDifferencer::Equals(record.identity(), from_uem.identity);
  const bool same_contact =
      record.facts().last_seen_at().seconds() == facts.last_seen_at().seconds() &&
      record.facts().last_seen_at().nanos() == facts.last_seen_at().nanos();
  const bool same_keys = record.uem_number() == from_uem.number && record.udid() == from_uem.udid &&
                         record.user_id() == from_uem.user_id;
  Seen seen = Seen::kSame;
  if (!known) {
    seen = Seen::kNew;
  } else if (!same_identity) {
    seen = Seen::kIdentity;
  } else if (!same_keys || !OnlyContactDiffers(record.facts(), facts)) {
    seen = Seen::kFacts;
  } else if (!same_contact) {
    seen = Seen::kContact;
  }
  if (seen == Seen::kSame) return seen;
  *record.mutable_identity() = from_uem.identity;
  if (known) ForgetEnrolment(facts, record);
  *record.mutable_facts() = facts;
  record.set_uem_number(from_uem.number);
  record.set_udid(from_uem.udid);
  record.set_user_id(from_uem.user_id);
  MUSTER_RETURN_IF_ERROR(Write(record));
  return seen;
}

absl::Status PhoneBook::Remove(const std::string& device_id) {
  const auto it = phones_.find(device_id);
  if (it == phones_.end()) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(store_->Remove(kRecords + device_id));
  device_id_of_.erase(it->second.uem_id);
  phones_.erase(it);
  return absl::OkStatus();
}

}  // namespace muster::bridge
