// What one phone's signed documents say of each app: the same decision as on a laptop, for its
// owner. Pure; immutable.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/domain/policy_index.h"
#include "muster/v1/app.pb.h"
#include "muster/v1/explain.pb.h"

namespace muster::bridge {

struct AppRuling {
  std::string app_id, name;
  v1::Verdict::Kind verdict = v1::Verdict::REPORT;
  std::string reason;                   // the code, e.g. "NO_GRANT"
  std::string words;                    // for people
  std::string transaction_id;           // of the request whose grant allows it; empty: none
  std::vector<std::string> bundle_ids;  // on this platform, exact
  std::vector<std::string> web_hosts;
  bool granted = false;  // an entitlement allows it
  // Messages of its person on it are not proven to be saved: removing it could destroy records.
  bool holds_records = false;
};

struct PhonePolicy {
  v1::Platform::Id platform = v1::Platform::UNSPECIFIED;
  std::vector<AppRuling> apps;              // by app id
  std::map<std::string, size_t> by_bundle;  // exact bundle id -> index in `apps`
  std::string how_to_ask;
  bool stale = false;                               // its documents have ended
  absl::Time next_change = absl::InfiniteFuture();  // ask again then
  std::string cohort_sha256;                        // of the policy that it was made from
  uint64_t cohort_version = 0;

  const AppRuling* FindByBundle(absl::string_view bundle_id) const;
};
using PhonePolicyPtr = std::shared_ptr<const PhonePolicy>;

// `index` was built with the phone's owner as account 1. `platform` says which identities count.
PhonePolicy MakePhonePolicy(const agent::PolicyIndex& index, v1::Platform::Id platform,
                            absl::Time now);
inline constexpr uint32_t kOwnerUid = 1;

}  // namespace muster::bridge
