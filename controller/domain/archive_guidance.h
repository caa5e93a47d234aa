// How people are told to archive: the texts of policies/guidance/archive.yaml, and what it means to
// have attested them. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/guidance.pb.h"

namespace muster {

// Lowercase hex SHA-256 over all texts, in the order of the platforms' names: for each the name, a
// space, the length of the text in bytes, a newline, and the text. Empty for no texts.
std::string ArchiveTextsSha256(const std::map<std::string, std::string>& texts);

// What a person attests with these texts. `guidance` has a version, and is the one that the
// attestation names. INVALID_ARGUMENT when the hash is neither that of all texts nor that of one
// platform's; an empty hash stands for all texts.
absl::StatusOr<v1::Training> AttestedTraining(const v1::Guidance& guidance,
                                              const v1::GuidanceAttestation& attestation,
                                              absl::string_view recorded_by);

// Whether a grant waits for the person's word that they read how to archive. `attest_since`: when
// the guidance got a version; nullopt: it has none, and nobody has to attest. What was granted
// before then runs on until it is certified anew, so that an edited text takes nothing away.
// Break-glass needs no attestation, as it needs no training.
bool OwesAttestation(const v1::Grant& grant, std::optional<absl::Time> attest_since);

}  // namespace muster
