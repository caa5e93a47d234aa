#include "tests/support/uem_simulator/device_json.h"

#include "absl/strings/str_cat.h"

namespace muster::uemsim {
namespace {

bool Personal(v1::PhoneFacts::Management management) {
  return management == v1::PhoneFacts::USER_ENROLLED ||
         management == v1::PhoneFacts::PERSONAL_WORK_PROFILE;
}

std::string StatusV1(const PhoneState& phone) {
  if (!phone.enrolled) return "Unenrolled";
  return phone.is.management == v1::PhoneFacts::USER_ENROLLED ? "UserEnrolled" : "Enrolled";
}

std::string StatusV3(const PhoneState& phone) {
  if (!phone.enrolled) return "UNENROLLED";
  return phone.is.management == v1::PhoneFacts::USER_ENROLLED ? "USER_ENROLLED" : "ENROLLED";
}

std::string UserUuid(const PhoneState& phone) { return MakeUuid(0, phone.is.user, 0); }
Json Id(uint64_t number) { return {{"Value", number}}; }

// The schema has it as a flag; Android phones have none of it.
bool Supervised(const PhoneState& phone) {
  return phone.is.management == v1::PhoneFacts::SUPERVISED;
}

AppHistory HistoryOf(const PhoneState& phone, const std::string& bundle_id) {
  const auto it = phone.history.find(bundle_id);
  return it == phone.history.end() ? AppHistory() : it->second;
}

}  // namespace

std::string PlatformName(v1::Platform::Id platform) {
  return platform == v1::Platform::IOS ? "Apple" : "Android";
}

std::string OwnershipLetter(v1::PhoneFacts::Management management) {
  return Personal(management) ? "E" : "C";
}

Json DeviceV1(const PhoneState& phone) {
  const SimPhone& is = phone.is;
  return {
      {"Id", Id(phone.number)},
      {"Uuid", is.uuid},
      {"Udid", is.udid},
      {"SerialNumber", is.serial},
      {"Imei", ""},
      {"MacAddress", ""},
      {"AssetNumber", is.udid},
      {"DeviceFriendlyName", is.name},
      {"DeviceReportedName", is.name},
      {"LocationGroupId", {{"Id", Id(570)}, {"Name", "Simulated agency"}}},
      {"LocationGroupName", "Simulated agency"},
      {"UserId", {{"Id", Id(1)}, {"Name", is.user}, {"Uuid", UserUuid(phone)}}},
      {"UserName", is.user},
      {"UserEmailAddress", absl::StrCat(is.user, "@example.test")},
      {"EnrollmentUserUuid", UserUuid(phone)},
      {"Ownership", OwnershipLetter(is.management)},
      {"Platform", PlatformName(is.platform)},
      {"PlatformId", {{"Id", Id(is.platform == v1::Platform::IOS ? 2 : 5)}}},
      {"Model", is.model},
      {"OperatingSystem", is.os},
      {"LastSeen", TimeText(phone.last_seen)},
      {"LastEnrolledOn", TimeText(phone.enrolled_at)},
      {"EnrollmentStatus", StatusV1(phone)},
      {"ComplianceStatus", phone.compromised ? "NonCompliant" : "Compliant"},
      {"CompromisedStatus", phone.compromised},
      {"IsSupervised", Supervised(phone)},
      {"ManagedBy", "MDM"},
      {"EnrolledViaDEP", Supervised(phone)},
  };
}

Json DeviceSearchV3(const PhoneState& phone) {
  const SimPhone& is = phone.is;
  const bool ios = is.platform == v1::Platform::IOS;
  return {
      {"Id", Id(phone.number)},
      {"Uuid", is.uuid},
      {"udid", is.udid},
      {"serial_number", is.serial},
      {"imei", ""},
      {"asset_number", is.udid},
      {"device_friendly_name", is.name},
      {"enrollment_user_name", is.user},
      {"enrollment_user_email_address", absl::StrCat(is.user, "@example.test")},
      {"enrollment_user_uuid", UserUuid(phone)},
      {"ownership", Personal(is.management) ? "EMPLOYEE" : "CORPORATE"},
      {"device_type", ios ? "APPLE" : "ANDROID"},
      {"platform_name", PlatformName(is.platform)},
      {"model", is.model},
      {"operating_system", is.os},
      {"last_seen", TimeText(phone.last_seen, true)},
      {"last_enrolled_on", TimeText(phone.enrolled_at, true)},
      {"enrollment_status", StatusV3(phone)},
      {"compliance_status", phone.compromised ? "NOT_COMPLIANT" : "COMPLIANT"},
      {"compromised_status", phone.compromised},
      {"is_supervised", Supervised(phone)},
      {"managed_by", "MDM"},
      {"organization_group_name", "Simulated agency"},
  };
}

Json DeviceV3(const PhoneState& phone) {
  const SimPhone& is = phone.is;
  const bool ios = is.platform == v1::Platform::IOS;
  return {
      {"id", phone.number},
      {"uuid", is.uuid},
      {"udid", is.udid},
      {"serial_number", is.serial},
      {"imei", ""},
      {"friendly_name", is.name},
      {"device_reported_name", is.name},
      {"supervised", Supervised(phone)},
      {"organization_group_name", "Simulated agency"},
      {"platform_info",
       {{"device_type", ios ? "APPLE" : "ANDROID"},
        {"platform_name", PlatformName(is.platform)},
        {"model", is.model},
        {"os_version", is.os}}},
      {"enrollment_info",
       {{"enrollment_status", StatusV3(phone)},
        {"compliance_status", phone.compromised ? "NOT_COMPLIANT" : "COMPLIANT"},
        {"enrollment_timestamp", TimeText(phone.enrolled_at, true)},
        {"last_seen_timestamp", TimeText(phone.last_seen, true)},
        {"enrollment_user_name", is.user},
        {"enrollment_user_uuid", UserUuid(phone)},
        {"enrollment_user_email_address", absl::StrCat(is.user, "@example.test")},
        {"managed_by", "MDM"},
        {"ownership", Personal(is.management) ? "EMPLOYEE" : "CORPORATE"}}},
  };
}

bool AssignedHere(const World& world, const PhoneState& phone, const std::string& bundle_id) {
  const SimManagedApp* app = world.AppFor(phone, bundle_id);
  return app != nullptr && world.Assigned(phone, *app);
}

Json AppItem(const World& world, const PhoneState& phone, const std::string& bundle_id) {
  const AppHistory history = HistoryOf(phone, bundle_id);
  const auto sampled = phone.sample.find(bundle_id);
  const bool installed = sampled != phone.sample.end();
  const SimManagedApp* app = world.AppFor(phone, bundle_id);
  const bool assigned = AssignedHere(world, phone, bundle_id);
  return {
      {"bundle_id", bundle_id},
      {"name", app == nullptr ? bundle_id : app->name},
      {"display_name", app == nullptr ? bundle_id : app->name},
      {"installed_version", installed ? sampled->second.version : ""},
      {"assigned_version", assigned ? app->version : ""},
      {"installed_status", installed ? "Installed" : "NotInstalled"},
      {"assignment_status", assigned ? "Assigned" : "NotAssigned"},
      {"latest_uem_action", history.action},
      {"latest_uem_action_time", TimeText(history.action_at)},
      {"application_uuid", app == nullptr ? "" : app->uuid},
  };
}

Json AppDetails(const World& world, const PhoneState& phone, const std::string& bundle_id) {
  const AppHistory history = HistoryOf(phone, bundle_id);
  const Json item = AppItem(world, phone, bundle_id);
  return {
      {"app_details", {{"identifier", bundle_id}, {"type", Json::array({"Public"})}}},
      {"assignment_info",
       {{"assignment_status", item["assignment_status"]},
        {"assigned_version", item["assigned_version"]},
        {"latest_uem_action", history.action}}},
      {"device_sample_info",
       {{"installed_status", item["installed_status"]},
        {"installed_version", item["installed_version"]},
        {"latest_app_reason", history.reason},
        {"latest_app_reason_time", TimeText(history.reason_at)}}},
      {"compliance_info", {{"compliance_status", "Compliant"}}},
  };
}

}  // namespace muster::uemsim
