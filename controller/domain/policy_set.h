// The policies an agency edits (catalogue, TRM statuses, blocklist, cohorts), what applying new
// files would change, and the policy of one platform's cohort. Pure; value types;
// thread-compatible.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/app.pb.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/guidance.pb.h"
#include "muster/v1/policy.pb.h"
#include "muster/v1/trm.pb.h"

namespace muster {

// One problem in a policy or configuration file: what is wrong, and what would be right.
struct PolicyIssue {
  enum class Severity { kError, kWarning };
  Severity severity = Severity::kError;
  std::string file;
  int line = 0;    // from 1; 0: the whole file
  int column = 0;  // from 1, in bytes; 0: the whole file
  std::string message;

  friend bool operator==(const PolicyIssue&, const PolicyIssue&) = default;
};

// "file:line:column: message", without the position where it is unknown.
std::string IssueText(const PolicyIssue& issue);

bool HasErrors(const std::vector<PolicyIssue>& issues);

// Sorts by file, line, column and message, drops repetitions and keeps limits::kMaxIssues;
// errors stay before warnings do. When some are left out, the last one kept says how many.
void SortAndCapIssues(std::vector<PolicyIssue>* issues);

// A value and where it was written.
template <typename T>
struct Located {
  T value;
  std::string file;
  int line = 0, column = 0;
};

// guidance/archive.yaml.
struct ArchiveTexts {
  std::string version;                       // empty: nobody has to attest them
  std::map<std::string, std::string> texts;  // platform name -> text
};

// What a set of policy files says. An absent trm or blocklist means that the file was not given.
struct LoadedPolicies {
  std::vector<Located<v1::App>> apps;
  std::optional<std::vector<Located<v1::Trm>>> trm;
  std::optional<std::vector<Located<std::string>>> blocklist;  // app ids
  // Of cohorts.yaml: platform, monitor_until, monitor_reason. An empty list ends all monitoring.
  std::optional<std::vector<Located<v1::CohortPolicy>>> cohorts;
  // Of guidance/: what people are told. Absent: the file was not given.
  std::optional<v1::TrainingText> training;
  std::optional<ArchiveTexts> archive;
  std::optional<std::vector<v1::MessageTemplate>> messages;
  std::optional<v1::RetentionPolicy> retention;
};

// All policies in force. `trm` holds only apps with a decision.
struct PolicySet {
  std::map<std::string, v1::App> apps;
  std::map<std::string, v1::Trm> trm;
  std::set<std::string> blocklist;
  // By platform name; only platform, monitor_until and monitor_reason are set. One whose time is
  // over stays until the file says otherwise, and means nothing.
  std::map<std::string, v1::CohortPolicy> cohorts;
  std::optional<v1::RetentionPolicy> retention;
};

struct PolicyChange {
  PolicySet result;                 // equal to the current set when there are errors
  std::vector<PolicyIssue> issues;  // any error: nothing may be applied
  // One line per change, in words, by app id: "app signal added", "app signal removed",
  // "app signal changed: 1 identity added", "trm whatsapp: PROHIBITED -> RESTRICTED",
  // "blocklist: + viber", "cohort linux: monitors until 2026-03-01T12:00:00Z". Empty when there
  // are errors.
  std::vector<std::string> changes;
  std::set<std::string> touched_apps;
};

// Each app file adds or replaces its app; each entry of trm.yaml adds or replaces that app's
// status; blocklist.yaml replaces the blocklist whole, cohorts.yaml what cohorts are told. What is
// not named stays, unless `prune`:
// then apps that no given catalogue file names are removed (only when at least one was given),
// and apps that a given trm.yaml does not name lose their entry and become UNLISTED.
//
// A running export deadline (Trm.export_until) survives while the status stays the same.
//
// Errors: trm or blocklist names an app outside the resulting catalogue; a removed app still has
// a TRM entry or is blocklisted; two apps state one identity fact or web host; a given
// trm, blocklist or the resulting catalogue is empty; an app is too large for a chunk; a cohort
// would monitor for longer than limits::kMaxCohortMonitor from `now`, or until a time that is over
// and not in force. Warnings: an app of the result is PERMITTED and blocklisted; a given cohort
// only monitors, or its time is over.
PolicyChange PlanApply(const PolicySet& current, const LoadedPolicies& loaded, bool prune,
                       absl::Time now);

// The part of PlanApply on cohorts, and its lines for `changes`.
void PlanCohorts(const PolicySet& current, const LoadedPolicies& loaded, absl::Time now,
                 PolicyChange& change);
void DescribeCohorts(const PolicySet& before, const PolicySet& after,
                     std::vector<std::string>& changes);

// The lines for `changes` of another retention.yaml.
void DescribeRetention(const PolicySet& before, const PolicySet& after,
                       std::vector<std::string>& changes);

// The facts by which an identity can match, in words that are equal for equal facts, e.g.
// "linux dpkg toxic", "linux path /usr/bin/toxic", "macos signer U68MSDN6DR", "sha256 …".
std::vector<std::string> IdentityFacts(const v1::AppIdentity& identity);
// The same for a host of a web client: "web host web.whatsapp.com".
std::string WebHostFact(absl::string_view host);
// All facts of an app. One fact names one app only.
std::vector<std::string> FactsOfApp(const v1::App& app);

inline constexpr v1::Platform::Id kPlatforms[] = {v1::Platform::ANDROID, v1::Platform::IOS,
                                                  v1::Platform::MACOS, v1::Platform::WINDOWS,
                                                  v1::Platform::LINUX};
absl::string_view PlatformName(v1::Platform::Id platform);  // "linux"; as in policy files
absl::string_view OriginName(v1::Origin::Kind origin);      // "dpkg", "package", "bundle", …

// One platform's content: the apps that have identities there (with those identities only) or a
// web client, for browsers are managed everywhere: by the agent, or by the UEM of a phone; their
// TRM entries, and every blocklisted id. Ordered by app id, so equal sets give equal bytes.
v1::CohortContent CompileContent(const PolicySet& set, v1::Platform::Id platform);
// What agents of a platform need to know to archive; nullopt: the agency has set nothing.
std::optional<v1::ArchiveSettings> ArchiveSettingsFor(
    const std::optional<v1::RetentionPolicy>& retention, const v1::Guidance& guidance,
    v1::Platform::Id platform);
// What the set says of monitoring there.
void AddMonitoring(const PolicySet& set, v1::Platform::Id platform, v1::CohortPolicy& policy);

}  // namespace muster
