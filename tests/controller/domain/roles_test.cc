// Every (role, verb) pair; docs/roles.md is printed from the code.
//   MUSTER_WRITE_DOCS=1 build/bin/controller_domain_tests --gtest_filter=RolesDoc.*    writes it
#include "controller/domain/roles.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {
namespace {

constexpr char kRolesFile[] = MUSTER_SOURCE_DIR "/docs/roles.md";

// In the order of kRoles: service-desk, soc-approver, uem-admin, trm-officer, records-officer,
// auditor, admin. An x: may.
void AddArchive(std::map<std::string, std::string>& out) {
  const std::string all = "xxxxxxx";
  out.insert({
      {"ListObligations", all},
      {"ListExports", "....xx."},
      {"SubmitReceipts", "....x.."},
      {"RecordAttestation", "xx....."},
      {"GetArchiveGuidance", all},
      {"ListIncidents", ".x..xx."},
      {"GetIncident", ".x..xx."},
      {"OpenIncident", "xxx.x.."},
      {"AssessIncident", "....x.."},
      {"DismissIncident", "....x.."},
      {"ConfirmIncident", "....x.."},
      {"DraftIncident", "....x.."},
      {"SignIncident", "....x.."},
      {"ReportIncident", "....x.."},
      {"UpdateIncident", "....x.."},
      {"CloseIncident", "....x.."},
      {"GetIncidentReport", ".x..xx."},
      {"ListHolds", ".x..xx."},
      {"PlaceHold", "....x.."},
      {"ReleaseHold", "....x.."},
      {"GetRetention", all},
      {"ReportArchive", all},
      {"ReportOverdue", all},
      {"ReportQuarterly", all},
      {"ReportNaraUd", ".x..xx."},
  });
}

void AddRequestsAndGrants(std::map<std::string, std::string>& out) {
  const std::string all = "xxxxxxx";
  out.insert({
      {"SubmitRequest", "xx....."},
      {"ListRequests", all},
      {"GetRequest", all},
      {"ApproveRequest", ".x....."},
      {"DenyRequest", ".x....."},
      {"CancelRequest", "xx....."},
      {"AskRequest", ".x....."},
      {"AnswerRequest", "xx....."},
      {"DuplicateRequest", "xx....."},
      {"EscalateRequest", "xx....."},
      {"RecordTraining", "xx....."},
      {"ListGrants", all},
      {"GetGrant", all},
      {"RevokeGrant", ".x....."},
      {"SuspendGrant", ".x....."},
      {"ResumeGrant", ".x....."},
      {"RecertifyGrant", ".x....."},
      {"ReviewGrant", ".x....."},
      {"AdoptGrant", ".x....."},
  });
}

const std::map<std::string, std::string>& Expected() {
  const std::string all = "xxxxxxx";
  static const auto& kExpected = *new std::map<std::string, std::string>([&all] {
    std::map<std::string, std::string> out{
        {"GetRoles", all},
        {"ListApps", all},
        {"GetApp", all},
        {"ListTrm", all},
        {"ListTrmHistory", all},
        {"SetTrm", "...x..."},
        {"GetBlocklist", all},
        {"ApplyPolicies", "...x..x"},
        {"SimulatePolicies", all},
        {"GetGuidance", all},
        {"RecordGrantTraining", "xx....."},
        {"GetPerson", all},
        {"ReportBlockedApps", all},
        {"ReportGrantedUsers", all},
        {"ReportPhones", all},
        {"ListWebhooks", all},
        {"GetDirectoryStatus", all},
        {"SyncDirectory", "..x...x"},
        {"ListMembers", all},
        {"ExplainMember", all},
        {"ListSyncRuns", all},
        {"GetSyncRun", all},
        {"ReleaseSyncRun", ".xx...x"},
        {"DiscardSyncRun", ".xx...x"},
        {"ListDevices", all},
        {"GetDevice", all},
        {"RetireDevice", "..x...x"},
        {"CreateToken", "..x...x"},
        {"Explain", all},
        {"GetPolicy", all},
        {"ExportPolicy", ".xx..xx"},
        {"ListAudit", ".x..xxx"},
        {"GetAuditCheckpoint", all},
        {"ReadAuditLog", "....xx."},
        {"ProveAudit", ".x..xxx"},
        {"ListAuditWitnesses", ".x..xxx"},
        {"PruneAudit", "....x.."},
        {"ListRollouts", all},
        {"PauseRollout", "..x...x"},
        {"ResumeRollout", "..x...x"},
        {"AbortRollout", "..x...x"},
        {"GetTrust", all},
        {"PublishTrust", "......x"},
    };
    AddRequestsAndGrants(out);
    AddArchive(out);
    return out;
  }());
  return kExpected;
}

TEST(CheckPermission, EveryRoleAndVerb) {
  ASSERT_EQ(Permissions().size(), Expected().size());
  for (const auto& [method, marks] : Expected()) {
    for (size_t i = 0; i < kRoles.size(); ++i) {
      const absl::Status got = CheckPermission(method, {kRoles[i]}, "a@x");
      EXPECT_EQ(got.code(),
                marks[i] == 'x' ? absl::StatusCode::kOk : absl::StatusCode::kPermissionDenied)
          << method << " " << RoleName(kRoles[i]);
    }
    EXPECT_EQ(CheckPermission(method, {}, "a@x").code(), absl::StatusCode::kPermissionDenied)
        << method;
  }
}

TEST(CheckPermission, EveryCallHasItsRow) {
  const auto* service = v1::GetAppRequest::descriptor()->file()->FindServiceByName("AdminService");
  ASSERT_NE(service, nullptr);
  std::set<std::string> methods;
  for (int i = 0; i < service->method_count(); ++i) methods.insert(service->method(i)->name());
  EXPECT_EQ(methods.erase("Login") + methods.erase("Logout"), 2u);
  std::set<std::string> rows;
  for (const Permission& p : Permissions()) rows.emplace(p.method);
  EXPECT_EQ(rows, methods);
}

// Whatever shows something is an entry with each call, but for what is the same for everybody. A
// new call is one or the other here before it is one in the table.
TEST(Recorded, EveryCallThatShowsSomethingIsAnEntry) {
  const std::set<std::string> for_everybody = {
      "ListApps", "GetApp", "ListTrm", "ListTrmHistory", "GetBlocklist", "GetGuidance", "GetTrust",
      "GetPolicy", "GetArchiveGuidance", "GetRetention", "GetAuditCheckpoint",
      // Like a dry run: it says what would be, and writes nothing.
      "SimulatePolicies"};
  // Their names begin like those of reports.
  const std::set<std::string> changes = {"ReportIncident"};
  const auto* service = v1::GetAppRequest::descriptor()->file()->FindServiceByName("AdminService");
  ASSERT_NE(service, nullptr);
  for (int i = 0; i < service->method_count(); ++i) {
    const std::string& method = service->method(i)->name();
    const Permission* const permission = FindPermission(method);
    if (permission == nullptr) continue;  // Login and Logout, see above
    bool shows = false;
    for (const char* start : {"Get", "List", "Report", "Explain", "Export", "Read", "Prove"}) {
      shows = shows || (absl::StartsWith(method, start) && !changes.contains(method));
    }
    Recorded want = shows ? Recorded::kEachCall : Recorded::kChange;
    if (for_everybody.contains(method)) want = Recorded::kNever;
    EXPECT_EQ(permission->recorded, want) << method;
  }
}

TEST(Recorded, VerbsOfEntries) {
  const std::pair<const char*, const char*> kCases[] = {
      {"GetPerson", "read.person"},
      {"ListRequests", "read.requests"},
      {"ReportGrantedUsers", "read.report-granted-users"},
      {"ExplainMember", "read.explain-member"},
      {"GetIncidentReport", "read.incident-report"},
      {"ReadAuditLog", "read.audit-log"},
      {"ExportPolicy", "read.export-policy"},
      {"ApproveRequest", "request.approve"},
      {"AskRequest", "request.more-info"},
      {"ApplyPolicies", "apply"},
      {"ListApps", "app.list"},
  };
  for (const auto& [method, want] : kCases) {
    ASSERT_NE(FindPermission(method), nullptr) << method;
    EXPECT_EQ(FindPermission(method)->EntryVerb(), want);
  }
  EXPECT_EQ(FindPermission("Login"), nullptr);
}

TEST(CheckPermission, ARefusalNamesTheRoleNeeded) {
  EXPECT_EQ(CheckPermission("ApplyPolicies", {Role::kAuditor}, "a@x").message(),
            "`apply` needs the role trm-officer or admin; a@x has auditor. Roles come from "
            "directory groups, see `musterctl roles show`");
  EXPECT_EQ(CheckPermission("SetTrm", {}, "a@x").message(),
            "`trm set` needs the role trm-officer; a@x has no role. Roles come from directory "
            "groups, see `musterctl roles show`");
  EXPECT_EQ(CheckPermission("Conjure", {Role::kAdmin}, "a@x").message(),
            "no role may call Conjure");
}

TEST(FindRole, IsTheNamesInverse) {
  for (const Role role : kRoles) EXPECT_EQ(FindRole(RoleName(role)), role);
  EXPECT_EQ(FindRole("Admin"), std::nullopt);
  EXPECT_EQ(FindRole(""), std::nullopt);
}

TEST(RoleConflicts, PairsThatMustBeApart) {
  EXPECT_EQ(RoleConflicts({}), std::vector<std::string>());
  EXPECT_EQ(RoleConflicts({Role::kSocApprover}), std::vector<std::string>());
  EXPECT_EQ(RoleConflicts({Role::kServiceDesk, Role::kUemAdmin}), std::vector<std::string>());
  EXPECT_EQ(RoleConflicts({Role::kServiceDesk, Role::kSocApprover}),
            std::vector<std::string>{"service-desk + soc-approver"});
  EXPECT_EQ(RoleConflicts({Role::kAuditor, Role::kAdmin, Role::kSocApprover}),
            (std::vector<std::string>{"soc-approver + admin", "soc-approver + auditor",
                                      "admin + auditor"}));
}

absl::string_view RecordedColumn(Recorded recorded) {
  switch (recorded) {
    case Recorded::kEachCall:
      return " each |";
    case Recorded::kChange:
      return " change |";
    case Recorded::kNever:
      return " |";
  }
  return "";
}

std::string RolesDocument() {
  std::string out =
      "# Roles\n\n"
      "Printed from the code by `tests/controller/domain/roles_test.cc`, which fails when the two\n"
      "differ. Whoever lacks the role is refused with exit code 4 and told which one is needed.\n"
      "Roles come from directory groups (`directory.roles` in `musterd.yaml`).\n\n"
      "The last column says what the audit log keeps: `each` call, of what shows people, devices "
      "or\n"
      "what they did; the `change`, where a call makes one; of a refused call always an entry.\n\n"
      "| verb |";
  for (const Role role : kRoles) absl::StrAppend(&out, " ", RoleName(role), " |");
  absl::StrAppend(&out, " audit log |\n|---|", "---|---|---|---|---|---|---|---|\n");
  for (const Permission& permission : Permissions()) {
    absl::StrAppend(&out, "| `", permission.verb, "` |");
    for (const Role role : kRoles) {
      const bool may = CheckPermission(permission.method, {role}, "").ok();
      absl::StrAppend(&out, may ? " x |" : " |");
    }
    absl::StrAppend(&out, RecordedColumn(permission.recorded), "\n");
  }
  absl::StrAppend(&out,
                  "\n## Roles that nobody should hold together\n\n"
                  "`musterctl roles show` reports who does.\n\n");
  for (const auto& [a, b] : RolesApart()) {
    absl::StrAppend(&out, "- ", RoleName(a), " and ", RoleName(b), "\n");
  }
  return out;
}

TEST(RolesDoc, SaysWhatTheCodeDoes) {
  if (getenv("MUSTER_WRITE_DOCS") != nullptr) std::ofstream(kRolesFile) << RolesDocument();
  std::ostringstream stored;
  stored << std::ifstream(kRolesFile).rdbuf();
  EXPECT_EQ(stored.str(), RolesDocument());
}

}  // namespace
}  // namespace muster
