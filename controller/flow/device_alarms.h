// Something about a device that a person has to look at: stored, audited, shown.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "common/utf8_check.h"
#include "controller/flow/services.h"
#include "muster/v1/device.pb.h"

namespace muster {

// At most one per device and code in limits::kAlarmInterval, so that a device in trouble does
// not fill the audit log; the newest limits::kMaxAlarms stay with the device.
absl::Status RaiseAlarm(const Services& services, const std::string& device_id,
                        v1::Alarm::Code code, const std::string& detail);

// The same within the mutation of a flow that writes `device` anyway.
void AddAlarm(const Services& services, v1::Alarm::Code code, const std::string& detail,
              v1::Device& device, Mutation& mutation);

// The same for what has no code of its own: `name` is put in front of the detail.
absl::Status RaiseNamedAlarm(const Services& services, const std::string& device_id,
                             absl::string_view name, const std::string& detail);

// Notices two agents that use one certificate. An agent makes a new instance id at each start,
// so an id that comes back after another one was seen means that both are alive. Thread-safe.
class InstanceWatch {
 public:
  // True when it comes back. Ids of the past are kept per device, the newest four.
  bool Returned(const std::string& device_id, const std::string& instance_id);

 private:
  Mutex mu_;
  std::map<std::string, std::deque<std::string>> seen_ ABSL_GUARDED_BY(mu_);  // newest last
};

}  // namespace muster
