// The operators' API. Translates; decides nothing. Every call goes through one door that judges
// the client certificate and logs refusals.
#pragma once

#include <memory>

#include "controller/adapters/grpc/peer.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/reconciler.h"
#include "controller/flow/services.h"
#include "controller/flow/signer.h"
#include "muster/v1/admin_service.grpc.pb.h"
#include "spdlog/logger.h"

namespace muster {

struct AdminDependencies {
  const Services& services;
  const PeerJudge& judge;
  Signer& signer;
  Reconciler& reconciler;
  const DeviceHub& hub;
  const Directory& directory;
  std::shared_ptr<spdlog::logger> log;
};

// Thread-safe. The dependencies must outlive it.
std::unique_ptr<v1::AdminService::Service> NewAdminService(const AdminDependencies& deps);

}  // namespace muster
