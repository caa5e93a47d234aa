#include "controller/flow/gone.h"

#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/retirement.h"

namespace muster {
namespace {

v1::Incident Gone(v1::Incident::Cause cause, absl::Time at) {
  v1::Incident out;
  out.set_cause(cause);
  *out.mutable_happened_at() = ToProto(at);
  return out;
}

}  // namespace

absl::Status WriteDeviceGone(const Services& services, const Snapshot& snapshot,
                             const v1::Device& device, const std::string& reason,
                             Mutation& mutation) {
  Put(mutation, DeviceGoneKey(device.device_id()),
      Gone(CauseOfRetirement(reason), services.clock.Now()));
  return MarkPersonsOf(snapshot, device, mutation);
}

absl::Status WriteAppGone(const Services& services, const Snapshot& snapshot,
                          const v1::Device& device, const std::string& app, Mutation& mutation) {
  Put(mutation, AppGoneKey(app, device.device_id()),
      Gone(v1::Incident::UNINSTALLED, services.clock.Now()));
  return MarkPersonsOf(snapshot, device, mutation);
}

absl::Status WriteAppThere(const Services& services, const Snapshot& snapshot,
                           const v1::Device& device, const std::string& app, Mutation& mutation) {
  const std::string key = AppGoneKey(app, device.device_id());
  MUSTER_ASSIGN_OR_RETURN(auto gone, Find<v1::Incident>(snapshot, key));
  if (gone && !gone->value.has_covered_at()) {
    *gone->value.mutable_covered_at() = ToProto(services.clock.Now());
    mutation.expects.push_back({key, gone->revision});
    Put(mutation, key, gone->value);
  }
  return MarkPersonsOf(snapshot, device, mutation);
}

absl::Status MarkHeardAgain(const Services& services, const Snapshot& snapshot,
                            const v1::Device& before, Mutation& mutation) {
  const absl::Duration silence = services.clock.Now() - FromProto(before.last_seen_at());
  if (!before.has_last_seen_at() || silence < limits::kMinSilentAfter) return absl::OkStatus();
  return MarkPersonsOf(snapshot, before, mutation);
}

}  // namespace muster
