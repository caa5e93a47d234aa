#include "controller/adapters/grpc/admin_calls.h"

#include <utility>

#include "common/time_proto.h"
#include "controller/adapters/yaml/policy_loader.h"
#include "controller/flow/apply.h"
#include "controller/flow/attestations.h"
#include "controller/flow/simulate.h"
#include "controller/flow/training.h"
#include "controller/flow/trust.h"

namespace muster {
namespace {

void FillImpact(const Touched& touched, bool dry_run, v1::Impact* out) {
  out->set_dry_run(dry_run);
  out->mutable_changes()->Assign(touched.changes.begin(), touched.changes.end());
  out->set_devices(touched.devices);
  out->set_persons(touched.persons);
  out->set_grants(touched.grants);
  out->mutable_drift()->Assign(touched.drift.begin(), touched.drift.end());
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

template <typename Response>
void FillIssues(const std::vector<PolicyIssue>& issues, Response& out) {
  for (const PolicyIssue& issue : issues) *out.add_issues() = IssueProto(issue);
}

absl::StatusOr<LoadResult> LoadFiles(const v1::ApplyPoliciesRequest& in) {
  if (static_cast<size_t>(in.files_size()) > limits::kMaxPolicyFiles) {
    return absl::InvalidArgumentError(
        absl::StrCat("too many policy files; at most ", limits::kMaxPolicyFiles));
  }
  if (in.files().empty()) return absl::InvalidArgumentError("there is no policy file to apply");
  std::vector<PolicyFileText> files;
  for (const v1::PolicyFile& file : in.files()) files.push_back({file.path(), file.text()});
  return LoadPolicies(files);
}

absl::Status GiveRequest(RequestOutcome outcome, bool dry_run, v1::RequestResponse& out) {
  *out.mutable_request() = std::move(outcome.request);
  FillImpact(outcome.touched, dry_run, out.mutable_impact());
  return absl::OkStatus();
}

absl::Status GiveGrant(GrantOutcome outcome, bool dry_run, v1::GrantResponse& out) {
  *out.mutable_grant() = std::move(outcome.grant);
  FillImpact(outcome.touched, dry_run, out.mutable_impact());
  return absl::OkStatus();
}

}  // namespace

absl::Status DoSetTrm(const AdminDependencies& d, const Actor& a, const v1::SetTrmRequest& in,
                      v1::SetTrmResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(
      TrmOutcome outcome,
      muster::SetTrm(d.services, a, {in.app_id(), in.status(), in.decision_id(), in.reason()},
                     in.dry_run()));
  *out.mutable_trm() = std::move(outcome.trm);
  FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
  return absl::OkStatus();
}

absl::Status DoRetire(const AdminDependencies& d, const Actor& a, const v1::RetireDeviceRequest& in,
                      v1::DeviceResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(DeviceOutcome outcome, muster::RetireDevice(d.services, a, in.device_id(),
                                                                      in.reason(), in.dry_run()));
  *out.mutable_device() = std::move(outcome.device);
  out.mutable_device()->clear_certificate_spki();
  FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
  return absl::OkStatus();
}

absl::Status DoToken(const AdminDependencies& d, const Actor& a, const v1::CreateTokenRequest& in,
                     v1::CreateTokenResponse& out) {
  const absl::Duration ttl = in.has_ttl() ? FromProto(in.ttl()) : limits::kDefaultTokenTtl;
  MUSTER_ASSIGN_OR_RETURN(TokenOutcome outcome, muster::CreateToken(d.services, a,
                                                                    {.platform = in.platform(),
                                                                     .owner_upn = in.owner_upn(),
                                                                     .group = in.group(),
                                                                     .ttl = ttl,
                                                                     .bridge = in.bridge()},
                                                                    in.dry_run()));
  out.set_token(std::move(outcome.token));
  *out.mutable_expires_at() = ToProto(outcome.expires_at);
  FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
  return absl::OkStatus();
}

absl::Status DoRollout(const AdminDependencies& d, const Actor& a, RolloutAction action,
                       const v1::DecideRolloutRequest& in, v1::RolloutResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(RolloutOutcome outcome, DecideRollout(d.services, a, action, in.name(),
                                                                in.reason(), in.dry_run()));
  *out.mutable_rollout() = std::move(outcome.rollout);
  FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
  return absl::OkStatus();
}

absl::Status DoPublishTrust(const AdminDependencies& d, const Actor& a,
                            const v1::PublishTrustRequest& in, v1::PublishTrustResponse& out) {
  const std::vector<v1::SignedDoc> documents(in.documents().begin(), in.documents().end());
  MUSTER_ASSIGN_OR_RETURN(TrustOutcome outcome,
                          muster::PublishTrust(d.services, d.signer, a, documents, in.dry_run()));
  out.mutable_items()->Assign(outcome.items.begin(), outcome.items.end());
  FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
  return absl::OkStatus();
}

absl::Status DoApply(const AdminDependencies& d, const Actor& a, const v1::ApplyPoliciesRequest& in,
                     v1::ApplyPoliciesResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(const LoadResult loaded, LoadFiles(in));
  FillIssues(loaded.issues, out);
  if (HasErrors(loaded.issues)) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(
      const ApplyOutcome outcome,
      ApplyPolicies(d.services, a, loaded.policies,
                    {.prune = in.prune(), .dry_run = in.dry_run(), .commit = in.commit()}));
  FillIssues(outcome.issues, out);
  FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
  out.mutable_deletions()->Assign(outcome.deletions.begin(), outcome.deletions.end());
  out.set_applied(outcome.applied);
  return absl::OkStatus();
}

absl::Status DoSimulate(const AdminDependencies& d, const v1::ApplyPoliciesRequest& in,
                        v1::SimulatePoliciesResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(const LoadResult loaded, LoadFiles(in));
  FillIssues(loaded.issues, out);
  if (HasErrors(loaded.issues)) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const std::vector<PolicyIssue> issues,
                          SimulatePolicies(d.services, loaded.policies, in.prune(), out));
  FillIssues(issues, out);
  return absl::OkStatus();
}

absl::Status DoSubmit(const AdminDependencies& d, const Actor& a,
                      const v1::SubmitRequestRequest& in, v1::RequestResponse& out) {
  const absl::Duration standard =
      in.break_glass() ? limits::kMaxBreakGlassTerm : limits::kDefaultTerm;
  Submission submission = {.person_upn = in.person_upn(),
                           .app_id = in.app_id(),
                           .ticket = in.ticket(),
                           .justification = in.justification(),
                           .duty_location = in.duty_location(),
                           .device_id = in.device_id(),
                           .training_acknowledged = in.training_acknowledged(),
                           .break_glass = in.break_glass(),
                           .term = in.has_term() ? FromProto(in.term()) : standard};
  if (!in.ticket_source().empty()) submission.ticket_source = in.ticket_source();
  MUSTER_ASSIGN_OR_RETURN(RequestOutcome outcome, Submit(d.services, a, submission, in.dry_run()));
  return GiveRequest(std::move(outcome), in.dry_run(), out);
}

absl::Status DoDecide(const AdminDependencies& d, const Actor& a, Decision decision,
                      const v1::DecideRequestRequest& in, v1::RequestResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(RequestOutcome outcome,
                          DecideRequest(d.services, a,
                                        {.decision = decision,
                                         .request_id = in.request_id(),
                                         .reason = in.reason(),
                                         .expected_revision = in.expected_revision(),
                                         .duplicate_of = in.duplicate_of(),
                                         .to_role = in.to_role()},
                                        in.dry_run()));
  return GiveRequest(std::move(outcome), in.dry_run(), out);
}

absl::Status DoTraining(const AdminDependencies& d, const Actor& a,
                        const v1::RecordTrainingRequest& in, v1::RequestResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(RequestOutcome outcome, RecordTraining(d.services, a, in.request_id(),
                                                                 in.version(), in.dry_run()));
  return GiveRequest(std::move(outcome), in.dry_run(), out);
}

absl::Status DoGrant(const AdminDependencies& d, const Actor& a, GrantVerb verb,
                     const v1::DecideGrantRequest& in, v1::GrantResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(
      GrantOutcome outcome,
      DecideGrant(d.services, a,
                  {.verb = verb,
                   .grant_id = in.grant_id(),
                   .reason = in.reason(),
                   .expected_revision = in.expected_revision(),
                   .term = in.has_term() ? FromProto(in.term()) : limits::kDefaultTerm},
                  in.dry_run()));
  return GiveGrant(std::move(outcome), in.dry_run(), out);
}

absl::Status DoAdopt(const AdminDependencies& d, const Actor& a, const v1::AdoptGrantRequest& in,
                     v1::GrantResponse& out) {
  const absl::Duration term = in.has_term() ? FromProto(in.term()) : limits::kDefaultTerm;
  MUSTER_ASSIGN_OR_RETURN(
      GrantOutcome outcome,
      AdoptGrant(d.services, a, in.grant_id(),
                 {in.reason(), in.ticket(), in.training_acknowledged(), term}, in.dry_run()));
  return GiveGrant(std::move(outcome), in.dry_run(), out);
}

absl::Status DoLogin(const AdminDependencies& d, const std::string& from,
                     const v1::LoginRequest& in, v1::LoginResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(SignedIn signed_in, SignIn(d.services, d.directory, d.sign_ins, in.upn(),
                                                     in.password(), from));
  out.set_token(std::move(signed_in.token));
  *out.mutable_expires_at() = signed_in.session.expires_at();
  out.set_upn(signed_in.session.upn());
  for (std::string& role : signed_in.roles) out.add_roles(std::move(role));
  return absl::OkStatus();
}

absl::Status DoGrantTraining(const AdminDependencies& d, const Actor& a,
                             const v1::RecordGrantTrainingRequest& in, v1::GrantResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(GrantOutcome outcome, RecordGrantTraining(d.services, a, in.grant_id(),
                                                                    in.version(), in.dry_run()));
  return GiveGrant(std::move(outcome), in.dry_run(), out);
}

absl::Status DoAttestation(const Services& services, const Actor& a,
                           const v1::RecordAttestationRequest& in,
                           v1::RecordAttestationResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(AttestationOutcome outcome, RecordAttestation(services, a, in));
  *out.mutable_attestation() = std::move(outcome.attestation);
  FillImpact(outcome.touched, in.dry_run(), out.mutable_impact());
  return absl::OkStatus();
}

}  // namespace muster
