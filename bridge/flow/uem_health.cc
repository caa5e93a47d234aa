#include "bridge/flow/uem_health.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bridge/flow/fleet_parts.h"
#include "common/bridge_limits.h"

namespace muster::bridge {
namespace {

constexpr absl::Duration kFirstProbe = absl::Seconds(30);

absl::Duration Growing(absl::Duration first, uint32_t times, absl::Duration most) {
  return std::min(first * (int64_t{1} << std::min<uint32_t>(times, 20)), most);
}

}  // namespace

void UemHealth::Answered(const UemAnswer& answer, absl::Time now) {
  const absl::Status& status = answer.status;
  if (absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status)) {
    not_before_ = now + Growing(kFirstProbe, denials_, limits::kMaxUemBackoff);
    ++denials_;
    problem_ = Words(absl::StrCat(
        "the UEM refuses the bridge's account (", Words(status),
        "): check its client id and secret, the tenant code and the account's role in the UEM; ",
        "until then nothing is changed there"));
    return;
  }
  if (absl::IsUnavailable(status)) {
    ++failures_;
    problem_ = Words(absl::StrCat("the UEM does not answer: ", Words(status)));
    if (failures_ >= kFewFailures) {
      not_before_ = now + Growing(absl::Seconds(1), failures_ - kFewFailures, limits::kUemCallTime);
    }
    return;
  }
  // It speaks, whatever it says of this call.
  failures_ = 0;
  if (absl::IsResourceExhausted(status)) return;
  denials_ = 0;
  not_before_ = absl::InfinitePast();
  problem_.clear();
}

}  // namespace muster::bridge
