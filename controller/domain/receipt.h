// Whether a receipt is about the export that an agent reported. Pure.
#pragma once

#include <string>
#include <utility>

#include "muster/v1/archive.pb.h"

namespace muster {

// Code and detail; both empty: it matches. RECEIPT_WRONG_BAG before RECEIPT_SIZE; times count in
// whole seconds, as bags say them.
std::pair<std::string, std::string> MatchReceipt(const v1::Receipt& receipt,
                                                 const v1::ExportRecord& record);

}  // namespace muster
