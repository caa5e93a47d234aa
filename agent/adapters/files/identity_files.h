// Key, certificate and name of this device, in the state directory.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "agent/domain/certificate.h"
#include "agent/flow/accept_policy.h"
#include "agent/flow/state_store.h"
#include "common/crypto.h"

namespace muster::agent {

struct EnrolledDevice {
  DeviceIdentity identity;
  std::string controller;  // host:port
  std::string key_pem, certificate_pem, ca_pem;
};

// NOT_FOUND: never enrolled; DATA_LOSS: files are missing or do not fit each other.
absl::StatusOr<EnrolledDevice> LoadEnrolled(const StateStore& store);

}  // namespace muster::agent
