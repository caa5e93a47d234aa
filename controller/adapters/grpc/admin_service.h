// The operators' API. Translates; decides nothing. Every call goes through one door that knows who
// calls, asks the table of roles, and logs refusals.
#pragma once

#include <memory>
#include <vector>

#include "controller/adapters/grpc/peer.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/reconciler.h"
#include "controller/flow/services.h"
#include "controller/flow/sign_in.h"
#include "controller/flow/signer.h"
#include "controller/flow/webhooks.h"
#include "muster/v1/admin_service.grpc.pb.h"
#include "spdlog/logger.h"

namespace muster {

struct AdminDependencies {
  const Services& services;
  const PeerJudge& judge;
  Signer& signer;
  Reconciler& reconciler;
  const DeviceHub& hub;
  Directory& directory;
  SignInLimiter& sign_ins;
  const std::vector<Webhook>& webhooks;
  std::shared_ptr<spdlog::logger> log;
};

// Thread-safe. The dependencies must outlive it.
std::unique_ptr<v1::AdminService::Service> NewAdminService(const AdminDependencies& deps);

}  // namespace muster
