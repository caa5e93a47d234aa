#include "controller/domain/native/native_policy.h"

#include <set>

namespace muster::native {

std::vector<std::string> BlockedIds(const NativeInput& in, v1::Platform::Id platform) {
  std::set<std::string> out;
  for (const Ruling& ruling : in.rulings) {
    if (!ruling.blocked()) continue;
    for (const v1::AppIdentity& identity : ruling.identities) {
      if (identity.platform() == platform && !identity.package_id().empty()) {
        out.insert(identity.package_id());
      }
    }
  }
  return {out.begin(), out.end()};
}

std::vector<std::string> BlockedHosts(const NativeInput& in) {
  std::set<std::string> out;
  for (const Ruling& ruling : in.rulings) {
    // An app that is open for its export alone is not used by the web.
    if (ruling.blocked() || ruling.verdict == v1::Verdict::ALLOW_EXPORT_ONLY) {
      out.insert(ruling.web_hosts.begin(), ruling.web_hosts.end());
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace muster::native
