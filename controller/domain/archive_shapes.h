// What a device's word on exports must look like. Nothing in it can hold a person's words: hashes,
// numbers, times, and names from fixed lists. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"

namespace muster {

// 64 lowercase hex digits.
bool IsSha256Hex(absl::string_view text);
// A name of the zone database of this machine, and nothing that could be a path elsewhere.
bool IsTimeZone(const std::string& name);
// Letters, digits, '.', '_' and '-', at most 128, no dot in front: ids that agents and the records
// staff's tool make, and that become names of folders.
bool IsPlainId(absl::string_view text);

// Why it is not taken, in words that repeat nothing of it; empty: it is. `now` bounds what can have
// been seen already.
std::string ExportProblem(const v1::ExportSeen& seen, absl::Time now);
// Of the bag's part, which may come later.
std::string BagProblem(const v1::ExportSeen& seen);
std::string StatementProblem(const v1::ArchiveStatement& statement, absl::Time now);
std::string AttestationProblem(const v1::GuidanceAttestation& attestation, absl::Time now);
// A code as agents send them, or "UNKNOWN": A-Z, digits and '_', at most 64.
std::string CodeOrUnknown(absl::string_view code);

}  // namespace muster
