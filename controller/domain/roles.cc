#include "controller/domain/roles.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace muster {
namespace {

using enum Role;
using enum Recorded;

const std::vector<Role> kEverybody(kRoles.begin(), kRoles.end());
const std::vector<Role> kDeciders = {kSocApprover};
const std::vector<Role> kFilers = {kServiceDesk, kSocApprover};
const std::vector<Role> kOperations = {kUemAdmin, kAdmin};
// Of everything that was ever done or looked at.
const std::vector<Role> kLogReaders = {kAuditor, kRecordsOfficer};
const std::vector<Role> kReaders = {kAuditor, kRecordsOfficer, kSocApprover, kAdmin};
// Of policy files: those who put them in place, and those who check or answer for what they say.
const std::vector<Role> kExporters = {kUemAdmin, kAdmin, kAuditor, kSocApprover};

const std::vector<Role> kIncidentReaders = {kRecordsOfficer, kAuditor, kSocApprover};
// Whoever hears of a lost phone first.
const std::vector<Role> kIncidentOpeners = {kRecordsOfficer, kServiceDesk, kSocApprover, kUemAdmin};

std::vector<Permission> ArchivePermissions() {
  return {
      {"ListObligations", "archive status", kEachCall, kEverybody},
      {"ListExports", "archive chats", kEachCall, {kRecordsOfficer, kAuditor}},
      {"SubmitReceipts", "records receive", kChange, {kRecordsOfficer}},
      {"RecordAttestation", "archive attest", kChange, kFilers},
      {"GetArchiveGuidance", "archive guidance", kNever, kEverybody},
      {"ListIncidents", "archive incidents", kEachCall, kIncidentReaders},
      {"GetIncident", "archive incidents INCIDENT", kEachCall, kIncidentReaders},
      {"OpenIncident", "incident open", kChange, kIncidentOpeners},
      {"AssessIncident", "incident assess", kChange, {kRecordsOfficer}},
      {"DismissIncident", "incident dismiss", kChange, {kRecordsOfficer}},
      {"ConfirmIncident", "incident confirm", kChange, {kRecordsOfficer}},
      {"DraftIncident", "incident draft", kChange, {kRecordsOfficer}},
      {"SignIncident", "incident sign", kChange, {kRecordsOfficer}},
      {"ReportIncident", "incident report", kChange, {kRecordsOfficer}},
      {"UpdateIncident", "incident update", kChange, {kRecordsOfficer}},
      {"CloseIncident", "incident close", kChange, {kRecordsOfficer}},
      {"GetIncidentReport", "incident document", kEachCall, kIncidentReaders},
      {"ListHolds", "hold list", kEachCall, kIncidentReaders},
      {"PlaceHold", "hold place", kChange, {kRecordsOfficer}},
      {"ReleaseHold", "hold release", kChange, {kRecordsOfficer}},
      {"GetRetention", "archive retention", kNever, kEverybody},
      {"ReportArchive", "report archive", kEachCall, kEverybody},
      {"ReportOverdue", "report overdue", kEachCall, kEverybody},
      {"ReportQuarterly", "report quarterly", kEachCall, kEverybody},
      {"ReportNaraUd", "report nara-ud", kEachCall, kIncidentReaders},
  };
}

std::vector<Permission> OtherPermissions() {
  return {
      {"GetRoles", "roles show", kEachCall, kEverybody},
      {"ListApps", "app list", kNever, kEverybody},
      {"GetApp", "app show", kNever, kEverybody},
      {"ListTrm", "trm list", kNever, kEverybody},
      {"ListTrmHistory", "trm history", kNever, kEverybody},
      {"SetTrm", "trm set", kChange, {kTrmOfficer}},
      {"GetBlocklist", "blocklist show", kNever, kEverybody},
      {"ApplyPolicies", "apply", kChange, {kTrmOfficer, kAdmin}},
      {"SimulatePolicies", "simulate", kNever, kEverybody},
      {"GetGuidance", "guidance show", kNever, kEverybody},
      {"SubmitRequest", "request submit", kChange, kFilers},
      {"ListRequests", "request list", kEachCall, kEverybody},
      {"GetRequest", "request show", kEachCall, kEverybody},
      {"ApproveRequest", "request approve", kChange, kDeciders},
      {"DenyRequest", "request deny", kChange, kDeciders},
      {"CancelRequest", "request cancel", kChange, kFilers},
      {"AskRequest", "request more-info", kChange, kDeciders},
      {"AnswerRequest", "request answer", kChange, kFilers},
      {"DuplicateRequest", "request duplicate", kChange, kFilers},
      {"EscalateRequest", "request escalate", kChange, kFilers},
      {"RecordTraining", "request training", kChange, kFilers},
      {"ListGrants", "grant list", kEachCall, kEverybody},
      {"GetGrant", "grant show", kEachCall, kEverybody},
      {"RevokeGrant", "grant revoke", kChange, kDeciders},
      {"SuspendGrant", "grant suspend", kChange, kDeciders},
      {"ResumeGrant", "grant resume", kChange, kDeciders},
      {"RecertifyGrant", "grant recertify", kChange, kDeciders},
      {"ReviewGrant", "grant review", kChange, kDeciders},
      {"AdoptGrant", "grant adopt", kChange, kDeciders},
      {"RecordGrantTraining", "grant training", kChange, kFilers},
      {"GetPerson", "person show", kEachCall, kEverybody},
      {"ReportBlockedApps", "report blocked-apps", kEachCall, kEverybody},
      {"ReportPhones", "report phones", kEachCall, kEverybody},
      {"ReportGrantedUsers", "report granted-users", kEachCall, kEverybody},
      {"ListWebhooks", "webhook list", kEachCall, kEverybody},
      {"GetDirectoryStatus", "directory status", kEachCall, kEverybody},
      {"SyncDirectory", "directory sync", kChange, kOperations},
      {"ListMembers", "directory members", kEachCall, kEverybody},
      {"ExplainMember", "directory explain-member", kEachCall, kEverybody},
      {"ListSyncRuns", "directory runs", kEachCall, kEverybody},
      {"GetSyncRun", "directory runs RUN", kEachCall, kEverybody},
      {"ReleaseSyncRun", "directory release", kChange, {kSocApprover, kUemAdmin, kAdmin}},
      {"DiscardSyncRun", "directory discard", kChange, {kSocApprover, kUemAdmin, kAdmin}},
      {"ListDevices", "device list", kEachCall, kEverybody},
      {"GetDevice", "device show", kEachCall, kEverybody},
      {"RetireDevice", "device retire", kChange, kOperations},
      {"CreateToken", "device token", kChange, kOperations},
      {"Explain", "explain", kEachCall, kEverybody},
      {"GetPolicy", "policy show", kNever, kEverybody},
      {"ExportPolicy", "policy export", kEachCall, kExporters},
      {"ListAudit", "audit list", kEachCall, kReaders},
      {"GetAuditCheckpoint", "audit checkpoint", kNever, kEverybody},
      {"ReadAuditLog", "audit export", kEachCall, kLogReaders},
      {"ProveAudit", "audit prove", kEachCall, kReaders},
      {"ListAuditWitnesses", "audit witnesses", kEachCall, kReaders},
      {"PruneAudit", "audit prune", kChange, {kRecordsOfficer}},
      {"ListRollouts", "rollout status", kEachCall, kEverybody},
      {"PauseRollout", "rollout pause", kChange, kOperations},
      {"ResumeRollout", "rollout resume", kChange, kOperations},
      {"AbortRollout", "rollout abort", kChange, kOperations},
      {"GetTrust", "trust show", kNever, kEverybody},
      {"PublishTrust", "trust publish", kChange, {kAdmin}},
  };
}

// In the order of AdminService: archives come before Explain.
std::vector<Permission> MakePermissions() {
  std::vector<Permission> out = OtherPermissions();
  const std::vector<Permission> archive = ArchivePermissions();
  const auto explain = std::find_if(out.begin(), out.end(),
                                    [](const Permission& p) { return p.method == "Explain"; });
  out.insert(explain, archive.begin(), archive.end());
  return out;
}

}  // namespace

absl::string_view RoleName(Role role) {
  switch (role) {
    case kServiceDesk:
      return "service-desk";
    case kSocApprover:
      return "soc-approver";
    case kUemAdmin:
      return "uem-admin";
    case kTrmOfficer:
      return "trm-officer";
    case kRecordsOfficer:
      return "records-officer";
    case kAuditor:
      return "auditor";
    case kAdmin:
      return "admin";
  }
  return "";
}

std::optional<Role> FindRole(absl::string_view name) {
  const auto found =
      std::find_if(kRoles.begin(), kRoles.end(), [&](Role r) { return RoleName(r) == name; });
  if (found == kRoles.end()) return std::nullopt;
  return *found;
}

std::string RoleNames(const std::vector<Role>& roles, absl::string_view separator) {
  return absl::StrJoin(roles, separator,
                       [](std::string* out, Role role) { absl::StrAppend(out, RoleName(role)); });
}

const std::vector<Permission>& Permissions() {
  static const std::vector<Permission> kPermissions = MakePermissions();
  return kPermissions;
}

const Permission* FindPermission(absl::string_view method) {
  const std::vector<Permission>& all = Permissions();
  const auto row =
      std::find_if(all.begin(), all.end(), [&](const Permission& p) { return p.method == method; });
  return row == all.end() ? nullptr : &*row;
}

std::string Permission::EntryVerb() const {
  if (recorded != kEachCall) return absl::StrReplaceAll(verb, {{" ", "."}});
  absl::string_view what = method;
  for (const absl::string_view start : {"Get", "List", "Read"}) {
    if (absl::ConsumePrefix(&what, start)) break;
  }
  std::string out = "read.";
  for (const char c : what) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && out.back() != '.') out += '-';
    out += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return out;
}

absl::Status CheckPermission(absl::string_view method, const Roles& held, absl::string_view upn) {
  const Permission* const row = FindPermission(method);
  if (row == nullptr) {
    return absl::PermissionDeniedError(absl::StrCat("no role may call ", method));
  }
  for (Role role : row->roles) {
    if (held.contains(role)) return absl::OkStatus();
  }
  const std::string has = held.empty() ? "no role" : RoleNames({held.begin(), held.end()}, ", ");
  return absl::PermissionDeniedError(
      absl::StrCat("`", row->verb, "` needs the role ", RoleNames(row->roles, " or "), "; ", upn,
                   " has ", has, ". Roles come from directory groups, see `musterctl roles show`"));
}

std::vector<std::pair<Role, Role>> RolesApart() {
  std::vector<std::pair<Role, Role>> out = {
      {kServiceDesk, kSocApprover}, {kSocApprover, kUemAdmin}, {kSocApprover, kTrmOfficer},
      {kSocApprover, kAdmin},       {kTrmOfficer, kAdmin},     {kRecordsOfficer, kAdmin}};
  for (Role role : kRoles) {
    if (role != kAuditor) out.emplace_back(role, kAuditor);
  }
  return out;
}

std::vector<std::string> RoleConflicts(const Roles& held) {
  std::vector<std::string> out;
  for (const auto& [a, b] : RolesApart()) {
    if (held.contains(a) && held.contains(b)) {
      out.push_back(absl::StrCat(RoleName(a), " + ", RoleName(b)));
    }
  }
  return out;
}

}  // namespace muster
