// What a device reports of exports becomes stored evidence.
#pragma once

#include "absl/status/status.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/device.pb.h"

namespace muster {

// Adds to the report's mutation: exports, statements, windows, attestations, receipts held or
// refused, each with its audit entry. A device speaks only for its owner and its local accounts;
// what names another person is left out, and audited. INVALID_ARGUMENT: over a cap.
absl::Status WriteArchiveReport(const Services& services, const Snapshot& snapshot,
                                const Actor& actor, const v1::Device& device,
                                const v1::ArchiveReport& report, Mutation& mutation);

}  // namespace muster
