// Every verb calls its method, with what it was given.
#include <gtest/gtest.h>

#include "cli/errors.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {
namespace {

TEST(Musterctl, EveryVerbCallsItsMethodWithWhatItWasGiven) {
  const std::pair<std::vector<std::string>, std::string> kCases[] = {
      {{"app", "show", "tox"}, R"(GetApp {"app_id":"tox"})"},
      {{"trm", "set", "tox", "restricted", "--decision", "TRM-1", "--reason", "r"},
       R"(SetTrm {"app_id":"tox","status":"RESTRICTED","decision_id":"TRM-1","reason":"r","dry_run":false})"},
      {{"request", "submit", "--person", "a@x", "--app", "tox", "--ticket", "INC1",
        "--justification", "why", "--device", "d", "--term", "90d", "--training-acknowledged", "3",
        "--dry-run"},
       R"(SubmitRequest {"person_upn":"a@x","app_id":"tox","ticket":"INC1","justification":"why","device_id":"d","term":"90d","training_acknowledged":"3","dry_run":true,"ticket_source":"","duty_location":"","break_glass":false})"},
      {{"request", "show", "REQ-1"}, R"(GetRequest {"request_id":"REQ-1"})"},
      {{"request", "approve", "REQ-1", "--reason", "r"},
       R"(ApproveRequest {"request_id":"REQ-1","reason":"r","dry_run":false,"expected_revision":0,"duplicate_of":"","to_role":""})"},
      {{"request", "deny", "REQ-1", "--reason", "r", "--dry-run"},
       R"(DenyRequest {"request_id":"REQ-1","reason":"r","dry_run":true,"expected_revision":0,"duplicate_of":"","to_role":""})"},
      {{"request", "cancel", "REQ-1"},
       R"(CancelRequest {"request_id":"REQ-1","reason":"","dry_run":false,"expected_revision":0,"duplicate_of":"","to_role":""})"},
      {{"request", "approve", "REQ-1", "--reason", "r", "--revision", "7"},
       R"(ApproveRequest {"request_id":"REQ-1","reason":"r","dry_run":false,"expected_revision":7,"duplicate_of":"","to_role":""})"},
      {{"request", "more-info", "REQ-1", "--question", "q"},
       R"(AskRequest {"request_id":"REQ-1","reason":"q","dry_run":false,"expected_revision":0,"duplicate_of":"","to_role":""})"},
      {{"request", "answer", "REQ-1", "--answer", "a"},
       R"(AnswerRequest {"request_id":"REQ-1","reason":"a","dry_run":false,"expected_revision":0,"duplicate_of":"","to_role":""})"},
      {{"request", "duplicate", "REQ-1", "--of", "REQ-2", "--reason", "r"},
       R"(DuplicateRequest {"request_id":"REQ-1","reason":"r","dry_run":false,"expected_revision":0,"duplicate_of":"REQ-2","to_role":""})"},
      {{"request", "escalate", "REQ-1", "--to", "admin"},
       R"(EscalateRequest {"request_id":"REQ-1","reason":"","dry_run":false,"expected_revision":0,"duplicate_of":"","to_role":"admin"})"},
      {{"request", "training", "REQ-1", "--version", "3"},
       R"(RecordTraining {"request_id":"REQ-1","version":"3","dry_run":false})"},
      {{"grant", "suspend", "GRT-1", "--reason", "r"},
       R"(SuspendGrant {"grant_id":"GRT-1","reason":"r","dry_run":false,"expected_revision":0,"keep":false})"},
      {{"grant", "resume", "GRT-1", "--reason", "r"},
       R"(ResumeGrant {"grant_id":"GRT-1","reason":"r","dry_run":false,"expected_revision":0,"keep":false})"},
      {{"grant", "recertify", "GRT-1", "--reason", "r", "--term", "90d"},
       R"(RecertifyGrant {"grant_id":"GRT-1","reason":"r","dry_run":false,"expected_revision":0,"term":"90d","keep":false})"},
      {{"grant", "review", "GRT-1", "--reason", "r", "--keep"},
       R"(ReviewGrant {"grant_id":"GRT-1","reason":"r","dry_run":false,"expected_revision":0,"keep":true})"},
      {{"grant", "training", "GRT-1", "--version", "3"},
       R"(RecordGrantTraining {"grant_id":"GRT-1","version":"3","dry_run":false})"},
      {{"trm", "history", "tox"},
       R"(ListTrmHistory {"app_id":"tox","page_size":1000,"cursor":""})"},
      {{"guidance", "show"}, "GetGuidance {}"},
      {{"roles", "show", "--person", "a@x"}, R"(GetRoles {"person_upn":"a@x"})"},
      {{"report", "blocked-apps"}, R"(ReportBlockedApps {"page_size":1000,"cursor":""})"},
      {{"report", "granted-users", "--app", "tox"},
       R"(ReportGrantedUsers {"page_size":1000,"cursor":"","app_id":"tox","person_upn":"","state":"UNSPECIFIED"})"},
      {{"webhook", "list"}, "ListWebhooks {}"},
      {{"grant", "show", "GRT-1"}, R"(GetGrant {"grant_id":"GRT-1"})"},
      {{"grant", "revoke", "GRT-1", "--reason", "r"},
       R"(RevokeGrant {"grant_id":"GRT-1","reason":"r","dry_run":false,"expected_revision":0,"keep":false})"},
      {{"grant", "adopt", "GRT-1", "--reason", "r", "--ticket", "INC1", "--term", "90d",
        "--training-acknowledged", "3", "--dry-run"},
       R"(AdoptGrant {"grant_id":"GRT-1","reason":"r","ticket":"INC1","term":"90d","training_acknowledged":"3","dry_run":true})"},
      {{"person", "show", "a@x"}, R"(GetPerson {"upn":"a@x"})"},
      {{"directory", "status"}, "GetDirectoryStatus {}"},
      {{"directory", "sync", "--dry-run"}, R"(SyncDirectory {"dry_run":true})"},
      {{"directory", "release", "RUN-1"}, R"(ReleaseSyncRun {"run_id":"RUN-1","dry_run":false})"},
      {{"directory", "discard", "RUN-1", "--dry-run"},
       R"(DiscardSyncRun {"run_id":"RUN-1","dry_run":true})"},
      {{"device", "show", "d1"}, R"(GetDevice {"device_id":"d1"})"},
      {{"device", "retire", "d1", "--reason", "r"},
       R"(RetireDevice {"device_id":"d1","reason":"r","dry_run":false})"},
      {{"device", "token", "--platform", "linux", "--owner", "a@x", "--ttl", "2h"},
       R"(CreateToken {"platform":"LINUX","owner_upn":"a@x","ttl":"2h","dry_run":false,"group":"","bridge":false})"},
      {{"device", "token", "--platform", "linux", "--owner", "a@x", "--group", "pilot"},
       R"(CreateToken {"platform":"LINUX","owner_upn":"a@x","dry_run":false,"group":"pilot","bridge":false})"},
      {{"device", "token", "--bridge", "--owner", "a@x"},
       R"(CreateToken {"platform":"UNSPECIFIED","owner_upn":"a@x","dry_run":false,"group":"","bridge":true})"},
      {{"policy", "show"}, "GetPolicy {}"},
      {{"rollout", "status"}, R"(ListRollouts {"name":"","with_devices":false})"},
      {{"rollout", "status", "cohort/linux", "--devices"},
       R"(ListRollouts {"name":"cohort/linux","with_devices":true})"},
      {{"rollout", "pause", "cohort/linux", "--reason", "r"},
       R"(PauseRollout {"name":"cohort/linux","reason":"r","dry_run":false})"},
      {{"rollout", "resume", "cohort/linux", "--reason", "r"},
       R"(ResumeRollout {"name":"cohort/linux","reason":"r","dry_run":false})"},
      {{"rollout", "abort", "cohort/linux", "--reason", "r", "--dry-run"},
       R"(AbortRollout {"name":"cohort/linux","reason":"r","dry_run":true})"},
      {{"trust", "show"}, "GetTrust {}"},
      {{"app", "list", "--limit", "5"}, R"(ListApps {"page_size":5,"cursor":""})"},
      {{"trm", "list", "--cursor", "c"}, R"(ListTrm {"page_size":0,"cursor":"c"})"},
      {{"blocklist", "show"}, "GetBlocklist {}"},
      {{"request", "list", "--state", "awaiting-approval", "--person", "a@x", "--app", "tox"},
       R"(ListRequests {"page_size":1000,"cursor":"","state":"AWAITING_APPROVAL","person_upn":"a@x","app_id":"tox","open":false,"ticket":"","escalated":false})"},
      {{"grant", "list", "--state", "ACTIVE"},
       R"(ListGrants {"page_size":1000,"cursor":"","state":"ACTIVE","person_upn":"","app_id":"","review_owed":false})"},
      {{"directory", "members", "tox"},
       R"(ListMembers {"app_id":"tox","page_size":1000,"cursor":""})"},
      {{"directory", "runs"}, R"(ListSyncRuns {"page_size":1000,"cursor":""})"},
      {{"directory", "runs", "RUN-1"}, R"(GetSyncRun {"run_id":"RUN-1"})"},
      {{"directory", "explain-member", "a@x"}, R"(ExplainMember {"person_upn":"a@x","app_id":""})"},
      {{"directory", "explain-member", "a@x", "--app", "tox"},
       R"(ExplainMember {"person_upn":"a@x","app_id":"tox"})"},
      {{"device", "list", "--app", "tox"},
       R"(ListDevices {"page_size":1000,"cursor":"","app_id":"tox","group":"","alarmed":false,"phones":false,"bridge_id":""})"},
      {{"device", "list", "--group", "pilot", "--alarmed"},
       R"(ListDevices {"page_size":1000,"cursor":"","app_id":"","group":"pilot","alarmed":true,"phones":false,"bridge_id":""})"},
      {{"device", "list", "--phones", "--bridge", "dev-1"},
       R"(ListDevices {"page_size":1000,"cursor":"","app_id":"","group":"","alarmed":false,"phones":true,"bridge_id":"dev-1"})"},
      {{"report", "phones", "--app", "tox", "--state", "not-enforceable", "--person", "a@x"},
       R"(ReportPhones {"page_size":1000,"cursor":"","app_id":"tox","state":"NOT_ENFORCEABLE","person_upn":"a@x"})"},
      {{"explain", "--person", "a@x", "--device", "d", "--app", "tox"},
       R"(Explain {"person_upn":"a@x","device_id":"d","app_id":"tox"})"},
  };
  for (const auto& [args, want] : kCases) {
    FakeController controller;
    controller.Refuse(absl::NotFoundError("stop here"));
    const Ran ran = RunCtl(&controller, args);
    EXPECT_EQ(ran.code, kExitNotFound) << want;
    EXPECT_EQ(ran.err, "musterctl: stop here\n") << want;
    EXPECT_EQ(controller.calls, std::vector<std::string>{want});
  }
}

}  // namespace
}  // namespace muster::cli
