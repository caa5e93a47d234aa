#include "tests/support/uem_simulator/event_text.h"

#include "absl/strings/str_cat.h"
#include "tests/support/uem_simulator/device_json.h"
#include "tests/support/uem_simulator/message.h"

namespace muster::uemsim {

SimEvent MakeEvent(const EventRule& rule, const PhoneState& phone, const std::string& event_type,
                   uint64_t event_id, absl::Time now) {
  // Five to seven digits of a second were seen.
  const int digits = 5 + static_cast<int>(event_id % 3);
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E9S", now, absl::UTCTimeZone());
  const Json body = {
      {"EventId", event_id},
      {"EventType", event_type},
      {"DeviceId", phone.number},
      {"DeviceFriendlyName", phone.is.name},
      {"EnrollmentEmailAddress", absl::StrCat(phone.is.user, "@example.test")},
      {"EnrollmentUserName", phone.is.user},
      {"EventTime", absl::StrCat(time.substr(0, 20 + digits), "Z")},
      {"EnrollmentStatus", phone.enrolled ? "Enrolled" : "Unenrolled"},
      {"CompromisedStatus", phone.compromised ? "Compromised" : ""},
      {"CompromisedTimeStamp", TimeText(now)},
      {"ComplianceStatus", "Compliant"},
      {"PhoneNumber", ""},
      {"Udid", phone.is.udid},
      {"SerialNumber", phone.is.serial},
      {"MACAddress", ""},
      {"DeviceIMEI", ""},
      {"EnrollmentUserId", 0},
      {"AssetNumber", phone.is.udid},
      {"Platform", PlatformName(phone.is.platform)},
      {"OperatingSystem", phone.is.os},
      {"Ownership", OwnershipLetter(phone.is.management)},
      {"SIMMCC", ""},
      {"CurrentMCC", ""},
      {"OrganizationGroupName", "Simulated agency"},
      {"DeviceUUID", phone.is.uuid},
      {"EnrollmentUserUUID", MakeUuid(0, phone.is.user, 0)},
  };
  const bool json = rule.format == "Json";
  return {.url = rule.url,
          .username = rule.username,
          .password = rule.password,
          .content_type = json ? "application/json" : "application/xml",
          .body = json ? body.dump() : ToXml(body)};
}

}  // namespace muster::uemsim
