// That an app or a device is gone, kept for whoever still owes exports from it.
#pragma once

#include <string>

#include "controller/flow/obligations.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/device.pb.h"

namespace muster {

// All of these add to the mutation of the change itself, and mark the device's persons.
absl::Status WriteDeviceGone(const Services& services, const Snapshot& snapshot,
                             const v1::Device& device, const std::string& reason,
                             Mutation& mutation);
// A phone that its UEM manages no longer: what the UEM had installed went with that. Once, until it
// is back.
absl::Status WritePhoneGone(const Services& services, const Snapshot& snapshot,
                            const v1::Device& phone, Mutation& mutation);
// It is managed, perhaps again.
absl::Status WritePhoneThere(const Services& services, const Snapshot& snapshot,
                             const v1::Device& phone, Mutation& mutation);
absl::Status WriteAppGone(const Services& services, const Snapshot& snapshot,
                          const v1::Device& device, const std::string& app, Mutation& mutation);
// It is there, perhaps again.
absl::Status WriteAppThere(const Services& services, const Snapshot& snapshot,
                           const v1::Device& device, const std::string& app, Mutation& mutation);

// After a silence a device's obligations are UNKNOWN no longer. Cheap where it was not silent.
absl::Status MarkHeardAgain(const Services& services, const Snapshot& snapshot,
                            const v1::Device& before, Mutation& mutation);

}  // namespace muster
