#include "controller/flow/device_alarms.h"

#include <algorithm>

#include "common/time_proto.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

constexpr size_t kInstancesKept = 4;

// `name`: of an alarm without a code; in front of its detail. False: there was one just now.
bool Add(const Services& services, v1::Alarm::Code code, const std::string& name,
         const std::string& detail, v1::Device& device, Mutation& mutation) {
  const std::string text =
      code == v1::Alarm::UNSPECIFIED ? absl::StrCat(name, ": ", detail) : detail;
  const absl::Time now = services.clock.Now();
  auto* alarms = device.mutable_alarms();
  const bool recent = std::any_of(alarms->begin(), alarms->end(), [&](const v1::Alarm& a) {
    return a.code() == code && (code != v1::Alarm::UNSPECIFIED || a.detail() == text) &&
           now - FromProto(a.at()) < limits::kAlarmInterval;
  });
  if (recent) return false;
  v1::Alarm* alarm = alarms->Add();
  alarm->set_code(code);
  *alarm->mutable_at() = ToProto(now);
  alarm->set_detail(text);
  if (static_cast<size_t>(alarms->size()) > limits::kMaxAlarms) alarms->DeleteSubrange(0, 1);
  mutation.audit.push_back(MakeAuditEntry(services, MusterItself(),
                                          {.verb = "device.alarm",
                                           .object = absl::StrCat("device/", device.device_id()),
                                           .reason = absl::StrCat(name, ": ", detail),
                                           .reason_code = name}));
  return true;
}

absl::Status Raise(const Services& services, const std::string& device_id, v1::Alarm::Code code,
                   const std::string& name, const std::string& detail) {
  return RetryAborted([&]() -> absl::Status {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    MUSTER_ASSIGN_OR_RETURN(auto device, LoadDevice(*snapshot, device_id));
    Mutation mutation;
    if (!Add(services, code, name, detail, device.value, mutation)) return absl::OkStatus();
    mutation.expects.push_back({DeviceKey(device_id), device.revision});
    Put(mutation, DeviceKey(device_id), device.value);
    return services.store.Commit(std::move(mutation)).status();
  });
}

}  // namespace

absl::Status RaiseAlarm(const Services& services, const std::string& device_id,
                        v1::Alarm::Code code, const std::string& detail) {
  return Raise(services, device_id, code, v1::Alarm::Code_Name(code), detail);
}

void AddAlarm(const Services& services, v1::Alarm::Code code, const std::string& detail,
              v1::Device& device, Mutation& mutation) {
  Add(services, code, v1::Alarm::Code_Name(code), detail, device, mutation);
}

absl::Status RaiseNamedAlarm(const Services& services, const std::string& device_id,
                             absl::string_view name, const std::string& detail) {
  return Raise(services, device_id, v1::Alarm::UNSPECIFIED, std::string(name), detail);
}

bool InstanceWatch::Returned(const std::string& device_id, const std::string& instance_id) {
  MutexLock lock(&mu_);
  std::deque<std::string>& seen = seen_[device_id];
  if (!seen.empty() && seen.back() == instance_id) return false;
  const bool returned = std::find(seen.begin(), seen.end(), instance_id) != seen.end();
  seen.push_back(instance_id);
  if (seen.size() > kInstancesKept) seen.pop_front();
  return returned;
}

}  // namespace muster
