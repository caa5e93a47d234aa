#include "controller/adapters/grpc/admin_service.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "common/limits.h"
#include "common/mutex.h"
#include "controller/adapters/grpc/admin_calls.h"
#include "controller/adapters/grpc/admin_views.h"
#include "controller/adapters/grpc/directory_views.h"
#include "controller/adapters/grpc/gate.h"
#include "controller/adapters/grpc/incident_service.h"
#include "controller/adapters/grpc/phone_views.h"
#include "controller/adapters/grpc/report_views.h"
#include "controller/flow/call_log.h"
#include "controller/flow/explain.h"
#include "controller/flow/export_policy.h"
#include "controller/flow/log_search.h"
#include "controller/flow/roles.h"
#include "controller/flow/sync_runs.h"
#include "controller/flow/training.h"
#include "controller/flow/trust.h"

namespace muster {
namespace {

// One method: a line. `Door` judges the caller before any of them runs.
class AdminServiceImpl final : public IncidentService {
 public:
  explicit AdminServiceImpl(const AdminDependencies& deps)
      : IncidentService(deps.services, deps.signer),
        d_(deps),
        gate_(deps.services, deps.judge),
        s_(deps.services) {}

  grpc::Status ListApps(Ctx* c, const v1::ListAppsRequest* in, v1::ListAppsResponse* out) override {
    return Door("ListApps", *c, *in,
                [&](const Caller&) { return muster::ListApps(s_, *in, *out); });
  }
  grpc::Status GetApp(Ctx* c, const v1::GetAppRequest* in, v1::AppView* out) override {
    return Door("GetApp", *c, *in, [&](const Caller&) { return muster::GetApp(s_, *in, *out); });
  }
  grpc::Status ListTrm(Ctx* c, const v1::ListTrmRequest* in, v1::ListTrmResponse* out) override {
    return Door("ListTrm", *c, *in, [&](const Caller&) { return muster::ListTrm(s_, *in, *out); });
  }
  grpc::Status ListTrmHistory(Ctx* c, const v1::ListTrmHistoryRequest* in,
                              v1::ListTrmResponse* out) override {
    return Door("ListTrmHistory", *c, *in,
                [&](const Caller&) { return muster::ListTrmHistory(s_, *in, *out); });
  }
  grpc::Status GetBlocklist(Ctx* c, const v1::GetBlocklistRequest* in,
                            v1::GetBlocklistResponse* out) override {
    return Door("GetBlocklist", *c, *in,
                [&](const Caller&) { return muster::GetBlocklist(s_, *out); });
  }
  grpc::Status GetGuidance(Ctx* c, const v1::GetGuidanceRequest* in, v1::Guidance* out) override {
    return Door("GetGuidance", *c, *in,
                [&](const Caller&) { return Give(LoadGuidance(*s_.store.Read()), *out); });
  }
  grpc::Status ListRequests(Ctx* c, const v1::ListRequestsRequest* in,
                            v1::ListRequestsResponse* out) override {
    return Door("ListRequests", *c, *in,
                [&](const Caller&) { return muster::ListRequests(s_, *in, *out); });
  }
  grpc::Status GetRequest(Ctx* c, const v1::GetRequestRequest* in, v1::Request* out) override {
    return Door("GetRequest", *c, *in,
                [&](const Caller&) { return muster::GetRequest(s_, *in, *out); });
  }
  grpc::Status ListGrants(Ctx* c, const v1::ListGrantsRequest* in,
                          v1::ListGrantsResponse* out) override {
    return Door("ListGrants", *c, *in,
                [&](const Caller&) { return muster::ListGrants(s_, *in, *out); });
  }
  grpc::Status GetGrant(Ctx* c, const v1::GetGrantRequest* in, v1::Grant* out) override {
    return Door("GetGrant", *c, *in,
                [&](const Caller&) { return muster::GetGrant(s_, *in, *out); });
  }
  grpc::Status GetPerson(Ctx* c, const v1::GetPersonRequest* in, v1::PersonView* out) override {
    return Door("GetPerson", *c, *in,
                [&](const Caller&) { return muster::GetPerson(s_, *in, *out); });
  }
  grpc::Status ReportBlockedApps(Ctx* c, const v1::ReportBlockedAppsRequest* in,
                                 v1::ReportBlockedAppsResponse* out) override {
    return Door("ReportBlockedApps", *c, *in,
                [&](const Caller&) { return muster::ReportBlockedApps(s_, *in, *out); });
  }
  grpc::Status ReportPhones(Ctx* c, const v1::ReportPhonesRequest* in,
                            v1::ReportPhonesResponse* out) override {
    return Door("ReportPhones", *c, *in,
                [&](const Caller&) { return muster::ReportPhones(s_, *in, *out); });
  }
  grpc::Status ReportGrantedUsers(Ctx* c, const v1::ReportGrantedUsersRequest* in,
                                  v1::ReportGrantedUsersResponse* out) override {
    return Door("ReportGrantedUsers", *c, *in,
                [&](const Caller&) { return muster::ReportGrantedUsers(s_, *in, *out); });
  }
  grpc::Status ListWebhooks(Ctx* c, const v1::ListWebhooksRequest* in,
                            v1::ListWebhooksResponse* out) override {
    return Door("ListWebhooks", *c, *in,
                [&](const Caller&) { return muster::ListWebhooks(s_, d_.webhooks, *out); });
  }
  grpc::Status GetDirectoryStatus(Ctx* c, const v1::GetDirectoryStatusRequest* in,
                                  v1::DirectoryStatus* out) override {
    return Door("GetDirectoryStatus", *c, *in,
                [&](const Caller&) { return muster::GetDirectoryStatus(s_, d_.directory, *out); });
  }
  grpc::Status ListMembers(Ctx* c, const v1::ListMembersRequest* in,
                           v1::ListMembersResponse* out) override {
    return Door("ListMembers", *c, *in,
                [&](const Caller&) { return muster::ListMembers(s_, *in, *out); });
  }
  grpc::Status ListSyncRuns(Ctx* c, const v1::ListSyncRunsRequest* in,
                            v1::ListSyncRunsResponse* out) override {
    return Door("ListSyncRuns", *c, *in,
                [&](const Caller&) { return muster::ListSyncRuns(s_, *in, *out); });
  }
  grpc::Status GetSyncRun(Ctx* c, const v1::GetSyncRunRequest* in, v1::SyncRun* out) override {
    return Door("GetSyncRun", *c, *in,
                [&](const Caller&) { return muster::GetSyncRun(s_, *in, *out); });
  }
  grpc::Status ExplainMember(Ctx* c, const v1::ExplainMemberRequest* in,
                             v1::ExplainMemberResponse* out) override {
    return Door("ExplainMember", *c, *in,
                [&](const Caller&) { return ExplainMembership(s_, *in, *out); });
  }
  grpc::Status ListDevices(Ctx* c, const v1::ListDevicesRequest* in,
                           v1::ListDevicesResponse* out) override {
    return Door("ListDevices", *c, *in,
                [&](const Caller&) { return muster::ListDevices(s_, *in, *out); });
  }
  grpc::Status GetDevice(Ctx* c, const v1::GetDeviceRequest* in, v1::DeviceView* out) override {
    return Door("GetDevice", *c, *in,
                [&](const Caller&) { return muster::GetDevice(s_, d_.hub, *in, *out); });
  }
  grpc::Status GetPolicy(Ctx* c, const v1::GetPolicyRequest* in, v1::PolicyView* out) override {
    return Door("GetPolicy", *c, *in,
                [&](const Caller&) { return muster::GetPolicy(s_, d_.signer, *out); });
  }
  grpc::Status ExportPolicy(Ctx* c, const v1::ExportPolicyRequest* in,
                            v1::ExportPolicyResponse* out) override {
    return Door("ExportPolicy", *c, *in,
                [&](const Caller&) { return muster::ExportPolicy(s_, *in, *out); });
  }
  grpc::Status ListAudit(Ctx* c, const v1::ListAuditRequest* in,
                         v1::ListAuditResponse* out) override {
    return Door("ListAudit", *c, *in,
                [&](const Caller&) { return SearchLog(*s_.store.Read(), *in, *out); });
  }
  grpc::Status ListRollouts(Ctx* c, const v1::ListRolloutsRequest* in,
                            v1::ListRolloutsResponse* out) override {
    return Door("ListRollouts", *c, *in,
                [&](const Caller&) { return muster::ListRollouts(s_, d_.hub, *in, *out); });
  }
  grpc::Status GetTrust(Ctx* c, const v1::GetTrustRequest* in, v1::TrustView* out) override {
    return Door("GetTrust", *c, *in, [&](const Caller&) { return muster::GetTrust(s_, *out); });
  }
  grpc::Status Explain(Ctx* c, const v1::ExplainRequest* in, v1::Explanation* out) override {
    return Door("Explain", *c, *in, [&](const Caller&) {
      return Give(muster::Explain(s_, d_.hub, in->person_upn(), in->device_id(), in->app_id()),
                  *out);
    });
  }
  grpc::Status SimulatePolicies(Ctx* c, const v1::ApplyPoliciesRequest* in,
                                v1::SimulatePoliciesResponse* out) override {
    return Door("SimulatePolicies", *c, *in,
                [&](const Caller&) { return DoSimulate(d_, *in, *out); });
  }
  grpc::Status GetRoles(Ctx* c, const v1::GetRolesRequest* in, v1::RolesView* out) override {
    return Door("GetRoles", *c, *in, [&](const Caller& who) {
      return DescribeRoles(s_, who.actor, who.roles, in->person_upn(), *out);
    });
  }
  grpc::Status SetTrm(Ctx* c, const v1::SetTrmRequest* in, v1::SetTrmResponse* out) override {
    return Door("SetTrm", *c, *in,
                [&](const Caller& who) { return DoSetTrm(d_, who.actor, *in, *out); });
  }
  grpc::Status ApplyPolicies(Ctx* c, const v1::ApplyPoliciesRequest* in,
                             v1::ApplyPoliciesResponse* out) override {
    return Door("ApplyPolicies", *c, *in,
                [&](const Caller& who) { return DoApply(d_, who.actor, *in, *out); });
  }
  grpc::Status SubmitRequest(Ctx* c, const v1::SubmitRequestRequest* in,
                             v1::RequestResponse* out) override {
    return Door("SubmitRequest", *c, *in,
                [&](const Caller& who) { return DoSubmit(d_, who.actor, *in, *out); });
  }
  grpc::Status ApproveRequest(Ctx* c, const v1::DecideRequestRequest* in,
                              v1::RequestResponse* out) override {
    return Door("ApproveRequest", *c, *in, [&](const Caller& who) {
      return DoDecide(d_, who.actor, Decision::kApprove, *in, *out);
    });
  }
  grpc::Status DenyRequest(Ctx* c, const v1::DecideRequestRequest* in,
                           v1::RequestResponse* out) override {
    return Door("DenyRequest", *c, *in, [&](const Caller& who) {
      return DoDecide(d_, who.actor, Decision::kDeny, *in, *out);
    });
  }
  grpc::Status CancelRequest(Ctx* c, const v1::DecideRequestRequest* in,
                             v1::RequestResponse* out) override {
    return Door("CancelRequest", *c, *in, [&](const Caller& who) {
      return DoDecide(d_, who.actor, Decision::kCancel, *in, *out);
    });
  }
  grpc::Status AskRequest(Ctx* c, const v1::DecideRequestRequest* in,
                          v1::RequestResponse* out) override {
    return Door("AskRequest", *c, *in, [&](const Caller& who) {
      return DoDecide(d_, who.actor, Decision::kAskMore, *in, *out);
    });
  }
  grpc::Status AnswerRequest(Ctx* c, const v1::DecideRequestRequest* in,
                             v1::RequestResponse* out) override {
    return Door("AnswerRequest", *c, *in, [&](const Caller& who) {
      return DoDecide(d_, who.actor, Decision::kAnswer, *in, *out);
    });
  }
  grpc::Status DuplicateRequest(Ctx* c, const v1::DecideRequestRequest* in,
                                v1::RequestResponse* out) override {
    return Door("DuplicateRequest", *c, *in, [&](const Caller& who) {
      return DoDecide(d_, who.actor, Decision::kDuplicate, *in, *out);
    });
  }
  grpc::Status EscalateRequest(Ctx* c, const v1::DecideRequestRequest* in,
                               v1::RequestResponse* out) override {
    return Door("EscalateRequest", *c, *in, [&](const Caller& who) {
      return DoDecide(d_, who.actor, Decision::kEscalate, *in, *out);
    });
  }
  grpc::Status RecordTraining(Ctx* c, const v1::RecordTrainingRequest* in,
                              v1::RequestResponse* out) override {
    return Door("RecordTraining", *c, *in,
                [&](const Caller& who) { return DoTraining(d_, who.actor, *in, *out); });
  }
  grpc::Status RevokeGrant(Ctx* c, const v1::DecideGrantRequest* in,
                           v1::GrantResponse* out) override {
    return Door("RevokeGrant", *c, *in, [&](const Caller& who) {
      return DoGrant(d_, who.actor, GrantVerb::kRevoke, *in, *out);
    });
  }
  grpc::Status SuspendGrant(Ctx* c, const v1::DecideGrantRequest* in,
                            v1::GrantResponse* out) override {
    return Door("SuspendGrant", *c, *in, [&](const Caller& who) {
      return DoGrant(d_, who.actor, GrantVerb::kSuspend, *in, *out);
    });
  }
  grpc::Status ResumeGrant(Ctx* c, const v1::DecideGrantRequest* in,
                           v1::GrantResponse* out) override {
    return Door("ResumeGrant", *c, *in, [&](const Caller& who) {
      return DoGrant(d_, who.actor, GrantVerb::kResume, *in, *out);
    });
  }
  grpc::Status RecertifyGrant(Ctx* c, const v1::DecideGrantRequest* in,
                              v1::GrantResponse* out) override {
    return Door("RecertifyGrant", *c, *in, [&](const Caller& who) {
      return DoGrant(d_, who.actor, GrantVerb::kRecertify, *in, *out);
    });
  }
  grpc::Status ReviewGrant(Ctx* c, const v1::DecideGrantRequest* in,
                           v1::GrantResponse* out) override {
    return Door("ReviewGrant", *c, *in, [&](const Caller& who) {
      return DoGrant(d_, who.actor,
                     in->keep() ? GrantVerb::kReviewAndKeep : GrantVerb::kReviewAndEnd, *in, *out);
    });
  }
  grpc::Status AdoptGrant(Ctx* c, const v1::AdoptGrantRequest* in,
                          v1::GrantResponse* out) override {
    return Door("AdoptGrant", *c, *in,
                [&](const Caller& who) { return DoAdopt(d_, who.actor, *in, *out); });
  }
  grpc::Status RecordGrantTraining(Ctx* c, const v1::RecordGrantTrainingRequest* in,
                                   v1::GrantResponse* out) override {
    return Door("RecordGrantTraining", *c, *in,
                [&](const Caller& who) { return DoGrantTraining(d_, who.actor, *in, *out); });
  }
  grpc::Status SyncDirectory(Ctx* c, const v1::SyncDirectoryRequest* in,
                             v1::SyncRun* out) override {
    return Door("SyncDirectory", *c, *in, [&](const Caller& who) {
      return Give(d_.reconciler.SyncNow(who.actor, in->dry_run()), *out);
    });
  }
  grpc::Status ReleaseSyncRun(Ctx* c, const v1::DecideSyncRunRequest* in,
                              v1::SyncRun* out) override {
    return Door("ReleaseSyncRun", *c, *in, [&](const Caller& who) {
      return Give(d_.reconciler.Release(who.actor, in->run_id(), in->dry_run()), *out);
    });
  }
  grpc::Status DiscardSyncRun(Ctx* c, const v1::DecideSyncRunRequest* in,
                              v1::SyncRun* out) override {
    return Door("DiscardSyncRun", *c, *in, [&](const Caller& who) {
      return Give(DiscardRun(s_, who.actor, in->run_id(), in->dry_run()), *out);
    });
  }
  grpc::Status RetireDevice(Ctx* c, const v1::RetireDeviceRequest* in,
                            v1::DeviceResponse* out) override {
    return Door("RetireDevice", *c, *in,
                [&](const Caller& who) { return DoRetire(d_, who.actor, *in, *out); });
  }
  grpc::Status CreateToken(Ctx* c, const v1::CreateTokenRequest* in,
                           v1::CreateTokenResponse* out) override {
    return Door("CreateToken", *c, *in,
                [&](const Caller& who) { return DoToken(d_, who.actor, *in, *out); });
  }
  grpc::Status PauseRollout(Ctx* c, const v1::DecideRolloutRequest* in,
                            v1::RolloutResponse* out) override {
    return Door("PauseRollout", *c, *in, [&](const Caller& who) {
      return DoRollout(d_, who.actor, RolloutAction::kPause, *in, *out);
    });
  }
  grpc::Status ResumeRollout(Ctx* c, const v1::DecideRolloutRequest* in,
                             v1::RolloutResponse* out) override {
    return Door("ResumeRollout", *c, *in, [&](const Caller& who) {
      return DoRollout(d_, who.actor, RolloutAction::kResume, *in, *out);
    });
  }
  grpc::Status AbortRollout(Ctx* c, const v1::DecideRolloutRequest* in,
                            v1::RolloutResponse* out) override {
    return Door("AbortRollout", *c, *in, [&](const Caller& who) {
      return DoRollout(d_, who.actor, RolloutAction::kAbort, *in, *out);
    });
  }
  grpc::Status PublishTrust(Ctx* c, const v1::PublishTrustRequest* in,
                            v1::PublishTrustResponse* out) override {
    return Door("PublishTrust", *c, *in, [&](const Caller& who) {
      MutexLock lock(&trust_mu_);
      return DoPublishTrust(d_, who.actor, *in, *out);
    });
  }
  grpc::Status Login(Ctx* c, const v1::LoginRequest* in, v1::LoginResponse* out) override {
    return Logged("Login", in->upn(), *c, DoLogin(d_, PeerAddress(*c), *in, *out));
  }
  grpc::Status Logout(Ctx* c, const v1::LogoutRequest*, v1::LogoutResponse*) override {
    absl::StatusOr<Caller> who = gate_.Identify(*c);
    if (who.ok() && who->token.empty()) {
      who =
          absl::FailedPreconditionError("you came with a certificate; there is no sign-in to end");
    }
    if (!who.ok()) return Logged("Logout", "", *c, who.status());
    return Logged("Logout", who->actor.who.upn, *c, SignOut(s_, who->actor, who->token));
  }

 private:
  grpc::Status Door(absl::string_view method, const Ctx& context,
                    const google::protobuf::Message& request, const Call& call) override {
    const absl::StatusOr<Caller> who = gate_.Identify(context);
    if (!who.ok()) return Logged(method, "", context, who.status());
    absl::Status status = CheckPermission(method, who->roles, who->actor.who.upn);
    if (status.ok()) status = call(*who);
    return Logged(method, who->actor.who.upn, context,
                  RecordCall(s_, who->actor, method, request, status));
  }

  grpc::Status Logged(absl::string_view method, const std::string& upn, const Ctx& context,
                      const absl::Status& status) const {
    if (!status.ok()) {
      d_.log->warn("{}{}{} from {} refused: {}", std::string(method), upn.empty() ? "" : " by ",
                   absl::CHexEscape(upn.substr(0, limits::kMaxLoggedBytes)), PeerAddress(context),
                   status.ToString());
    }
    return ToGrpc(status);
  }

  template <typename T>
  static absl::Status Give(absl::StatusOr<T> result, T& out) {
    if (!result.ok()) return result.status();
    out = *std::move(result);
    return absl::OkStatus();
  }

  const AdminDependencies d_;
  const Gate gate_;
  const Services& s_;
  Mutex trust_mu_;  // one root at a time: the signer follows the last one published
};

}  // namespace

std::unique_ptr<v1::AdminService::Service> NewAdminService(const AdminDependencies& deps) {
  return std::make_unique<AdminServiceImpl>(deps);
}

}  // namespace muster
