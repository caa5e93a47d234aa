// The simulator behind a socket, for the quickstart and for tests of real clients. On loopback
// only: it has no other protection for its control paths.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/support/uem_simulator/simulator.h"

namespace muster::uemsim {

struct ServerOptions {
  std::string address = "127.0.0.1";                 // a loopback address
  uint16_t port = 0;                                 // 0: the system chooses
  std::string certificate_file = {}, key_file = {};  // PEM; both empty: plain HTTP
  std::string events_ca_file = {};                   // for targets of events with https
};

// A thread for each connection, at most kMaxConnections at once. Thread-safe.
class Server {
 public:
  static constexpr size_t kMaxConnections = 64;
  // INVALID_ARGUMENT: not a loopback address, or a bad certificate; UNAVAILABLE: the port is taken.
  static absl::StatusOr<std::unique_ptr<Server>> New(const ServerOptions& options,
                                                     Simulator* simulator);
  virtual ~Server() = default;  // stops it
  virtual uint16_t port() const = 0;
};

}  // namespace muster::uemsim
