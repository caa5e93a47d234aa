// What an answer that is no success means, and what its headers say of the UEM's limits. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bridge/adapters/ws1/http_transport.h"
#include "bridge/domain/uem.h"

namespace muster::bridge {

// Codes of the UEM's own, beside those that repeat the HTTP status.
inline constexpr int64_t kWs1WrongKindOfGroup = 6;  // a patch that does not fit a smart group
inline constexpr int64_t kWs1CannotRemove = 11;     // of a purchased app
inline constexpr int64_t kWs1NoSuchGroup = 17;
inline constexpr int64_t kWs1NotAssigned = 20;   // a purchased app, to this device
inline constexpr int64_t kWs1AppAbsent = 5'005;  // neither assigned nor installed
inline constexpr int64_t kWs1NoSuchDevice = 5'061;
inline constexpr int64_t kWs1NoAccess = 5'143;
inline constexpr int64_t kWs1NoPermission = 6'078;
inline constexpr int64_t kWs1DirectoryFailed = 6'307;
inline constexpr int64_t kWs1SyncRuns = 200'032;

// The status of UemAnswer for an answer outside 200 to 299, and whether the call may have done
// something all the same. Ok where the UEM refuses because things are already as asked.
struct Ws1Outcome {
  absl::Status status;
  bool effect_unknown = false;
};
Ws1Outcome ReadWs1Error(const UemCall& call, const HttpResponse& response);

// True when the UEM says that the phone neither has the app nor is to have it.
bool SaysAppAbsent(const HttpResponse& response);

// The value of a header, whatever the case of its name; empty: there is none.
absl::string_view HeaderOf(const HttpResponse& response, absl::string_view name);
// X-RateLimit-* and Retry-After (seconds or an HTTP date). A moment that lies more than
// limits::kMaxUemPause ahead is not believed.
RateLimit ReadRateLimit(const HttpResponse& response, absl::Time now);
// Date, when the UEM answered by its own clock; as far ahead is not believed. nullopt: none.
std::optional<absl::Time> ReadUemTime(const HttpResponse& response, absl::Time now);

}  // namespace muster::bridge
