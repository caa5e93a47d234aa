#include <utility>

#include "bridge/adapters/ws1/ws1_models.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

using v1::PhoneFacts;

v1::Platform::Id PlatformOf(const Json& device) {
  const std::string word = UemWord(device, {"Platform", "device_type"});
  if (word == "apple") return v1::Platform::IOS;
  if (word == "android") return v1::Platform::ANDROID;
  return v1::Platform::UNSPECIFIED;
}

// A wipe that waits, a device that was only seen: neither is for certain.
PhoneFacts::Enrolment EnrolmentOf(const std::string& word) {
  if (word == "enrolled" || word == "userenrolled") return PhoneFacts::ENROLLED;
  if (word == "unenrolled" || word == "unenrolledbyfeedbackservice" || word == "retired" ||
      word == "devicenotfound") {
    return PhoneFacts::UNENROLLED;
  }
  return PhoneFacts::ENROLMENT_UNSPECIFIED;
}

PhoneFacts::Compliance ComplianceOf(const std::string& word) {
  if (word == "compliant") return PhoneFacts::COMPLIANT;
  if (word == "notcompliant" || word == "noncompliant" || word == "quarantined") {
    return PhoneFacts::NOT_COMPLIANT;
  }
  return PhoneFacts::COMPLIANCE_UNSPECIFIED;
}

// The list has "C", the older calls a word.
bool IsCorporate(const std::string& word) {
  return word == "c" || word == "corporate" || word == "corporatededicated" ||
         word == "corporateowned";
}
bool IsShared(const std::string& word) {
  return word == "s" || word == "shared" || word == "corporateshared";
}
bool IsEmployees(const std::string& word) {
  return word == "e" || word == "employee" || word == "employeeowned";
}

PhoneFacts::Management AndroidOf(const std::string& ownership, AndroidManagement android) {
  if (android == AndroidManagement::kUnknown) return PhoneFacts::MANAGEMENT_UNSPECIFIED;
  if (IsEmployees(ownership)) return PhoneFacts::PERSONAL_WORK_PROFILE;
  if (IsShared(ownership)) return PhoneFacts::DEVICE_OWNER;
  if (!IsCorporate(ownership)) return PhoneFacts::MANAGEMENT_UNSPECIFIED;
  return android == AndroidManagement::kByOwnership ? PhoneFacts::DEVICE_OWNER
                                                    : PhoneFacts::COMPANY_WORK_PROFILE;
}

// The UEM's privacy settings go by ownership, and commonly keep back what people installed on
// phones that are not the agency's own. Where nothing is known nothing may be concluded.
bool MayHidePersonalApps(const Json& enrolment) {
  const std::string ownership = UemWord(enrolment, {"Ownership", "ownership"});
  return !IsCorporate(ownership) && !IsShared(ownership);
}

// `device`: the fields as a version 1 answer has them, or the parts of a version 3 answer.
PhoneFacts::Management ManagementOf(const Json& device, const Json& enrolment,
                                    v1::Platform::Id platform, AndroidManagement android) {
  // A device that a catalogue or a single app registered takes no command.
  const std::string by = UemWord(enrolment, {"ManagedBy", "managed_by"});
  if (!by.empty() && by != "mdm" && by != "unknown") return PhoneFacts::MANAGEMENT_UNSPECIFIED;
  if (platform == v1::Platform::ANDROID) {
    return AndroidOf(UemWord(enrolment, {"Ownership", "ownership"}), android);
  }
  if (UemWord(enrolment, {"EnrollmentStatus", "enrollment_status"}) == "userenrolled") {
    return PhoneFacts::USER_ENROLLED;
  }
  const auto supervised = UemBool(device, {"IsSupervised", "is_supervised", "supervised"});
  if (!supervised.has_value()) return PhoneFacts::MANAGEMENT_UNSPECIFIED;
  return *supervised ? PhoneFacts::SUPERVISED : PhoneFacts::UNSUPERVISED;
}

bool CompromisedOf(const Json& device) {
  const FieldNames names = {"CompromisedStatus", "compromised_status"};
  return UemBool(device, names).value_or(UemWord(device, names) == "compromised");
}

// `enrolment` and `platform`: parts of their own in the version 3 answer about one device.
PhoneFacts FactsOf(const Json& device, const Json& enrolment, const Json& platform) {
  PhoneFacts facts;
  facts.set_enrolment(EnrolmentOf(UemWord(enrolment, {"EnrollmentStatus", "enrollment_status"})));
  facts.set_uem_compliance(
      ComplianceOf(UemWord(enrolment, {"ComplianceStatus", "compliance_status"})));
  facts.set_os(UemText(platform, {"OperatingSystem", "operating_system", "os_version"}));
  facts.set_model(UemText(platform, {"Model", "model"}));
  facts.set_compromised(CompromisedOf(device));
  if (const auto seen = UemTime(enrolment, {"LastSeen", "last_seen", "last_seen_timestamp"})) {
    *facts.mutable_last_seen_at() = ToProto(*seen);
  }
  if (const auto at =
          UemTime(enrolment, {"LastEnrolledOn", "last_enrolled_on", "enrollment_timestamp"})) {
    *facts.mutable_enrolled_at() = ToProto(*at);
  }
  return facts;
}

// {"Value": 7} in version 1 and the list of version 3, a bare number in the other.
uint64_t NumberOf(const Json& device) {
  const Json* id = FindUemField(device, {"Id", "id"});
  if (id == nullptr) return 0;
  const auto number = id->is_object() ? UemNumber(*id, {"Value"}) : UemNumber(device, {"Id", "id"});
  return number.value_or(0);
}

const Json& PartOf(const Json& device, const char* name) {
  const Json* part = FindUemField(device, {name});
  return part != nullptr ? *part : device;
}

}  // namespace

std::optional<UemPhone> ReadWs1Phone(const Json& device, const Ws1Options& options) {
  const Json& enrolment = PartOf(device, "enrollment_info");
  const Json& platform = PartOf(device, "platform_info");
  UemPhone phone;
  v1::PhoneIdentity& identity = phone.identity;
  identity.set_uem_id(UemId(device, {"Uuid", "uuid"}));
  identity.set_platform(PlatformOf(platform));
  if (identity.uem_id().empty() || identity.platform() == v1::Platform::UNSPECIFIED) {
    return std::nullopt;
  }
  identity.set_user_name(UemText(enrolment, {"UserName", "enrollment_user_name"}));
  if (identity.user_name().empty()) {
    identity.set_user_name(
        UemText(enrolment, {"UserEmailAddress", "enrollment_user_email_address"}));
  }
  identity.set_serial(UemText(device, {"SerialNumber", "serial_number"}));
  identity.set_name(
      UemText(device, {"DeviceFriendlyName", "device_friendly_name", "friendly_name"}));
  phone.facts = FactsOf(device, enrolment, platform);
  phone.facts.set_management(
      ManagementOf(device, enrolment, identity.platform(), options.android_management));
  phone.facts.set_personal_apps_hidden(options.personal_apps_hidden ||
                                       MayHidePersonalApps(enrolment));
  phone.number = NumberOf(device);
  phone.udid = UemText(device, {"Udid", "udid"});
  phone.user_id = UemId(enrolment, {"EnrollmentUserUuid", "enrollment_user_uuid"});
  return phone;
}

}  // namespace muster::bridge
