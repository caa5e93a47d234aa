// Overdue exports make a grant export-only, and exports lift that again (DESIGN, sections 3, 9).
// Never a revocation, never a removal: removing the app would destroy records. Pure.
#pragma once

#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/grant.pb.h"

namespace muster {

// ACTIVE, RECERT_DUE -> SUSPENDED(ARCHIVE_OVERDUE) when the grace of one of its obligations is
// over. nullopt: none is, or the grant does not run: what the TRM office, an investigation or the
// directory suspended stays theirs.
std::optional<v1::Grant> SuspendForArchive(const v1::Grant& grant,
                                           const std::vector<v1::Obligation>& obligations,
                                           absl::Time now);

// SUSPENDED(ARCHIVE_OVERDUE) -> ACTIVE once none of its obligations is overdue. nullopt: one is,
// or it is suspended for another reason.
std::optional<v1::Grant> ResumeFromArchive(const v1::Grant& grant,
                                           const std::vector<v1::Obligation>& obligations,
                                           absl::Time now);

// Nothing written before `since` is left to export. False where no chat is known at all.
bool MessagesCovered(const std::vector<v1::Obligation>& obligations, absl::Time since);

}  // namespace muster
