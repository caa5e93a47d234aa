// Which app a file, package or bundle is, by the strongest proven fact (DESIGN, section 3).
// Pure; value types; thread-compatible.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "muster/v1/app.pb.h"

namespace muster {

// Facts an endpoint can prove about one program. An unproven fact stays empty: never infer it
// from a name. `origin` and `package_id` go together.
struct ProvenFacts {
  v1::Platform::Id platform = v1::Platform::LINUX;
  v1::Origin::Kind origin = v1::Origin::UNSPECIFIED;
  std::string package_id;
  std::string signer;
  std::string file_hash;  // lowercase hex SHA-256
  std::string path;       // absolute, resolved
};

// Ordered: a higher value is a stronger proof.
enum class Match { kNone = 0, kPath = 1, kPackage = 2, kSigner = 3, kHash = 4 };

absl::string_view MatchName(Match m);  // "none", "path", "package", "signer", "hash"

// Among the facts that the identity states and the endpoint proved, the strongest decides: it
// matches with that strength, or the identity does not match at all. Names are compared
// exactly. Package ids carry their origin; another origin is another fact, which proves that
// this identity is not met when both are stated.
Match MatchIdentity(const v1::AppIdentity& identity, const ProvenFacts& facts);

struct AppMatch {
  std::string app_id;
  Match match = Match::kNone;
  int identity = -1;  // index into App.identities
};

// The strongest match over all apps; at equal strength the first in `apps` order. Empty when
// nothing matches.
std::optional<AppMatch> MatchApps(const std::vector<const v1::App*>& apps,
                                  const ProvenFacts& facts);

}  // namespace muster
