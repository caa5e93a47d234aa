// The kernel's word on every program that was started, after it was (cn_proc). It cannot stop one;
// it shows those that no mark can see.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "agent/adapters/files/file_io.h"

namespace muster::agent {

// Thread-compatible.
class ProcConnector {
 public:
  // UNAVAILABLE: no CAP_NET_ADMIN, a network namespace of its own, or a kernel without it.
  static absl::StatusOr<ProcConnector> Open();

  int fd() const { return socket_.get(); }
  // Processes that became another program since the last call. `lost`: some are missing.
  std::vector<int> Read(bool* lost) const;

 private:
  explicit ProcConnector(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

}  // namespace muster::agent
