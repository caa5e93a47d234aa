#include "common/app_identity.h"

#include <algorithm>

namespace muster {
namespace {

bool StatesPackage(const v1::AppIdentity& identity) {
  return identity.origin() != v1::Origin::UNSPECIFIED && !identity.package_id().empty();
}

bool ProvesPackage(const ProvenFacts& facts) {
  return facts.origin != v1::Origin::UNSPECIFIED && !facts.package_id.empty();
}

}  // namespace

absl::string_view MatchName(Match m) {
  switch (m) {
    case Match::kNone:
      return "none";
    case Match::kPath:
      return "path";
    case Match::kPackage:
      return "package";
    case Match::kSigner:
      return "signer";
    case Match::kHash:
      return "hash";
  }
  return "none";
}

Match MatchIdentity(const v1::AppIdentity& identity, const ProvenFacts& facts) {
  if (identity.platform() != facts.platform) return Match::kNone;
  if (!identity.file_hash().empty() && !facts.file_hash.empty()) {
    return identity.file_hash() == facts.file_hash ? Match::kHash : Match::kNone;
  }
  if (!identity.signer().empty() && !facts.signer.empty()) {
    return identity.signer() == facts.signer ? Match::kSigner : Match::kNone;
  }
  if (StatesPackage(identity) && ProvesPackage(facts)) {
    const bool same =
        identity.origin() == facts.origin && identity.package_id() == facts.package_id;
    return same ? Match::kPackage : Match::kNone;
  }
  if (!facts.path.empty() && std::find(identity.paths().begin(), identity.paths().end(),
                                       facts.path) != identity.paths().end()) {
    return Match::kPath;
  }
  return Match::kNone;
}

std::optional<AppMatch> MatchApps(const std::vector<const v1::App*>& apps,
                                  const ProvenFacts& facts) {
  AppMatch best;
  for (const v1::App* app : apps) {
    for (int i = 0; i < app->identities_size(); ++i) {
      const Match m = MatchIdentity(app->identities(i), facts);
      if (m > best.match) best = {app->id(), m, i};
    }
  }
  if (best.match == Match::kNone) return std::nullopt;
  return best;
}

}  // namespace muster
