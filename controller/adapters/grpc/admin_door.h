// The one way into AdminService, for calls that are written down in files of their own.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controller/adapters/grpc/gate.h"
#include "muster/v1/admin_service.grpc.pb.h"

namespace muster {

class AdminDoor : public v1::AdminService::Service {
 public:
  using Ctx = grpc::ServerContext;

 protected:
  using Body = std::function<absl::Status(const Caller&)>;
  // Judges the caller by their roles for `method`, and only then lets `body` run.
  virtual grpc::Status Enter(absl::string_view method, const Ctx& context, const Body& body) = 0;
};

}  // namespace muster
