// Where each kind of record lives in the store, and typed reading and writing of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "common/status_macros.h"
#include "controller/flow/store.h"
#include "muster/v1/grant.pb.h"

namespace muster {

// Keys. A '/' never occurs inside a part: ids are checked before they get here, and names that
// come from outside (UPNs, accounts) go through NamePart().
std::string NamePart(absl::string_view name);  // lowercase; '/' and '%' as %2f and %25

inline std::string AppKey(absl::string_view app) { return absl::StrCat("app/", app); }
inline std::string TrmKey(absl::string_view app) { return absl::StrCat("trm/", app); }
inline std::string BlocklistKey(absl::string_view app) { return absl::StrCat("blocklist/", app); }
inline std::string PersonKey(absl::string_view id) { return absl::StrCat("person/", id); }
inline std::string UpnKey(absl::string_view upn) {
  return absl::StrCat("person_by_upn/", NamePart(upn));
}
inline std::string AliasKey(absl::string_view alias, absl::string_view id) {
  return absl::StrCat("person_by_alias/", NamePart(alias), "/", id);
}
inline std::string EmployeeKey(absl::string_view employee, absl::string_view id) {
  return absl::StrCat("person_by_employee/", NamePart(employee), "/", id);
}
inline std::string RoleMemberKey(absl::string_view role, absl::string_view person) {
  return absl::StrCat("role_member/", role, "/", person);
}
// A sign-in by password, by the SHA-256 of its token; and the failures before one.
inline std::string SessionKey(absl::string_view sha256) { return absl::StrCat("session/", sha256); }
inline std::string SignInKey(absl::string_view upn) {
  return absl::StrCat("sign_in/", NamePart(upn));
}
// The n-th word on an app, from 0.
inline std::string TrmHistoryKey(absl::string_view app, size_t n) {
  return absl::StrFormat("trm_history/%s/%08x", app, n);
}
inline std::string TrainingKey(absl::string_view version) {
  return absl::StrCat("training/", NamePart(version));
}
// The archive guidance of one version, and since when there has been a version at all.
inline std::string ArchiveTextKey(absl::string_view version) {
  return absl::StrCat("archive_text/", NamePart(version));
}
inline constexpr char kAttestSinceKey[] = "attest_since";
inline std::string WebhookKey(absl::string_view name) { return absl::StrCat("webhook/", name); }
// What an agency sets for one platform's cohort beside the catalogue.
inline std::string CohortSettingsKey(absl::string_view platform) {
  return absl::StrCat("cohort_settings/", platform);
}
inline constexpr char kGuidanceKey[] = "guidance";
inline constexpr char kAppliedPoliciesKey[] = "applied_policies";
inline std::string AccountKey(absl::string_view account) {
  return absl::StrCat("person_by_account/", NamePart(account));
}
inline std::string MemberKey(absl::string_view app, absl::string_view person) {
  return absl::StrCat("member/", app, "/", person);
}
// In the group, but disabled or expired: only to tell of it. Nobody has both keys.
inline std::string InactiveMemberKey(absl::string_view app, absl::string_view person) {
  return absl::StrCat("inactive_member/", app, "/", person);
}
// The journal of the write-back: set before Muster asks the directory to add someone, cleared
// with the result.
inline std::string WriteKey(absl::string_view app, absl::string_view person) {
  return absl::StrCat("write/", app, "/", person);
}
// A role somebody no longer has, by when it ended.
inline std::string RoleKey(absl::string_view person, absl::Time until) {
  return absl::StrFormat("role/%s/%016x", person, absl::ToUnixNanos(until));
}
// Set while Muster itself is taking someone out of a group: such a removal is expected.
inline std::string RemovalKey(absl::string_view app, absl::string_view person) {
  return absl::StrCat("removal/", app, "/", person);
}
inline std::string RequestKey(absl::string_view id) { return absl::StrCat("request/", id); }
inline std::string PersonRequestKey(absl::string_view person, absl::string_view id) {
  return absl::StrCat("request_by_person/", person, "/", id);
}
// The undecided or unfinished request of one person for one app: at most one.
inline std::string OpenRequestKey(absl::string_view person, absl::string_view app) {
  return absl::StrCat("request_open/", person, "/", app);
}
// Which request another system's ticket stands for: at most one that did not come to nothing.
std::string TicketKey(absl::string_view source, absl::string_view ticket);
// Requests and grants that a later step still has to finish.
inline std::string RequestWorkKey(absl::string_view id) {
  return absl::StrCat("work/request/", id);
}
inline std::string GrantWorkKey(absl::string_view id) { return absl::StrCat("work/grant/", id); }
// A reviewed break-glass grant whose person still has to get into the group.
inline std::string JoinWorkKey(absl::string_view id) { return absl::StrCat("work/join/", id); }
inline std::string GrantKey(absl::string_view id) { return absl::StrCat("grant/", id); }
inline std::string PersonGrantKey(absl::string_view person, absl::string_view id) {
  return absl::StrCat("grant_by_person/", person, "/", id);
}
// The grant of one person for one app that is neither REVOKED nor REVOKING: at most one.
inline std::string LiveGrantKey(absl::string_view person, absl::string_view app) {
  return absl::StrCat("grant_live/", person, "/", app);
}
inline std::string DeviceKey(absl::string_view id) { return absl::StrCat("device/", id); }
inline std::string DeviceOwnerKey(absl::string_view person, absl::string_view device) {
  return absl::StrCat("device_by_owner/", person, "/", device);
}
inline std::string DeviceAccountKey(absl::string_view account, absl::string_view device) {
  return absl::StrCat("device_by_account/", NamePart(account), "/", device);
}
// The phones that a bridge speaks for.
inline std::string PhoneOfBridgeKey(absl::string_view bridge, absl::string_view device) {
  return absl::StrCat("phone_by_bridge/", bridge, "/", device);
}
// The last word on a phone; and each of its apps that is in violation or cannot be kept from it, so
// that it is told once. Value: what was told ("violation", "not-enforceable").
inline std::string PhoneKey(absl::string_view device) { return absl::StrCat("phone/", device); }
inline std::string PhoneProblemKey(absl::string_view device, absl::string_view app) {
  return absl::StrCat("phone_problem/", device, "/", NamePart(app));
}
inline std::string InventoryKey(absl::string_view device) {
  return absl::StrCat("inventory/", device);
}
// What the device has told of tampering, so that it is told on once.
inline std::string TamperingKey(absl::string_view device) {
  return absl::StrCat("tampering/", device);
}
inline std::string InstalledKey(absl::string_view app, absl::string_view device) {
  return absl::StrCat("installed/", app, "/", device);
}
inline std::string ExecKey(absl::string_view device, uint64_t seq, int item) {
  return absl::StrFormat("exec/%s/%016x-%04x", device, seq, item);
}
inline std::string DocumentKey(absl::string_view name) { return absl::StrCat("document/", name); }
// What devices outside a rollout's wave keep, while it runs.
inline std::string BaseDocumentKey(absl::string_view name) {
  return absl::StrCat("document_base/", name);
}
// The leaf of a current document in the Beacon's tree; `base` as above.
inline std::string LeafKey(absl::string_view name) { return absl::StrCat("leaf/", NamePart(name)); }
inline std::string BaseLeafKey(absl::string_view name) {
  return absl::StrCat("leaf/", NamePart(name), "#base");
}
inline std::string ChunkKey(absl::string_view cohort, absl::string_view sha256) {
  return absl::StrCat("chunk/", NamePart(cohort), "/", sha256);
}
inline std::string RolloutKey(absl::string_view name) {
  return absl::StrCat("rollout/", NamePart(name));
}
// Every root that was ever in force, for devices that were away.
inline std::string RootKey(uint64_t version) {
  return absl::StrFormat("root_version/%016x", version);
}
inline std::string DocumentStateKey(absl::string_view device, absl::string_view name) {
  return absl::StrCat("document_state/", device, "/", name);
}
inline std::string TokenKey(absl::string_view sha256) { return absl::StrCat("token/", sha256); }
inline std::string RunKey(absl::string_view id) { return absl::StrCat("run/", id); }
inline std::string CounterKey(absl::string_view what) { return absl::StrCat("counter/", what); }
inline std::string AuditKey(uint64_t sequence) { return absl::StrFormat("audit/%016x", sequence); }
// What each device last said of the audit log; and the first entry whose text is still there.
inline std::string WitnessKey(absl::string_view device) { return absl::StrCat("witness/", device); }
inline constexpr char kPrunedBelowKey[] = "audit_pruned_below";
// Archive evidence. A chat is its key, or "-" for whatever no export has shown.
inline std::string ChatPart(absl::string_view chat_key) {
  return std::string(chat_key.empty() ? "-" : chat_key);
}
inline std::string ExportPrefix(absl::string_view person, absl::string_view app,
                                absl::string_view chat_key) {
  return absl::StrCat("export/", person, "/", app, "/", ChatPart(chat_key), "/");
}
inline std::string ExportKey(absl::string_view person, absl::string_view app,
                             absl::string_view chat_key, absl::string_view sha256) {
  return absl::StrCat(ExportPrefix(person, app, chat_key), sha256);
}
inline std::string StatementKey(absl::string_view person, absl::string_view app,
                                absl::string_view chat_key) {
  return absl::StrCat("statement/", person, "/", app, "/", ChatPart(chat_key));
}
inline std::string AttestationKey(absl::string_view person) {
  return absl::StrCat("attestation/", person);
}
inline std::string ObligationKey(absl::string_view person, absl::string_view app,
                                 absl::string_view device, absl::string_view chat_key) {
  return absl::StrCat("obligation/", person, "/", app, "/", device, "/", ChatPart(chat_key));
}
inline std::string ReceiptKey(absl::string_view bag) {
  return absl::StrCat("receipt/", NamePart(bag));
}
// Accepted, but not yet reported as held by its device.
inline std::string ReceiptPendingKey(absl::string_view device, absl::string_view bag) {
  return absl::StrCat("receipt_pending/", device, "/", NamePart(bag));
}
// Which export a bag holds: value is the export's key.
inline std::string BagKey(absl::string_view bag) { return absl::StrCat("bag/", NamePart(bag)); }
inline std::string IncidentKey(absl::string_view id) { return absl::StrCat("incident/", id); }
// The undecided incident about one person's app on one device: at most one.
inline std::string OpenIncidentKey(absl::string_view person, absl::string_view app,
                                   absl::string_view device) {
  return absl::StrCat("incident_open/", person, "/", app, "/", device);
}
// The report of an incident as it was drafted last, and the mark of one whose update comes due.
inline std::string IncidentReportKey(absl::string_view id) {
  return absl::StrCat("incident_report/", id);
}
inline std::string IncidentTimerKey(absl::string_view id) {
  return absl::StrCat("work/incident/", id);
}
inline std::string HoldKey(absl::string_view id) { return absl::StrCat("hold/", id); }
inline constexpr char kRetentionKey[] = "retention";
// Persons whose obligations have to be looked at again: written with whatever changed them.
inline std::string ArchiveWorkKey(absl::string_view person) {
  return absl::StrCat("archive_work/", person);
}
// When a person's obligations may next change by themselves; archive_next/ has that time, so that
// the entry can be found again.
inline std::string ArchiveDueKey(absl::Time at, absl::string_view person) {
  return absl::StrFormat("archive_due/%016x/%s", absl::ToUnixNanos(at), person);
}
inline std::string ArchiveNextKey(absl::string_view person) {
  return absl::StrCat("archive_next/", person);
}
// A walk over everybody with a grant: value is the grant_by_person/ key it has come to.
inline constexpr char kArchiveWalkKey[] = "archive_walk";
// Since when, and why, an app or a whole device is gone; values are a v1::Incident with cause and
// happened_at.
inline std::string AppGoneKey(absl::string_view app, absl::string_view device) {
  return absl::StrCat("app_gone/", app, "/", device);
}
inline std::string DeviceGoneKey(absl::string_view device) {
  return absl::StrCat("device_gone/", device);
}
// Compliance as it was on a day ("2026-11-28"), by office; the last day that was written; what
// happened in a month, and how far the audit log was counted for it.
inline constexpr char kFiguresPrefix[] = "figures/";
inline std::string FiguresKey(absl::string_view day, absl::string_view office) {
  return absl::StrCat(kFiguresPrefix, day, "/", NamePart(office));
}
inline constexpr char kFiguresDayKey[] = "figures_day";
inline std::string FigureEventsKey(absl::string_view month) {
  return absl::StrCat("figure_events/", month);
}
inline constexpr char kFigureEventsPlace[] = "figure_events_place";
inline constexpr char kLastAppliedRunKey[] = "last_applied_run";
inline constexpr char kHeldRunKey[] = "held_run";           // id of the run that is HELD now
inline constexpr char kReleasedRunKey[] = "released_run";   // id of one not yet applied
inline constexpr char kFailingRunKey[] = "failing_run";     // the first of failed reads in a row
inline constexpr char kMembershipKey[] = "membership_set";  // guards the memberships as one thing

template <typename T>
struct Versioned {
  T value;
  uint64_t revision = 0;  // for Mutation::Expect
};

template <typename T>
absl::StatusOr<Versioned<T>> Parse(const Record& record) {
  Versioned<T> out;
  out.revision = record.revision;
  if (!out.value.ParseFromString(record.bytes)) {
    return absl::DataLossError(absl::StrCat("store: record ", record.key, " is damaged"));
  }
  return out;
}

// nullopt when absent.
template <typename T>
absl::StatusOr<std::optional<Versioned<T>>> Find(const Snapshot& snapshot, const std::string& key) {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<Record> record, snapshot.Get(key));
  if (!record) return std::nullopt;
  MUSTER_ASSIGN_OR_RETURN(Versioned<T> parsed, Parse<T>(*record));
  return parsed;
}

// NOT_FOUND with `missing` as its message when absent.
template <typename T>
absl::StatusOr<Versioned<T>> Load(const Snapshot& snapshot, const std::string& key,
                                  absl::string_view missing) {
  MUSTER_ASSIGN_OR_RETURN(std::optional<Versioned<T>> found, Find<T>(snapshot, key));
  if (!found) return absl::NotFoundError(missing);
  return *std::move(found);
}

// Every record under a prefix, a page at a time; stops at the first error.
template <typename T, typename F>
absl::Status ForEach(const Snapshot& snapshot, const std::string& prefix, F&& each) {
  std::string after;
  while (true) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> page, snapshot.Scan(prefix, after, 500));
    for (const Record& record : page) {
      MUSTER_ASSIGN_OR_RETURN(Versioned<T> parsed, Parse<T>(record));
      MUSTER_RETURN_IF_ERROR(each(record.key, parsed));
    }
    if (page.size() < 500) return absl::OkStatus();
    after = page.back().key;
  }
}

// The last parts of all keys under a prefix that ends in '/'.
absl::StatusOr<std::vector<std::string>> KeyTails(const Snapshot& snapshot,
                                                  const std::string& prefix);

// The next value of a counter, reserved within `mutation`: "REQ" -> "REQ-000001".
absl::StatusOr<std::string> NextId(const Snapshot& snapshot, absl::string_view kind,
                                   Mutation& mutation);

template <typename T>
void Put(Mutation& mutation, std::string key, const T& value) {
  mutation.puts.push_back({std::move(key), value.SerializeAsString()});
}
inline void PutMark(Mutation& mutation, std::string key) {
  mutation.puts.push_back({std::move(key), "1"});
}
// A grant changes what its person has to export.
inline void PutGrant(Mutation& mutation, const v1::Grant& grant) {
  Put(mutation, GrantKey(grant.grant_id()), grant);
  PutMark(mutation, ArchiveWorkKey(grant.person_id()));
}

}  // namespace muster
