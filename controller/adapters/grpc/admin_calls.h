// One function per call that changes something: the request taken apart, the flow called, its
// answer put together.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "controller/adapters/grpc/admin_service.h"
#include "controller/flow/enroll.h"
#include "controller/flow/grants.h"
#include "controller/flow/request_decisions.h"
#include "controller/flow/rollout.h"

namespace muster {

absl::Status DoSetTrm(const AdminDependencies& d, const Actor& a, const v1::SetTrmRequest& in,
                      v1::SetTrmResponse& out);
absl::Status DoRetire(const AdminDependencies& d, const Actor& a, const v1::RetireDeviceRequest& in,
                      v1::DeviceResponse& out);
absl::Status DoToken(const AdminDependencies& d, const Actor& a, const v1::CreateTokenRequest& in,
                     v1::CreateTokenResponse& out);
absl::Status DoRollout(const AdminDependencies& d, const Actor& a, RolloutAction action,
                       const v1::DecideRolloutRequest& in, v1::RolloutResponse& out);
absl::Status DoPublishTrust(const AdminDependencies& d, const Actor& a,
                            const v1::PublishTrustRequest& in, v1::PublishTrustResponse& out);
absl::Status DoApply(const AdminDependencies& d, const Actor& a, const v1::ApplyPoliciesRequest& in,
                     v1::ApplyPoliciesResponse& out);
absl::Status DoSimulate(const AdminDependencies& d, const v1::ApplyPoliciesRequest& in,
                        v1::SimulatePoliciesResponse& out);
absl::Status DoSubmit(const AdminDependencies& d, const Actor& a,
                      const v1::SubmitRequestRequest& in, v1::RequestResponse& out);
absl::Status DoDecide(const AdminDependencies& d, const Actor& a, Decision decision,
                      const v1::DecideRequestRequest& in, v1::RequestResponse& out);
absl::Status DoTraining(const AdminDependencies& d, const Actor& a,
                        const v1::RecordTrainingRequest& in, v1::RequestResponse& out);
absl::Status DoGrant(const AdminDependencies& d, const Actor& a, GrantVerb verb,
                     const v1::DecideGrantRequest& in, v1::GrantResponse& out);
absl::Status DoAdopt(const AdminDependencies& d, const Actor& a, const v1::AdoptGrantRequest& in,
                     v1::GrantResponse& out);
absl::Status DoLogin(const AdminDependencies& d, const std::string& from,
                     const v1::LoginRequest& in, v1::LoginResponse& out);
absl::Status DoGrantTraining(const AdminDependencies& d, const Actor& a,
                             const v1::RecordGrantTrainingRequest& in, v1::GrantResponse& out);
absl::Status DoAttestation(const Services& services, const Actor& a,
                           const v1::RecordAttestationRequest& in,
                           v1::RecordAttestationResponse& out);

}  // namespace muster
