// The one way in for operators: who calls, by certificate or sign-in token, and whether their roles
// allow it.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/statusor.h"
#include "controller/adapters/grpc/peer.h"
#include "controller/domain/roles.h"
#include "controller/flow/services.h"

namespace muster {

struct Caller {
  Actor actor;
  Roles roles;
  std::string token;  // of a sign-in; empty: came with a certificate
};

// Immutable; thread-safe.
class Gate {
 public:
  Gate(const Services& services, const PeerJudge& judge) : services_(services), judge_(judge) {}

  // UNAUTHENTICATED: neither a certificate nor a token that counts. A certificate goes first.
  absl::StatusOr<Caller> Identify(const grpc::ServerContextBase& context) const;

 private:
  absl::StatusOr<Caller> ByCertificate(const grpc::ServerContextBase& context) const;
  absl::StatusOr<Caller> ByToken(const grpc::ServerContextBase& context) const;

  const Services& services_;
  const PeerJudge& judge_;
};

}  // namespace muster
