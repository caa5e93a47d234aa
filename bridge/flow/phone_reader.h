// Reads one phone after another: itself where a proof rests on it, its apps, and why some of them
// are there.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/domain/uem.h"
#include "bridge/flow/fleet_parts.h"

namespace muster::bridge {

// A whole reading. What was sent to the phone before `began` is older than all of it.
struct PhoneReading {
  absl::Time began;
  std::vector<UemApp> apps;
};

// Thread-compatible.
class PhoneReader {
 public:
  struct Events {
    std::function<void(Phone&, const PhoneReading&, absl::Time now)> read;
    std::function<void(const UemPhone&, absl::Time now)> found;  // the UEM's word on the phone
    std::function<void(const std::string& device_id, absl::Time now)> gone;
  };
  PhoneReader(FleetParts* parts, Events events) : parts_(parts), events_(std::move(events)) {}

  // The next call of a phone's reading, which begins with it where none is under way.
  std::optional<UemCall> Read(const std::string& device_id, Urgency urgency, absl::Time now);
  void OnAnswer(const UemCall& call, const UemAnswer& answer, absl::Time now);
  void Forget(const std::string& device_id) { jobs_.erase(device_id); }

 private:
  enum class Step { kPhone, kApps, kReasons };
  struct Job {
    Step step = Step::kApps;
    Urgency urgency = Urgency::kSweep;
    uint32_t page = 0;
    PhoneReading reading;
    std::vector<size_t> unexplained;  // of reading.apps
  };
  void OnFailed(Phone& phone, Job& job, const absl::Status& status, absl::Time now);
  void OnApps(const Phone& phone, Job& job, const UemAnswer& answer);
  void OnReason(Job& job, const UemAnswer& answer);
  bool NeedsReason(const Phone& phone, const v1::PhoneRecord& record, UemApp& app) const;

  FleetParts* parts_;
  Events events_;
  std::map<std::string, Job> jobs_;           // by device id
  std::map<std::string, uint32_t> failures_;  // in a row; by device id
};

}  // namespace muster::bridge
