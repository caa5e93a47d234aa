// The one gRPC server: TLS 1.3, client certificates asked for, health and reflection on.
#pragma once

#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace muster {

struct ServerOptions {
  std::string listen;  // host:port; port 0: any
  std::string certificate_pem, key_pem;
};

// TLS 1.2 is refused: gRPC 1.51 has no setting for the version, so the only TLS 1.2 cipher on
// offer needs an RSA certificate, and ours is ECDSA. Call before the first use of gRPC.
void RequireTls13();

struct RunningServer {
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};
// UNAVAILABLE when the address cannot be bound.
absl::StatusOr<RunningServer> StartServer(const ServerOptions& options,
                                          const std::vector<grpc::Service*>& services);

}  // namespace muster
