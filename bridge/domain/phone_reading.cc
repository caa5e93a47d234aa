#include "bridge/domain/phone_reading.h"

#include <algorithm>
#include <iterator>

#include "common/bridge_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

// Workspace ONE's words (its API's enumerations).
constexpr absl::string_view kByPerson[] = {"UserInstalledApp", "UserRejected",
                                           "ManagementRejected"};
constexpr absl::string_view kFailed[] = {"InstallCommandFailed",
                                         "RemoveApplicationFailed",
                                         "VppLicenseNotAvailable",
                                         "RequestRejected",
                                         "RequestError",
                                         "RequestExpired",
                                         "ProvisioningCommandDeleted"};
constexpr absl::string_view kUnderWay[] = {"PendingRelease", "InstallCommandReadyForDevice",
                                           "InstallCommandDispatched", "PendingApproval",
                                           "UserDeferredInstall"};
constexpr absl::string_view kRefused[] = {"UserRejected", "ManagementRejected",
                                          "ManagedButUninstalled"};

template <size_t n>
bool IsOneOf(absl::string_view word, const absl::string_view (&words)[n]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool IsManaged(const v1::SampledApp& app, v1::PhoneApp::Presence was) {
  if (IsOneOf(app.reason(), kByPerson)) return false;
  if (!app.reason().empty() && app.reason() != "Unknown") return true;
  return app.assigned() || was == v1::PhoneApp::MANAGED ||
         app.latest_action() == "InstallCommandDispatched";
}

}  // namespace

absl::Time TimeOr(bool has, const google::protobuf::Timestamp& t, absl::Time otherwise) {
  return has ? FromProto(t) : otherwise;
}

bool EnrolledAfter(const v1::PhoneFacts& facts, absl::Time at) {
  return facts.has_enrolled_at() && FromProto(facts.enrolled_at()) > at;
}

Reading ReadingOf(const v1::PhoneRecord& record, absl::Time now) {
  const v1::PhoneFacts& facts = record.facts();
  if (!facts.has_apps_read_at()) {
    return record.inventory_sha256() == kUnsampled ? Reading::kNotSampled : Reading::kNeverRead;
  }
  const absl::Time read = FromProto(facts.apps_read_at());
  if (EnrolledAfter(facts, read)) return Reading::kBeforeEnrolment;
  if (!facts.has_last_seen_at()) return Reading::kNeverSeen;
  // A time that is far ahead says as little as one that is long ago.
  if (absl::AbsDuration(now - FromProto(facts.last_seen_at())) > limits::kPhoneSeenLife) {
    return Reading::kNotSeen;
  }
  if (absl::AbsDuration(now - read) > limits::kPhoneFactsLife) return Reading::kOldRead;
  return Reading::kFresh;
}

absl::string_view WordsOf(Reading reading) {
  switch (reading) {
    case Reading::kFresh:
      return "";
    case Reading::kNeverRead:
      return "The phone's apps have not been read from the UEM yet; they are with the next sweep.";
    case Reading::kNotSampled:
      return "The UEM lists no app of this phone, and is not shown yet to have asked it: it was "
             "told to ask, and the list counts when the phone was seen since.";
    case Reading::kOldRead:
      return "The phone's apps could not be read from the UEM for two days; see the bridge's "
             "status for what keeps it.";
    case Reading::kNeverSeen:
      return "The UEM has never seen this phone; the person has to switch it on and connect it.";
    case Reading::kNotSeen:
      return "The UEM has not seen this phone for a week; the person has to switch it on and "
             "connect it.";
    case Reading::kBeforeEnrolment:
      return "The phone enrolled anew, and its apps have not been read since; they are with the "
             "next sweep.";
  }
  return "";
}

bool IsOfThisPhone(Reading reading) {
  switch (reading) {
    case Reading::kFresh:
    case Reading::kOldRead:
    case Reading::kNotSeen:
      return true;
    case Reading::kNeverRead:
    case Reading::kNotSampled:
    case Reading::kNeverSeen:
    case Reading::kBeforeEnrolment:
      return false;
  }
  return false;
}

bool NewerThan(const v1::PhoneFacts& facts, absl::Time at) {
  if (!facts.has_last_seen_at() || !facts.has_apps_read_at()) return false;
  const absl::Time seen = FromProto(facts.last_seen_at());
  return seen > at && FromProto(facts.apps_read_at()) >= seen;
}

AppReading ReadApp(const v1::PhoneRecord& record, const AppRuling& ruling,
                   v1::PhoneApp::Presence was, absl::string_view preferred) {
  AppReading out;
  const auto take = [&](const v1::SampledApp& app, const v1::SampledApp*& copy) {
    if (copy == nullptr || app.bundle_id() == preferred) copy = &app;
  };
  for (const v1::SampledApp& app : record.apps()) {
    if (!std::binary_search(ruling.bundle_ids.begin(), ruling.bundle_ids.end(), app.bundle_id())) {
      continue;
    }
    if (!app.installed()) {
      take(app, out.known);
      continue;
    }
    take(app, IsManaged(app, was) ? out.managed : out.by_person);
  }
  if (out.there()) out.known = out.managed != nullptr ? out.managed : out.by_person;
  return out;
}

bool HasFailed(const v1::SampledApp& app) {
  return IsOneOf(app.latest_action(), kFailed) || app.reason() == "RemoveApplicationFailed";
}

bool IsUnderWay(const v1::SampledApp& app) { return IsOneOf(app.latest_action(), kUnderWay); }

bool RefusedByPerson(const v1::SampledApp& app) { return IsOneOf(app.reason(), kRefused); }

}  // namespace muster::bridge
