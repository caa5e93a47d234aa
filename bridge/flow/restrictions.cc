#include "bridge/flow/restrictions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/status_macros.h"
#include "controller/domain/native/native_policy.h"

namespace muster::bridge {
namespace {

bool Holds(const std::vector<std::string>& sorted, const std::string& value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

native::Ruling HiddenPart(const AppRuling& ruling, const PhoneView& view) {
  native::Ruling out;
  out.app_id = ruling.app_id;
  out.name = ruling.name;
  out.verdict = v1::Verdict::BLOCK;
  out.reason = ruling.reason;
  for (const std::string& id : ruling.bundle_ids) {
    if (!Holds(view.hidden_bundle_ids, id)) continue;
    v1::AppIdentity identity;
    identity.set_platform(v1::Platform::IOS);
    identity.set_package_id(id);
    out.identities.push_back(std::move(identity));
  }
  for (const std::string& host : ruling.web_hosts) {
    if (Holds(view.hidden_hosts, host)) out.web_hosts.push_back(host);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> MakeProfile(const FleetOptions& options, const std::string& person,
                                        const PhonePolicy& policy, const PhoneView& view,
                                        absl::Time now) {
  native::NativeInput in;
  in.tenant = options.tenant;
  in.version = policy.cohort_version;
  in.sha256 = policy.cohort_sha256;
  in.generated_at = now;
  in.person = person;
  in.how_to_ask = policy.how_to_ask;
  for (const AppRuling& ruling : policy.apps) {
    native::Ruling hidden = HiddenPart(ruling, view);
    if (hidden.identities.empty() && hidden.web_hosts.empty()) continue;
    in.rulings.push_back(std::move(hidden));
  }
  native::NativeFile file = native::AppleOpenProfile(in);
  if (!in.rulings.empty()) {
    MUSTER_ASSIGN_OR_RETURN(file, native::AppleProfile(in));
  }
  if (!options.sign_profile) return file.bytes;
  return options.sign_profile(file.bytes, now);
}

}  // namespace muster::bridge
