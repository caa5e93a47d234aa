// What one phone's signed documents say of each app: the same decision as on a laptop, for its
// owner. Pure; immutable.
#pragma once

#include <cstdint>
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
  std::string reason;          // the code, e.g. "NO_GRANT"
  std::string words;           // for people
  std::string transaction_id;  // of the request whose grant allows it; empty: none
  // On this platform, exact, sorted. What a UEM tells of an app is its id alone: an identity that
  // states a signer too is recognised by its id, as on a laptop that cannot prove the signer.
  std::vector<std::string> bundle_ids;
  bool by_signer_only = false;  // the catalogue knows it here by its signing certificate alone
  std::vector<std::string> web_hosts;
  bool granted = false;  // an entitlement allows it
  // Messages on it are not proven to be saved: removing it could destroy records. Also where that
  // is not known: no assignment came yet, its list of obligations was cut off, or it has ended
  // and named an entitlement.
  bool holds_records = false;
  // The cohort's policy asks for reports only, and no emergency denies the app.
  bool only_reports = false;
};

struct PhonePolicy {
  v1::Platform::Id platform = v1::Platform::UNSPECIFIED;
  std::vector<AppRuling> apps;              // by app id; of a web client alone: without ids
  std::map<std::string, size_t> by_bundle;  // exact bundle id -> index in `apps`
  std::string how_to_ask;
  bool stale = false;                               // its documents have ended
  absl::Time stale_since = absl::InfiniteFuture();  // when they end, or ended
  absl::Time monitor_until = absl::InfinitePast();  // of the cohort's policy
  absl::Time next_change = absl::InfiniteFuture();  // ask again then
  std::string cohort_sha256;                        // set by who has the documents
  uint64_t cohort_version = 0;                      // the same

  const AppRuling* FindByBundle(absl::string_view bundle_id) const;
};
using PhonePolicyPtr = std::shared_ptr<const PhonePolicy>;

// `index` was built with the phone's owner as account 1; without an assignment, or with one that
// names nobody, nobody has an entitlement. `platform` says which identities count.
// `monitor_until`: of the CohortPolicy; until then nothing is blocked, only reported.
PhonePolicy MakePhonePolicy(const agent::PolicyIndex& index, v1::Platform::Id platform,
                            absl::Time now, absl::Time monitor_until = absl::InfinitePast());
inline constexpr uint32_t kOwnerUid = 1;

}  // namespace muster::bridge
