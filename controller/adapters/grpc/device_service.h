// The agents' API: enrolment, and one bidirectional stream per agent. Streams use the raw
// callback API, so that a document's bytes are shared by every stream that sends them.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "controller/adapters/grpc/peer.h"
#include "controller/flow/certificate_authority.h"
#include "controller/flow/device_alarms.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/services.h"
#include "muster/v1/policy.pb.h"
#include "spdlog/logger.h"

namespace muster {

struct DeviceDependencies {
  const Services& services;
  const PeerJudge& judge;
  CertificateAuthority& ca;
  DeviceHub& hub;
  InstanceWatch& instances;
  std::shared_ptr<spdlog::logger> log;
};

// Thread-safe. The dependencies must outlive it.
std::unique_ptr<grpc::Service> NewDeviceService(const DeviceDependencies& deps);

}  // namespace muster
