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

// True: something was gone until now.
absl::StatusOr<bool> Cover(const Services& services, const Snapshot& snapshot,
                           const std::string& key, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(auto gone, Find<v1::Incident>(snapshot, key));
  if (!gone || gone->value.has_covered_at()) return false;
  *gone->value.mutable_covered_at() = ToProto(services.clock.Now());
  mutation.expects.push_back({key, gone->revision});
  Put(mutation, key, gone->value);
  return true;
}

}  // namespace

absl::Status WritePhoneGone(const Services& services, const Snapshot& snapshot,
                            const v1::Device& phone, Mutation& mutation) {
  return WriteDeviceGone(services, snapshot, phone, "wiped: its UEM manages it no longer",
                         mutation);
}

absl::Status WritePhoneThere(const Services& services, const Snapshot& snapshot,
                             const v1::Device& phone, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const bool was_gone,
                          Cover(services, snapshot, DeviceGoneKey(phone.device_id()), mutation));
  return was_gone ? MarkPersonsOf(snapshot, phone, mutation) : absl::OkStatus();
}

absl::Status WriteDeviceGone(const Services& services, const Snapshot& snapshot,
                             const v1::Device& device, const std::string& reason,
                             Mutation& mutation) {
  // A phone may have been gone before: what it held ended then.
  MUSTER_ASSIGN_OR_RETURN(const auto before,
                          Find<v1::Incident>(snapshot, DeviceGoneKey(device.device_id())));
  if (!before || before->value.has_covered_at()) {
    Put(mutation, DeviceGoneKey(device.device_id()),
        Gone(CauseOfRetirement(reason), services.clock.Now()));
  }
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
  MUSTER_RETURN_IF_ERROR(
      Cover(services, snapshot, AppGoneKey(app, device.device_id()), mutation).status());
  return MarkPersonsOf(snapshot, device, mutation);
}

absl::Status MarkHeardAgain(const Services& services, const Snapshot& snapshot,
                            const v1::Device& before, Mutation& mutation) {
  const absl::Duration silence = services.clock.Now() - FromProto(before.last_seen_at());
  if (!before.has_last_seen_at() || silence < limits::kMinSilentAfter) return absl::OkStatus();
  return MarkPersonsOf(snapshot, before, mutation);
}

}  // namespace muster
