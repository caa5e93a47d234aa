#include "controller/domain/roles.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster {
namespace {

using enum Role;

const std::vector<Role> kEverybody(kRoles.begin(), kRoles.end());
const std::vector<Role> kDeciders = {kSocApprover};
const std::vector<Role> kFilers = {kServiceDesk, kSocApprover};
const std::vector<Role> kOperations = {kUemAdmin, kAdmin};
// Of everything that was ever done or looked at.
const std::vector<Role> kLogReaders = {kAuditor, kRecordsOfficer};
const std::vector<Role> kReaders = {kAuditor, kRecordsOfficer, kSocApprover, kAdmin};

const std::vector<Role> kIncidentReaders = {kRecordsOfficer, kAuditor, kSocApprover};
// Whoever hears of a lost phone first.
const std::vector<Role> kIncidentOpeners = {kRecordsOfficer, kServiceDesk, kSocApprover, kUemAdmin};

std::vector<Permission> ArchivePermissions() {
  return {
      {"ListObligations", "archive status", kEverybody},
      {"ListExports", "archive chats", {kRecordsOfficer, kAuditor}},
      {"SubmitReceipts", "records receive", {kRecordsOfficer}},
      {"RecordAttestation", "archive attest", kFilers},
      {"GetArchiveGuidance", "archive guidance", kEverybody},
      {"ListIncidents", "archive incidents", kIncidentReaders},
      {"GetIncident", "archive incidents INCIDENT", kIncidentReaders},
      {"OpenIncident", "incident open", kIncidentOpeners},
      {"AssessIncident", "incident assess", {kRecordsOfficer}},
      {"DismissIncident", "incident dismiss", {kRecordsOfficer}},
      {"ConfirmIncident", "incident confirm", {kRecordsOfficer}},
      {"DraftIncident", "incident draft", {kRecordsOfficer}},
      {"SignIncident", "incident sign", {kRecordsOfficer}},
      {"ReportIncident", "incident report", {kRecordsOfficer}},
      {"UpdateIncident", "incident update", {kRecordsOfficer}},
      {"CloseIncident", "incident close", {kRecordsOfficer}},
      {"GetIncidentReport", "incident document", kIncidentReaders},
      {"ListHolds", "hold list", kIncidentReaders},
      {"PlaceHold", "hold place", {kRecordsOfficer}},
      {"ReleaseHold", "hold release", {kRecordsOfficer}},
      {"GetRetention", "archive retention", kEverybody},
      {"ReportArchive", "report archive", kEverybody},
      {"ReportOverdue", "report overdue", kEverybody},
      {"ReportQuarterly", "report quarterly", kEverybody},
      {"ReportNaraUd", "report nara-ud", kIncidentReaders},
  };
}

std::vector<Permission> OtherPermissions() {
  return {
      {"GetRoles", "roles show", kEverybody},
      {"ListApps", "app list", kEverybody},
      {"GetApp", "app show", kEverybody},
      {"ListTrm", "trm list", kEverybody},
      {"ListTrmHistory", "trm history", kEverybody},
      {"SetTrm", "trm set", {kTrmOfficer}},
      {"GetBlocklist", "blocklist show", kEverybody},
      {"ApplyPolicies", "apply", {kTrmOfficer, kAdmin}},
      {"SimulatePolicies", "simulate", kEverybody},
      {"GetGuidance", "guidance show", kEverybody},
      {"SubmitRequest", "request submit", kFilers},
      {"ListRequests", "request list", kEverybody},
      {"GetRequest", "request show", kEverybody},
      {"ApproveRequest", "request approve", kDeciders},
      {"DenyRequest", "request deny", kDeciders},
      {"CancelRequest", "request cancel", kFilers},
      {"AskRequest", "request more-info", kDeciders},
      {"AnswerRequest", "request answer", kFilers},
      {"DuplicateRequest", "request duplicate", kFilers},
      {"EscalateRequest", "request escalate", kFilers},
      {"RecordTraining", "request training", kFilers},
      {"ListGrants", "grant list", kEverybody},
      {"GetGrant", "grant show", kEverybody},
      {"RevokeGrant", "grant revoke", kDeciders},
      {"SuspendGrant", "grant suspend", kDeciders},
      {"ResumeGrant", "grant resume", kDeciders},
      {"RecertifyGrant", "grant recertify", kDeciders},
      {"ReviewGrant", "grant review", kDeciders},
      {"AdoptGrant", "grant adopt", kDeciders},
      {"RecordGrantTraining", "grant training", kFilers},
      {"GetPerson", "person show", kEverybody},
      {"ReportBlockedApps", "report blocked-apps", kEverybody},
      {"ReportGrantedUsers", "report granted-users", kEverybody},
      {"ListWebhooks", "webhook list", kEverybody},
      {"GetDirectoryStatus", "directory status", kEverybody},
      {"SyncDirectory", "directory sync", kOperations},
      {"ListMembers", "directory members", kEverybody},
      {"ExplainMember", "directory explain-member", kEverybody},
      {"ListSyncRuns", "directory runs", kEverybody},
      {"GetSyncRun", "directory runs RUN", kEverybody},
      {"ReleaseSyncRun", "directory release", {kSocApprover, kUemAdmin, kAdmin}},
      {"DiscardSyncRun", "directory discard", {kSocApprover, kUemAdmin, kAdmin}},
      {"ListDevices", "device list", kEverybody},
      {"GetDevice", "device show", kEverybody},
      {"RetireDevice", "device retire", kOperations},
      {"CreateToken", "device token", kOperations},
      {"Explain", "explain", kEverybody},
      {"GetPolicy", "policy show", kEverybody},
      {"ListAudit", "audit list", kReaders},
      {"GetAuditCheckpoint", "audit checkpoint", kEverybody},
      {"ReadAuditLog", "audit export", kLogReaders},
      {"ProveAudit", "audit prove", kReaders},
      {"ListAuditWitnesses", "audit witnesses", kReaders},
      {"PruneAudit", "audit prune", {kRecordsOfficer}},
      {"ListRollouts", "rollout status", kEverybody},
      {"PauseRollout", "rollout pause", kOperations},
      {"ResumeRollout", "rollout resume", kOperations},
      {"AbortRollout", "rollout abort", kOperations},
      {"GetTrust", "trust show", kEverybody},
      {"PublishTrust", "trust publish", {kAdmin}},
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

absl::Status CheckPermission(absl::string_view method, const Roles& held, absl::string_view upn) {
  const std::vector<Permission>& all = Permissions();
  const auto row =
      std::find_if(all.begin(), all.end(), [&](const Permission& p) { return p.method == method; });
  if (row == all.end()) {
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
