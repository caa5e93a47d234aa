// What a new device keeps of the controller's answer to its enrolment.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/flow/state_store.h"
#include "common/crypto.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/device_service.pb.h"

namespace muster::agent {

struct NewIdentity {
  v1::AcceptedState state;
  std::string identity_json;
  std::string certificate_pem;
};

// Nothing of the answer is believed before this. FAILED_PRECONDITION: the certificate is not for
// `key`, or no device or tenant is named; else why the root was refused.
absl::StatusOr<NewIdentity> CheckEnrollment(const v1::EnrollResponse& response,
                                            const PrivateKey& key, const std::string& controller,
                                            absl::Time now);

// The identity's file goes last: its presence says that the rest is complete. What was there of an
// older identity must be gone already.
absl::Status SaveEnrollment(StateStore& store, const NewIdentity& identity, const PrivateKey& key,
                            const std::string& ca_pem);

}  // namespace muster::agent
