// `musterctl records verify`: years later, is what was filed still what was answered for? Asks no
// controller.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/records_receive.h"
#include "common/signed_doc.h"

namespace muster::cli {

// `path`: a repository, or one receipt; with a receipt that lies in a repository its bag is looked
// at too. A row per bag: "OK", RECEIPT_MISSING, a BagError's code, RECEIPT_WRONG_BAG, RECEIPT_SIZE,
// or why the receipt is none. `progress` gets each as soon as it is known. INVALID_ARGUMENT,
// UNAVAILABLE, RESOURCE_EXHAUSTED.
absl::StatusOr<std::vector<RecordsRow>> VerifyRecords(
    const std::string& path, const Trust& trust,
    const std::function<void(const RecordsRow&)>& progress);

}  // namespace muster::cli
