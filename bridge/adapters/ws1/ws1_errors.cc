#include "bridge/adapters/ws1/ws1_errors.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bridge/adapters/ws1/ws1_json.h"
#include "common/bridge_limits.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;

struct ErrorBody {
  int64_t code = 0;
  std::string message, activity;
};

ErrorBody ReadErrorBody(const HttpResponse& response) {
  const auto json = ParseUemJson(response.body);
  if (!json.ok()) return {};
  const Json* message = FindUemField(*json, {"message", "Message"});
  ErrorBody out;
  out.code = static_cast<int64_t>(UemNumber(*json, {"errorCode", "ErrorCode"}).value_or(0));
  out.activity = UemText(*json, {"activityId", "ActivityId"});
  if (message == nullptr) return out;
  out.message = message->is_string() ? CleanUemText(message->get_ref<const std::string&>())
                                     : CleanUemText(message->dump());
  return out;
}

std::string Words(const UemCall& call, int status, const ErrorBody& error) {
  std::string out = absl::StrCat("the UEM answered ", status);
  if (error.code != 0 && error.code != status) absl::StrAppend(&out, ", code ", error.code);
  absl::StrAppend(&out, " to ", CallName(call.kind));
  if (!error.message.empty()) absl::StrAppend(&out, ": ", error.message);
  if (!error.activity.empty()) absl::StrAppend(&out, " (activity ", error.activity, ")");
  return out;
}

bool SaysAlready(const ErrorBody& error) {
  const std::string words = absl::AsciiStrToLower(error.message);
  return absl::StrContains(words, "already") || absl::StrContains(words, "duplicate");
}

bool SaysMissing(const ErrorBody& error) {
  const std::string words = absl::AsciiStrToLower(error.message);
  for (const char* part : {"no such", "not found", "not exist", "invalid"}) {
    if (absl::StrContains(words, part)) return true;
  }
  return false;
}

// Refused because it is so already. Of a list of apps it may be one of them: a reading tells.
bool IsAsAsked(const UemCall& call, int status, const ErrorBody& error) {
  switch (call.kind) {
    case Kind::kAssignApp:
      return status == 400 && !SaysMissing(error) &&
             (error.code == 0 || error.code == 400 || SaysAlready(error));
    case Kind::kAddToAppGroup:
      return status == 400 && SaysAlready(error);
    case Kind::kSyncUserGroup:
    case Kind::kAddMissingUsers:
      return error.code == kWs1SyncRuns;
    case Kind::kListPhones:
    case Kind::kGetPhone:
    case Kind::kListApps:
    case Kind::kGetApp:
    case Kind::kInstallApp:
    case Kind::kRemoveApp:
    case Kind::kInstallProfile:
    case Kind::kQueryPhone:
    case Kind::kFindAppGroup:
    case Kind::kGetAppGroup:
    case Kind::kCreateAppGroup:
    case Kind::kRemoveFromAppGroup:
    case Kind::kFindSmartGroup:
    case Kind::kGetSmartGroup:
    case Kind::kCreateSmartGroup:
    case Kind::kChangeSmartGroup:
    case Kind::kListMembers:
      return false;
  }
  return false;
}

// Whether 403 speaks of one app or group, and not of the account of the bridge.
bool ForbidsOneThing(Kind kind) {
  return kind == Kind::kRemoveApp || kind == Kind::kChangeSmartGroup ||
         kind == Kind::kSyncUserGroup || kind == Kind::kAddMissingUsers || kind == Kind::kAssignApp;
}

absl::Status Forbidden(const UemCall& call, const ErrorBody& error, const std::string& words) {
  const bool account = error.code == kWs1NoAccess || error.code == kWs1NoPermission;
  if (account || !ForbidsOneThing(call.kind)) return absl::PermissionDeniedError(words);
  if (call.kind == Kind::kRemoveApp) {
    return absl::FailedPreconditionError(absl::StrCat("the app cannot be removed: ", words));
  }
  return absl::FailedPreconditionError(words);
}

Ws1Outcome ByCode(const UemCall& call, int status, const ErrorBody& error,
                  const std::string& words) {
  if (error.code == kWs1NoSuchDevice || error.code == kWs1NoSuchGroup) {
    return {absl::NotFoundError(words)};
  }
  // This call has no 404: the number is its only argument.
  if (call.kind == Kind::kGetSmartGroup && status == 400) return {absl::NotFoundError(words)};
  if (error.code == kWs1DirectoryFailed) return {absl::UnavailableError(words)};
  if (error.code == kWs1NotAssigned && call.kind == Kind::kInstallApp) {
    return {absl::FailedPreconditionError(
        absl::StrCat("the app is not assigned to this phone: ", words))};
  }
  if (error.code == kWs1WrongKindOfGroup && call.kind == Kind::kChangeSmartGroup) {
    return {absl::InvalidArgumentError(absl::StrCat(
        "the smart group is of a kind that takes no user groups; make it one by criteria in the "
        "UEM's console, or delete it: ",
        words))};
  }
  return {absl::OkStatus()};
}

Ws1Outcome ByStatus(const UemCall& call, int status, const ErrorBody& error,
                    const std::string& words) {
  const bool writes = !OnlyReads(call.kind);
  switch (status) {
    case 401:
      return {absl::UnauthenticatedError(words)};
    case 403:
      return {Forbidden(call, error, words)};
    case 404:
      return {absl::NotFoundError(words)};
    case 408:
      return {absl::UnavailableError(words), writes};
    case 409:
    case 412:
      return {absl::FailedPreconditionError(words)};
    case 429:
      return {absl::ResourceExhaustedError(words)};
    case 503:  // throttling as well, but a gateway may say it after the call went through
      return {absl::ResourceExhaustedError(words), writes};
    default:
      break;
  }
  if (status >= 400 && status < 500) return {absl::InvalidArgumentError(words)};
  if (status >= 300 && status < 400) {
    return {absl::UnavailableError(
        absl::StrCat(words, ": it sends callers elsewhere; correct the UEM's URL"))};
  }
  return {absl::UnavailableError(words), writes};
}

absl::Time Believed(absl::Time t, absl::Time now) {
  return t <= now + limits::kMaxUemPause ? t : absl::InfinitePast();
}

std::optional<absl::Time> HttpDate(absl::string_view text) {
  absl::Time at;
  std::string error;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", std::string(text), absl::UTCTimeZone(), &at,
                       &error)) {
    return std::nullopt;
  }
  return at;
}

std::optional<absl::Time> RetryAt(absl::string_view text, absl::Time now) {
  text = absl::StripAsciiWhitespace(text);
  uint64_t seconds = 0;
  if (absl::SimpleAtoi(text, &seconds)) {
    const absl::Duration most = limits::kMaxUemPause;
    const auto cap = static_cast<uint64_t>(absl::ToInt64Seconds(most));
    return now + (seconds > cap ? most : absl::Seconds(static_cast<int64_t>(seconds)));
  }
  const std::optional<absl::Time> at = HttpDate(text);
  if (!at) return std::nullopt;
  return std::min(*at, now + limits::kMaxUemPause);
}

}  // namespace

Ws1Outcome ReadWs1Error(const UemCall& call, const HttpResponse& response) {
  const ErrorBody error = ReadErrorBody(response);
  if (IsAsAsked(call, response.status, error)) return {absl::OkStatus()};
  const std::string words = Words(call, response.status, error);
  Ws1Outcome special = ByCode(call, response.status, error, words);
  if (!special.status.ok()) return special;
  return ByStatus(call, response.status, error, words);
}

bool SaysAppAbsent(const HttpResponse& response) {
  return response.status == 404 && ReadErrorBody(response).code == kWs1AppAbsent;
}

absl::string_view HeaderOf(const HttpResponse& response, absl::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (absl::EqualsIgnoreCase(key, name)) return value;
  }
  return "";
}

RateLimit ReadRateLimit(const HttpResponse& response, absl::Time now) {
  const auto number = [&](absl::string_view name) -> std::optional<uint64_t> {
    uint64_t out = 0;
    if (!absl::SimpleAtoi(HeaderOf(response, name), &out)) return std::nullopt;
    return out;
  };
  RateLimit limit;
  limit.limit = number("X-RateLimit-Limit");
  limit.remaining = number("X-RateLimit-Remaining");
  if (const auto reset = number("X-RateLimit-Reset"); reset.has_value() && *reset < (1ULL << 40)) {
    const absl::Time at = absl::FromUnixSeconds(static_cast<int64_t>(*reset));
    if (Believed(at, now) == at) limit.reset_at = at;
  }
  limit.retry_at = RetryAt(HeaderOf(response, "Retry-After"), now);
  return limit;
}

std::optional<absl::Time> ReadUemTime(const HttpResponse& response, absl::Time now) {
  const std::optional<absl::Time> at = HttpDate(HeaderOf(response, "Date"));
  return at && Believed(*at, now) == *at ? at : std::nullopt;
}

}  // namespace muster::bridge
