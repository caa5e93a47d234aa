#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bridge/domain/phone_state.h"

namespace muster::bridge {
namespace {

using Facts = v1::PhoneFacts;

// blacklistedAppBundleIDs came with iOS 9.3, removal by a device owner with Android 5.
constexpr uint32_t kIosMajor = 9, kIosMinor = 3, kAndroidMajor = 5;

struct OsVersion {
  uint32_t major = 0, minor = 0;
};

// The first number in what a UEM says, and the one after its point: "iOS 17.4.1", "14".
std::optional<OsVersion> VersionOf(absl::string_view os) {
  const auto take = [&os]() -> std::optional<uint32_t> {
    size_t n = 0;
    while (n < os.size() && os[n] >= '0' && os[n] <= '9') ++n;
    uint32_t value = 0;
    if (!absl::SimpleAtoi(os.substr(0, n), &value)) return std::nullopt;
    os.remove_prefix(n);
    return value;
  };
  while (!os.empty() && (os[0] < '0' || os[0] > '9')) os.remove_prefix(1);
  const std::optional<uint32_t> major = take();
  if (!major) return std::nullopt;
  OsVersion out{*major, 0};
  if (!os.empty() && os[0] == '.') {
    os.remove_prefix(1);
    out.minor = take().value_or(0);
  }
  return out;
}

std::string NotEnrolled(const Facts& facts) {
  switch (static_cast<int>(facts.enrolment())) {  // a stored record may hold any number
    case Facts::ENROLLED:
      return "";
    case Facts::UNENROLLED:
      return "NOT_ENROLLED: the UEM manages this phone no longer; it has to be enrolled again";
    case Facts::GONE:
      return "NOT_ENROLLED: the UEM does not list this phone any more; it has to be enrolled "
             "again, or retired in Muster";
    default:
      return "NOT_ENROLLED: the UEM does not say that it manages this phone";
  }
}

std::string OnIos(const Facts& facts) {
  switch (static_cast<int>(facts.management())) {
    case Facts::SUPERVISED:
      return "";
    case Facts::UNSUPERVISED:
      return "IOS_UNSUPERVISED: on an iPhone that is not supervised no app can be blocked; it "
             "has to be supervised (Apple Business Manager, or erased and prepared anew)";
    case Facts::USER_ENROLLED:
      return "IOS_USER_ENROLLED: this is a person's own iPhone; no UEM can see or block what "
             "they install";
    default:
      return "MANAGEMENT_UNKNOWN: the UEM does not say whether this iPhone is supervised";
  }
}

std::string OnAndroid(const Facts& facts) {
  switch (static_cast<int>(facts.management())) {
    case Facts::DEVICE_OWNER:
      return "";
    case Facts::COMPANY_WORK_PROFILE:
      return "ANDROID_COMPANY_WORK_PROFILE: apps on the personal side of this phone can be "
             "blocked, but no UEM can list them, so nothing shows that they are";
    case Facts::PERSONAL_WORK_PROFILE:
      return "ANDROID_WORK_PROFILE: this is a person's own phone; no UEM can see or block what "
             "is outside its work profile";
    default:
      return "MANAGEMENT_UNKNOWN: the UEM does not say how this Android phone is managed";
  }
}

std::string TooOld(v1::Platform::Id platform, const Facts& facts) {
  const std::optional<OsVersion> os = VersionOf(facts.os());
  if (!os) return "";
  if (platform == v1::Platform::IOS &&
      (os->major < kIosMajor || (os->major == kIosMajor && os->minor < kIosMinor))) {
    return "OS_TOO_OLD: apps can be blocked from iOS 9.3; this iPhone has to be updated";
  }
  if (platform == v1::Platform::ANDROID && os->major < kAndroidMajor) {
    return "OS_TOO_OLD: apps can be removed from Android 5; this phone has to be updated";
  }
  return "";
}

std::string ByManagement(v1::Platform::Id platform, const Facts& facts) {
  if (platform == v1::Platform::IOS) return OnIos(facts);
  if (platform == v1::Platform::ANDROID) return OnAndroid(facts);
  return "PLATFORM: this is neither an iPhone nor an Android phone";
}

}  // namespace

std::string CannotEnforce(v1::Platform::Id platform, const Facts& facts) {
  std::string out = NotEnrolled(facts);
  if (out.empty()) out = ByManagement(platform, facts);
  if (out.empty()) out = TooOld(platform, facts);
  if (out.empty() && facts.compromised()) {
    return "COMPROMISED: the UEM says that this phone is jailbroken or rooted; what it reports "
           "proves nothing";
  }
  return out;
}

bool CanHide(v1::Platform::Id platform, const Facts& facts) {
  return platform == v1::Platform::IOS && NotEnrolled(facts).empty() && OnIos(facts).empty() &&
         TooOld(platform, facts).empty();
}

}  // namespace muster::bridge
