#include "controller/domain/archive_guidance.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/time_proto.h"

namespace muster {

std::string ArchiveTextsSha256(const std::map<std::string, std::string>& texts) {
  if (texts.empty()) return "";
  std::string all;
  for (const auto& [platform, text] : texts) {
    absl::StrAppend(&all, platform, " ", text.size(), "\n", text);
  }
  return Sha256Hex(all);
}

absl::StatusOr<v1::Training> AttestedTraining(const v1::Guidance& guidance,
                                              const v1::GuidanceAttestation& attestation,
                                              absl::string_view recorded_by) {
  const std::string& shown = attestation.sha256();
  const bool known = shown.empty() || shown == guidance.archive_sha256() ||
                     std::any_of(guidance.archive().begin(), guidance.archive().end(),
                                 [&](const auto& text) { return shown == Sha256Hex(text.second); });
  if (!known) {
    return absl::InvalidArgumentError(
        absl::StrCat("archive guidance ", guidance.archive_version(),
                     " is on file with another text than the one that was shown"));
  }
  v1::Training out;
  out.set_version(guidance.archive_version());
  *out.mutable_at() = attestation.at();
  out.set_text_sha256(shown.empty() ? guidance.archive_sha256() : shown);
  out.set_recorded_by_upn(std::string(recorded_by));
  return out;
}

bool OwesAttestation(const v1::Grant& grant, std::optional<absl::Time> attest_since) {
  if (!attest_since || grant.state() == v1::Grant::BREAK_GLASS) return false;
  if (!grant.archive_attestation().version().empty()) return false;
  return std::max(FromProto(grant.granted_at()), FromProto(grant.certified_at())) >= *attest_since;
}

}  // namespace muster
