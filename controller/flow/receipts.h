// The record repository's signed receipts: each is verified, held against what the agent reported,
// and kept; then it goes to its device, until that says that it holds it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/archive.pb.h"

namespace muster {

// What became of one receipt. A code of `muster-agent verify`, or:
//   RECEIPT_UNKNOWN_EXPORT  no agent has reported this bag (yet): send it again later
//   RECEIPT_WRONG_BAG       the bag, as its agent reported it, holds another export
//   RECEIPT_SIZE            size, count, range or the bag's own hashes differ from the report
//   RECEIPT_REPLAYED        this very receipt is held already; nothing changes
//   RECEIPT_CONFLICT        another receipt for the bag is held; that one stands
struct ReceiptVerdict {
  std::string bag_id;  // as the receipt says
  std::string code;    // empty: accepted
  std::string detail;
  std::string device_id;  // of an accepted one
};

// Each is judged, and committed, for itself. INVALID_ARGUMENT: none, or more than
// limits::kMaxReceiptsPerCall.
absl::StatusOr<std::vector<ReceiptVerdict>> SubmitReceipts(
    const Services& services, const Actor& actor, const std::vector<v1::SignedDoc>& receipts,
    bool dry_run);

// The ControllerMessage with what the device does not hold yet, at most
// limits::kMaxReceiptsPending of them, serialised; nullptr: it holds all.
absl::StatusOr<std::shared_ptr<const std::string>> PendingReceipts(const Snapshot& snapshot,
                                                                   const std::string& device_id);

}  // namespace muster
