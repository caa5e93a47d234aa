// How far each document has come on each device. Compared by hash, never by count.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/publish.h"
#include "controller/flow/services.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/device_service.pb.h"
#include "muster/v1/report.pb.h"

namespace muster {

// What a device should run at `now`, without chunks: root, emergency deny until its end,
// assignment, cohort policy, as far as they exist.
absl::StatusOr<std::vector<DocumentPtr>> DocumentsFor(const Snapshot& snapshot,
                                                      const v1::Device& device, absl::Time now);

// The agent refused the bytes with this hash. Names and hashes that are not what the device
// should run are ignored: they speak of the past. EQUIVOCATION, and a Beacon whose
// audit log the agent refused, also raise an alarm.
absl::Status RecordNack(const Services& services, const std::string& device_id,
                        const v1::Nack& nack);

// A report signed by the device's key names these hashes: VERIFIED where its probes prove that the
// device enforces (domain/proof.h), else APPLIED with the reason, also where it was VERIFIED
// before. `deliveries` says when they were sent and applied, where the stream that brought the
// report knows. Adds to `mutation`. True: a probe ran, and none did when last heard; somebody has
// to look.
absl::StatusOr<bool> WriteReported(const Services& services, const Snapshot& snapshot,
                                   const v1::Device& device, const v1::PolicyReport& report,
                                   const std::map<std::string, Delivery>& deliveries,
                                   Mutation& mutation);

// The device has said that it blocks nothing now: what was VERIFIED is not any more.
absl::Status WithdrawVerified(const Services& services, const Snapshot& snapshot,
                              const v1::Device& device, Mutation& mutation);

// Each document's state and its times, for `device show` and rollouts. A device that has not been
// heard of for a Beacon's life is STALE where it once verified.
absl::StatusOr<std::vector<v1::DocumentState>> StatesOf(
    const Snapshot& snapshot, const v1::Device& device,
    const std::map<std::string, Delivery>& deliveries, absl::Time now);
absl::StatusOr<v1::DocumentState> StateOf(const Snapshot& snapshot, const v1::Device& device,
                                          const Document& doc,
                                          const std::map<std::string, Delivery>& deliveries,
                                          absl::Time now);

// Whether a device runs an assignment that holds, or does not hold, a grant.
struct GrantOnDevice {
  enum class Word {
    kNotYet,
    kVerified,
    // It runs it, as its signed report says, and blocks nothing: there is nothing to wait for.
    kCannotVerify,
  };
  Word word = Word::kNotYet;
  std::string detail;  // why it is not verified, as far as the device has said
};
// Of the device's current assignment; `present`: it must hold the grant, else it must not.
absl::StatusOr<GrantOnDevice> FindGrantOnDevice(const Snapshot& snapshot,
                                                const std::string& device_id,
                                                const std::string& grant_id, bool present);

}  // namespace muster
