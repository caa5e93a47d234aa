// From a bag to the receipt for it, and back: what a bag says of its export, whether that is so,
// and the records office's signature on it. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "archive/files/bag_files.h"
#include "archive/files/export_file.h"
#include "common/crypto.h"
#include "common/signed_doc.h"
#include "muster/v1/archive.pb.h"

namespace muster::cli {

// What bag-info.txt says of the export, as a receipt without header, place and time of receipt.
// BagError MALFORMED: no bag as agents pack them, or a value that is none; EXPORT: a bag of another
// id or tenant, or not of one file; CHECKSUM: a tag file is not as it was packed.
absl::StatusOr<v1::Receipt> FactsOf(const archive::ValidBag& bag, const std::string& bag_id,
                                    const std::string& tenant);

// BagError EXPORT, naming the first value in which the export in the bag differs from `facts`.
// Which chat it is cannot be told from the export, so it is believed.
absl::Status CheckExport(const archive::ValidBag& bag, const v1::Receipt& facts,
                         const archive::ExportFileSummary& in_bag);

// The dates' order that the bag was read by. Call after FactsOf().
archive::DateOrder OrderOf(const archive::ValidBag& bag);

// Signs `receipt` for the tenant and epoch of `trust`. FAILED_PRECONDITION as whoever gets it would
// say, e.g. ROLE when the key is none of the records office's.
absl::StatusOr<v1::SignedDoc> SignReceipt(v1::Receipt receipt, const PrivateKey& key,
                                          const Trust& trust, absl::Time now);

// A receipt as it was signed, however long ago: the dates are those of its own time.
absl::StatusOr<v1::Receipt> ReadReceipt(const v1::SignedDoc& doc, const std::string& bag_id,
                                        const Trust& trust);

// Whether the bag at hand is the one of the receipt: RECEIPT_WRONG_BAG, RECEIPT_SIZE, each
// FAILED_PRECONDITION with its name in front.
absl::Status CheckReceipt(const v1::Receipt& receipt, const v1::Receipt& facts);

}  // namespace muster::cli
