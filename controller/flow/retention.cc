#include "controller/flow/retention.h"

#include "common/archive_limits.h"
#include "common/time_proto.h"

namespace muster {

absl::StatusOr<v1::RetentionPolicy> LoadRetention(const Snapshot& snapshot) {
  v1::RetentionPolicy policy;
  MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::RetentionPolicy>(snapshot, kRetentionKey));
  if (stored) policy = stored->value;
  if (policy.time_zone().empty()) policy.set_time_zone("UTC");
  if (!policy.has_overdue_grace()) {
    *policy.mutable_overdue_grace() = ToProto(limits::kDefaultOverdueGrace);
  }
  if (!policy.has_silent_after()) {
    *policy.mutable_silent_after() = ToProto(limits::kDefaultSilentAfter);
  }
  if (!policy.has_update_every()) {
    *policy.mutable_update_every() = ToProto(limits::kDefaultUpdateEvery);
  }
  return policy;
}

absl::StatusOr<absl::TimeZone> AgencyZone(const v1::RetentionPolicy& policy) {
  absl::TimeZone zone = absl::UTCTimeZone();
  if (!policy.time_zone().empty() && !absl::LoadTimeZone(policy.time_zone(), &zone)) {
    return absl::InternalError(absl::StrCat("this machine does not know the time zone '",
                                            policy.time_zone(), "' of retention.yaml"));
  }
  return zone;
}

absl::StatusOr<ClockSettings> ClockSettingsOf(const v1::RetentionPolicy& policy) {
  MUSTER_ASSIGN_OR_RETURN(const absl::TimeZone zone, AgencyZone(policy));
  return ClockSettings{.zone = zone,
                       .overdue_grace = FromProto(policy.overdue_grace()),
                       .silent_after = FromProto(policy.silent_after())};
}

}  // namespace muster
