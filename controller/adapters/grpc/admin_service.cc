#include "controller/adapters/grpc/admin_service.h"

#include <utility>

#include "common/mutex.h"
#include "common/time_proto.h"
#include "controller/adapters/grpc/admin_views.h"
#include "controller/adapters/grpc/directory_views.h"
#include "controller/adapters/yaml/policy_loader.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/enroll.h"
#include "controller/flow/explain.h"
#include "controller/flow/grants.h"
#include "controller/flow/lookup.h"
#include "controller/flow/requests.h"
#include "controller/flow/rollout.h"
#include "controller/flow/sync_runs.h"
#include "controller/flow/trust.h"

namespace muster {
namespace {

void FillImpact(const Touched& touched, bool dry_run, v1::Impact* out) {
  out->set_dry_run(dry_run);
  out->mutable_changes()->Assign(touched.changes.begin(), touched.changes.end());
  out->set_devices(touched.devices);
  out->set_persons(touched.persons);
}

v1::Issue IssueProto(const PolicyIssue& issue) {
  v1::Issue out;
  out.set_severity(issue.severity == PolicyIssue::Severity::kError ? v1::Issue::ERROR
                                                                   : v1::Issue::WARNING);
  out.set_file(issue.file);
  out.set_line(static_cast<uint32_t>(issue.line));
  out.set_column(static_cast<uint32_t>(issue.column));
  out.set_message(issue.message);
  return out;
}

// One method: a line. `Door` judges the caller before any of them runs.
class AdminServiceImpl final : public v1::AdminService::Service {
 public:
  using Ctx = grpc::ServerContext;

  explicit AdminServiceImpl(const AdminDependencies& deps) : d_(deps), s_(deps.services) {}

  grpc::Status ListApps(Ctx* c, const v1::ListAppsRequest* in, v1::ListAppsResponse* out) override {
    return Door("ListApps", *c, [&](const Actor&) { return muster::ListApps(s_, *in, *out); });
  }
  grpc::Status GetApp(Ctx* c, const v1::GetAppRequest* in, v1::AppView* out) override {
    return Door("GetApp", *c, [&](const Actor&) { return muster::GetApp(s_, *in, *out); });
  }
  grpc::Status ListTrm(Ctx* c, const v1::ListTrmRequest* in, v1::ListTrmResponse* out) override {
    return Door("ListTrm", *c, [&](const Actor&) { return muster::ListTrm(s_, *in, *out); });
  }
  grpc::Status GetBlocklist(Ctx* c, const v1::GetBlocklistRequest* in,
                            v1::GetBlocklistResponse* out) override {
    return Door("GetBlocklist", *c, [&](const Actor&) { return muster::GetBlocklist(s_, *out); });
  }
  grpc::Status ListRequests(Ctx* c, const v1::ListRequestsRequest* in,
                            v1::ListRequestsResponse* out) override {
    return Door("ListRequests", *c,
                [&](const Actor&) { return muster::ListRequests(s_, *in, *out); });
  }
  grpc::Status GetRequest(Ctx* c, const v1::GetRequestRequest* in, v1::Request* out) override {
    return Door("GetRequest", *c, [&](const Actor&) { return muster::GetRequest(s_, *in, *out); });
  }
  grpc::Status ListGrants(Ctx* c, const v1::ListGrantsRequest* in,
                          v1::ListGrantsResponse* out) override {
    return Door("ListGrants", *c, [&](const Actor&) { return muster::ListGrants(s_, *in, *out); });
  }
  grpc::Status GetGrant(Ctx* c, const v1::GetGrantRequest* in, v1::Grant* out) override {
    return Door("GetGrant", *c, [&](const Actor&) { return muster::GetGrant(s_, *in, *out); });
  }
  grpc::Status GetPerson(Ctx* c, const v1::GetPersonRequest* in, v1::PersonView* out) override {
    return Door("GetPerson", *c, [&](const Actor&) { return muster::GetPerson(s_, *in, *out); });
  }
  grpc::Status GetDirectoryStatus(Ctx* c, const v1::GetDirectoryStatusRequest* in,
                                  v1::DirectoryStatus* out) override {
    return Door("GetDirectoryStatus", *c,
                [&](const Actor&) { return muster::GetDirectoryStatus(s_, d_.directory, *out); });
  }
  grpc::Status ListMembers(Ctx* c, const v1::ListMembersRequest* in,
                           v1::ListMembersResponse* out) override {
    return Door("ListMembers", *c,
                [&](const Actor&) { return muster::ListMembers(s_, *in, *out); });
  }
  grpc::Status ListSyncRuns(Ctx* c, const v1::ListSyncRunsRequest* in,
                            v1::ListSyncRunsResponse* out) override {
    return Door("ListSyncRuns", *c,
                [&](const Actor&) { return muster::ListSyncRuns(s_, *in, *out); });
  }
  grpc::Status GetSyncRun(Ctx* c, const v1::GetSyncRunRequest* in, v1::SyncRun* out) override {
    return Door("GetSyncRun", *c, [&](const Actor&) { return muster::GetSyncRun(s_, *in, *out); });
  }
  grpc::Status ExplainMember(Ctx* c, const v1::ExplainMemberRequest* in,
                             v1::ExplainMemberResponse* out) override {
    return Door("ExplainMember", *c,
                [&](const Actor&) { return ExplainMembership(s_, *in, *out); });
  }
  grpc::Status ListDevices(Ctx* c, const v1::ListDevicesRequest* in,
                           v1::ListDevicesResponse* out) override {
    return Door("ListDevices", *c,
                [&](const Actor&) { return muster::ListDevices(s_, *in, *out); });
  }
  grpc::Status GetDevice(Ctx* c, const v1::GetDeviceRequest* in, v1::DeviceView* out) override {
    return Door("GetDevice", *c,
                [&](const Actor&) { return muster::GetDevice(s_, d_.hub, *in, *out); });
  }
  grpc::Status GetPolicy(Ctx* c, const v1::GetPolicyRequest* in, v1::PolicyView* out) override {
    return Door("GetPolicy", *c,
                [&](const Actor&) { return muster::GetPolicy(s_, d_.signer, *out); });
  }
  grpc::Status ListAudit(Ctx* c, const v1::ListAuditRequest* in,
                         v1::ListAuditResponse* out) override {
    return Door("ListAudit", *c, [&](const Actor&) { return muster::ListAudit(s_, *in, *out); });
  }
  grpc::Status SetTrm(Ctx* c, const v1::SetTrmRequest* in, v1::SetTrmResponse* out) override {
    return Door("SetTrm", *c, [&](const Actor& a) { return DoSetTrm(a, *in, *out); });
  }
  grpc::Status ApplyPolicies(Ctx* c, const v1::ApplyPoliciesRequest* in,
                             v1::ApplyPoliciesResponse* out) override {
    return Door("ApplyPolicies", *c, [&](const Actor& a) { return DoApply(a, *in, *out); });
  }
  grpc::Status SubmitRequest(Ctx* c, const v1::SubmitRequestRequest* in,
                             v1::RequestResponse* out) override {
    return Door("SubmitRequest", *c, [&](const Actor& a) { return DoSubmit(a, *in, *out); });
  }
  grpc::Status ApproveRequest(Ctx* c, const v1::DecideRequestRequest* in,
                              v1::RequestResponse* out) override {
    return Door("ApproveRequest", *c,
                [&](const Actor& a) { return DoDecide(a, Decision::kApprove, *in, *out); });
  }
  grpc::Status DenyRequest(Ctx* c, const v1::DecideRequestRequest* in,
                           v1::RequestResponse* out) override {
    return Door("DenyRequest", *c,
                [&](const Actor& a) { return DoDecide(a, Decision::kDeny, *in, *out); });
  }
  grpc::Status CancelRequest(Ctx* c, const v1::DecideRequestRequest* in,
                             v1::RequestResponse* out) override {
    return Door("CancelRequest", *c,
                [&](const Actor& a) { return DoDecide(a, Decision::kCancel, *in, *out); });
  }
  grpc::Status RevokeGrant(Ctx* c, const v1::RevokeGrantRequest* in,
                           v1::GrantResponse* out) override {
    return Door("RevokeGrant", *c, [&](const Actor& a) { return DoRevoke(a, *in, *out); });
  }
  grpc::Status AdoptGrant(Ctx* c, const v1::AdoptGrantRequest* in,
                          v1::GrantResponse* out) override {
    return Door("AdoptGrant", *c, [&](const Actor& a) { return DoAdopt(a, *in, *out); });
  }
  grpc::Status SyncDirectory(Ctx* c, const v1::SyncDirectoryRequest* in,
                             v1::SyncRun* out) override {
    return Door("SyncDirectory", *c, [&](const Actor& a) {
      return Give(d_.reconciler.SyncNow(a, in->dry_run()), *out);
    });
  }
  grpc::Status ReleaseSyncRun(Ctx* c, const v1::DecideSyncRunRequest* in,
                              v1::SyncRun* out) override {
    return Door("ReleaseSyncRun", *c, [&](const Actor& a) {
      return Give(d_.reconciler.Release(a, in->run_id(), in->dry_run()), *out);
    });
  }
  grpc::Status DiscardSyncRun(Ctx* c, const v1::DecideSyncRunRequest* in,
                              v1::SyncRun* out) override {
    return Door("DiscardSyncRun", *c, [&](const Actor& a) {
      return Give(DiscardRun(s_, a, in->run_id(), in->dry_run()), *out);
    });
  }
  grpc::Status RetireDevice(Ctx* c, const v1::RetireDeviceRequest* in,
                            v1::DeviceResponse* out) override {
    return Door("RetireDevice", *c, [&](const Actor& a) { return DoRetire(a, *in, *out); });
  }
  grpc::Status CreateToken(Ctx* c, const v1::CreateTokenRequest* in,
                           v1::CreateTokenResponse* out) override {
    return Door("CreateToken", *c, [&](const Actor& a) { return DoToken(a, *in, *out); });
  }
  grpc::Status ListRollouts(Ctx* c, const v1::ListRolloutsRequest* in,
                            v1::ListRolloutsResponse* out) override {
    return Door("ListRollouts", *c,
                [&](const Actor&) { return muster::ListRollouts(s_, d_.hub, *in, *out); });
  }
  grpc::Status PauseRollout(Ctx* c, const v1::DecideRolloutRequest* in,
                            v1::RolloutResponse* out) override {
    return Door("PauseRollout", *c,
                [&](const Actor& a) { return DoRollout(a, RolloutAction::kPause, *in, *out); });
  }
  grpc::Status ResumeRollout(Ctx* c, const v1::DecideRolloutRequest* in,
                             v1::RolloutResponse* out) override {
    return Door("ResumeRollout", *c,
                [&](const Actor& a) { return DoRollout(a, RolloutAction::kResume, *in, *out); });
  }
  grpc::Status AbortRollout(Ctx* c, const v1::DecideRolloutRequest* in,
                            v1::RolloutResponse* out) override {
    return Door("AbortRollout", *c,
                [&](const Actor& a) { return DoRollout(a, RolloutAction::kAbort, *in, *out); });
  }
  grpc::Status GetTrust(Ctx* c, const v1::GetTrustRequest*, v1::TrustView* out) override {
    return Door("GetTrust", *c, [&](const Actor&) { return muster::GetTrust(s_, *out); });
  }
  grpc::Status PublishTrust(Ctx* c, const v1::PublishTrustRequest* in,
                            v1::PublishTrustResponse* out) override {
    return Door("PublishTrust", *c, [&](const Actor& a) { return DoPublishTrust(a, *in, *out); });
  }
  grpc::Status Explain(Ctx* c, const v1::ExplainRequest* in, v1::Explanation* out) override {
    return Door("Explain", *c, [&](const Actor&) {
      return Give(muster::Explain(s_, d_.hub, in->person_upn(), in->device_id(), in->app_id()),
                  *out);
    });
  }

 private:
  // The one way in: judges the caller, resolves who that is in the directory, logs refusals.
  template <typename F>
  grpc::Status Door(absl::string_view method, const Ctx& context, F&& call) {
    const absl::Status status = [&]() -> absl::Status {
      MUSTER_ASSIGN_OR_RETURN(const PeerCertificate peer, d_.judge.Operator(context));
      MUSTER_ASSIGN_OR_RETURN(Operator who, ResolveOperator(*s_.store.Read(), peer.id));
      const Actor actor{std::move(who), absl::StrCat("certificate ", peer.serial), peer.from};
      absl::Status result = call(actor);
      if (!result.ok()) {
        d_.log->warn("{} by {} from {} refused: {}", std::string(method), actor.who.upn, actor.from,
                     result.ToString());
      }
      return result;
    }();
    if (absl::IsUnauthenticated(status)) {
      d_.log->warn("{} from {} refused: {}", std::string(method), PeerAddress(context),
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

  absl::Status DoSetTrm(const Actor& a, const v1::SetTrmRequest& in, v1::SetTrmResponse& out) {
    MUSTER_ASSIGN_OR_RETURN(
        TrmOutcome outcome,
        muster::SetTrm(s_, a, {in.app_id(), in.status(), in.decision_id(), in.reason()},
                       in.dry_run()));
    *out.mutable_trm() = std::move(outcome.trm);
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    return absl::OkStatus();
  }

  absl::Status DoApply(const Actor& a, const v1::ApplyPoliciesRequest& in,
                       v1::ApplyPoliciesResponse& out) {
    if (static_cast<size_t>(in.files_size()) > limits::kMaxPolicyFiles) {
      return absl::InvalidArgumentError(
          absl::StrCat("too many policy files; at most ", limits::kMaxPolicyFiles));
    }
    if (in.files().empty()) return absl::InvalidArgumentError("there is no policy file to apply");
    std::vector<PolicyFileText> files;
    for (const v1::PolicyFile& file : in.files()) files.push_back({file.path(), file.text()});
    LoadResult loaded = LoadPolicies(files);
    FillIssues(loaded.issues, out);
    if (HasErrors(loaded.issues)) return absl::OkStatus();
    MUSTER_ASSIGN_OR_RETURN(
        const ApplyOutcome outcome,
        muster::ApplyPolicies(s_, a, loaded.policies, in.prune(), in.dry_run()));
    FillIssues(outcome.issues, out);
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    out.set_applied(outcome.applied);
    return absl::OkStatus();
  }

  static void FillIssues(const std::vector<PolicyIssue>& issues, v1::ApplyPoliciesResponse& out) {
    for (const PolicyIssue& issue : issues) *out.add_issues() = IssueProto(issue);
  }

  absl::Status DoSubmit(const Actor& a, const v1::SubmitRequestRequest& in,
                        v1::RequestResponse& out) {
    const absl::Duration term = in.has_term() ? FromProto(in.term()) : limits::kDefaultTerm;
    MUSTER_ASSIGN_OR_RETURN(RequestOutcome outcome,
                            Submit(s_, a,
                                   {.person_upn = in.person_upn(),
                                    .app_id = in.app_id(),
                                    .ticket = in.ticket(),
                                    .justification = in.justification(),
                                    .device_id = in.device_id(),
                                    .training_acknowledged = in.training_acknowledged(),
                                    .term = term},
                                   in.dry_run()));
    *out.mutable_request() = std::move(outcome.request);
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    return absl::OkStatus();
  }

  absl::Status DoDecide(const Actor& a, Decision decision, const v1::DecideRequestRequest& in,
                        v1::RequestResponse& out) {
    MUSTER_ASSIGN_OR_RETURN(RequestOutcome outcome, DecideRequest(s_, a, in.request_id(), decision,
                                                                  in.reason(), in.dry_run()));
    *out.mutable_request() = std::move(outcome.request);
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    return absl::OkStatus();
  }

  absl::Status DoRevoke(const Actor& a, const v1::RevokeGrantRequest& in, v1::GrantResponse& out) {
    MUSTER_ASSIGN_OR_RETURN(GrantOutcome outcome,
                            muster::RevokeGrant(s_, a, in.grant_id(), in.reason(), in.dry_run()));
    *out.mutable_grant() = std::move(outcome.grant);
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    return absl::OkStatus();
  }

  absl::Status DoAdopt(const Actor& a, const v1::AdoptGrantRequest& in, v1::GrantResponse& out) {
    const absl::Duration term = in.has_term() ? FromProto(in.term()) : limits::kDefaultTerm;
    MUSTER_ASSIGN_OR_RETURN(
        GrantOutcome outcome,
        muster::AdoptGrant(s_, a, in.grant_id(),
                           {in.reason(), in.ticket(), in.training_acknowledged(), term},
                           in.dry_run()));
    *out.mutable_grant() = std::move(outcome.grant);
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    return absl::OkStatus();
  }

  absl::Status DoRetire(const Actor& a, const v1::RetireDeviceRequest& in,
                        v1::DeviceResponse& out) {
    MUSTER_ASSIGN_OR_RETURN(DeviceOutcome outcome,
                            muster::RetireDevice(s_, a, in.device_id(), in.reason(), in.dry_run()));
    *out.mutable_device() = std::move(outcome.device);
    out.mutable_device()->clear_certificate_spki();
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    return absl::OkStatus();
  }

  absl::Status DoToken(const Actor& a, const v1::CreateTokenRequest& in,
                       v1::CreateTokenResponse& out) {
    const absl::Duration ttl = in.has_ttl() ? FromProto(in.ttl()) : limits::kDefaultTokenTtl;
    MUSTER_ASSIGN_OR_RETURN(TokenOutcome outcome, muster::CreateToken(s_, a,
                                                                      {.platform = in.platform(),
                                                                       .owner_upn = in.owner_upn(),
                                                                       .group = in.group(),
                                                                       .ttl = ttl},
                                                                      in.dry_run()));
    out.set_token(std::move(outcome.token));
    *out.mutable_expires_at() = ToProto(outcome.expires_at);
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    return absl::OkStatus();
  }

  absl::Status DoRollout(const Actor& a, RolloutAction action, const v1::DecideRolloutRequest& in,
                         v1::RolloutResponse& out) {
    MUSTER_ASSIGN_OR_RETURN(RolloutOutcome outcome,
                            DecideRollout(s_, a, action, in.name(), in.reason(), in.dry_run()));
    *out.mutable_rollout() = std::move(outcome.rollout);
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    return absl::OkStatus();
  }

  absl::Status DoPublishTrust(const Actor& a, const v1::PublishTrustRequest& in,
                              v1::PublishTrustResponse& out) {
    MutexLock lock(&trust_mu_);
    const std::vector<v1::SignedDoc> documents(in.documents().begin(), in.documents().end());
    MUSTER_ASSIGN_OR_RETURN(TrustOutcome outcome,
                            muster::PublishTrust(s_, d_.signer, a, documents, in.dry_run()));
    out.mutable_items()->Assign(outcome.items.begin(), outcome.items.end());
    FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
    return absl::OkStatus();
  }

  const AdminDependencies d_;
  const Services& s_;
  Mutex trust_mu_;  // one root at a time: the signer follows the last one published
};

}  // namespace

std::unique_ptr<v1::AdminService::Service> NewAdminService(const AdminDependencies& deps) {
  return std::make_unique<AdminServiceImpl>(deps);
}

}  // namespace muster
