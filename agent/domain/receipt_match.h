// Whether a verified receipt is for an export of this device. Pure.
#pragma once

#include <string>

#include "muster/v1/agent_control.pb.h"
#include "muster/v1/archive.pb.h"

namespace muster::agent {

// The export that was packed under `bag_id`; null: none was.
const v1::ArchiveState::Export* FindBag(const v1::ArchiveState& state, const std::string& bag_id);
v1::ArchiveState::Export* FindBag(v1::ArchiveState& state, const std::string& bag_id);

// Empty: it fits. RECEIPT_WRONG_BAG: of no export that was packed here, or of another one;
// RECEIPT_SIZE: another size, count, range or content of the bag; RECEIPT_CONFLICT: the export has
// another receipt.
std::string ReceiptFault(const v1::Receipt& receipt, const std::string& receipt_sha256,
                         const v1::ArchiveState::Export* packed, const std::string& device_id);

}  // namespace muster::agent
