// The policy in force, compiled for quick answers. Pure; immutable after Build, so one instance
// is shared by all threads and swapped whole.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "common/app_identity.h"
#include "common/decision.h"
#include "muster/v1/explain.pb.h"
#include "muster/v1/policy.pb.h"

namespace muster::agent {

// Index of an app in the policy; stable for one cohort document.
using AppIndex = int;

struct AppRule {
  std::string id;
  std::string name;
  v1::Trm::Status trm = v1::Trm::UNLISTED;
  std::string trm_decision_id;
  bool blocklisted = false;
  absl::Time denied_until = absl::InfinitePast();  // by an emergency deny
};

// How a decision reads: DecideVerdict() and the code of its row, without the words.
struct Decision {
  v1::Verdict::Kind verdict = v1::Verdict::ALLOW;
  bool deny = false;  // what the gate does: BLOCK, and ALLOW_EXPORT_ONLY on a laptop
};

// Until when an app that is ALLOW_EXPORT_ONLY may run, by account and app id.
using ExportWindows = std::map<std::pair<uint32_t, std::string>, absl::Time>;

// What a PolicyIndex is compiled from.
struct PolicyParts {
  v1::CohortContent content;
  std::string how_to_ask;
  absl::Time cohort_not_after = absl::InfiniteFuture();
  const v1::DeviceAssignment* assignment = nullptr;  // null: nobody has an entitlement
  const v1::EmergencyDeny* emergency_deny = nullptr;
  std::map<std::string, uint32_t> uid_of;  // login name -> uid on this machine
  // The highest signed issued_at; no decision is made at an earlier time.
  absl::Time time_floor = absl::InfinitePast();
  ExportWindows windows = {};
};

class PolicyIndex {
 public:
  static std::shared_ptr<const PolicyIndex> Build(PolicyParts parts);

  int app_count() const { return static_cast<int>(rules_.size()); }
  const AppRule& rule(AppIndex app) const { return rules_[app]; }
  const v1::App& app(AppIndex app) const { return content_.apps(app); }
  std::optional<AppIndex> FindApp(const std::string& id) const;

  // The app that the facts prove, by the strongest of them (common/app_identity.h).
  std::optional<AppMatch> Match(const ProvenFacts& facts) const;
  // Whether any identity names this package; cheap, for thousands of installed ones.
  bool NamesPackage(v1::Origin::Kind origin, const std::string& package_id) const;

  // `uid` empty: nobody (see PersonOf). Never blocks, allocates or logs.
  Decision Decide(AppIndex app, std::optional<uint32_t> uid, absl::Time now) const;
  // While an emergency deny of the app lasts: then it is blocked whatever else asks for reports
  // only.
  bool EmergencyDenied(AppIndex app, absl::Time now) const;
  // True when a deny of this app is only to be recorded: before `monitor_until` of the cohort's
  // policy, by a clock that signed dates keep from going back, and no emergency denies it.
  bool OnlyMonitors(AppIndex app, absl::Time monitor_until, absl::Time now) const;
  // True when somebody without an entitlement is denied, now or as long as an emergency lasts.
  bool CouldDeny(AppIndex app) const;

  v1::Explanation Explain(AppIndex app, std::optional<uint32_t> uid, absl::Time now) const;
  // The reason code alone, for reports.
  std::string Reason(AppIndex app, std::optional<uint32_t> uid, absl::Time now) const;

  // What it was compiled from.
  const v1::CohortContent& content() const { return content_; }
  const std::string& how_to_ask() const { return how_to_ask_; }
  absl::Time cohort_not_after() const { return cohort_not_after_; }
  const std::optional<v1::DeviceAssignment>& assignment() const { return assignment_; }
  const std::optional<v1::EmergencyDeny>& emergency_deny() const { return emergency_deny_; }
  const std::map<std::string, uint32_t>& uid_of() const { return uid_of_; }

  const ExportWindows& windows() const { return windows_; }
  // The end of the window that is open for this account; empty: none is. It opens nothing where
  // the verdict is not ALLOW_EXPORT_ONLY.
  std::optional<absl::Time> WindowUntil(AppIndex app, std::optional<uint32_t> uid,
                                        absl::Time now) const;

  // The next moment after `now` at which an entitlement, a window or an emergency deny ends;
  // InfiniteFuture: none.
  absl::Time NextExpiry(absl::Time now) const;
  // When the documents end: entitlements are unusable from then on.
  absl::Time not_after() const { return not_after_; }
  absl::Time time_floor() const { return time_floor_; }

 private:
  PolicyIndex() = default;
  DecisionInputs InputsFor(AppIndex app, std::optional<uint32_t> uid, absl::Time now) const;
  const EntitlementFacts* FindEntitlement(AppIndex app, std::optional<uint32_t> uid) const;
  void AddEntitlements(const v1::DeviceAssignment& assignment,
                       const std::map<std::string, uint32_t>& uid_of);
  void AddEmergencyDeny(const v1::EmergencyDeny& deny);

  v1::CohortContent content_;
  absl::Time cohort_not_after_ = absl::InfiniteFuture();
  std::optional<v1::DeviceAssignment> assignment_;
  std::optional<v1::EmergencyDeny> emergency_deny_;
  std::map<std::string, uint32_t> uid_of_;
  std::string how_to_ask_, emergency_reason_;
  std::vector<AppRule> rules_;
  std::vector<const v1::App*> apps_;
  absl::flat_hash_map<std::string, AppIndex> by_id_;
  absl::flat_hash_set<std::pair<int, std::string>> packages_;
  absl::flat_hash_map<std::pair<uint32_t, AppIndex>, EntitlementFacts> entitlements_;
  absl::flat_hash_map<std::pair<uint32_t, AppIndex>, absl::Time> window_of_;
  ExportWindows windows_;
  absl::flat_hash_set<uint32_t> person_uids_;
  absl::Time not_after_ = absl::InfiniteFuture();
  absl::Time time_floor_ = absl::InfinitePast();
};

}  // namespace muster::agent
