// How a helper answers muster-agent: one v1::DeviceInventory on standard output, whose
// updated_at, written last, says that it is whole. Errors are words on standard error.
#pragma once

#include <string>

#include "muster/v1/device.pb.h"

namespace muster::agent {

// Adds an item with clean texts; false when there are too many.
bool AddAnswer(v1::Origin::Kind origin, const std::string& package_id, const std::string& version,
               const std::string& name, const std::string& signer, v1::DeviceInventory& out);

// Writes the answer; the exit code.
int WriteAnswer(v1::DeviceInventory answer);

}  // namespace muster::agent
