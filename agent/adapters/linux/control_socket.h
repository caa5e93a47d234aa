// The local socket: 4 bytes of length in network order, then one ControlRequest or ControlReply
// (proto/muster/v1/agent_control.proto), at most limits::kMaxControlMessageBytes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/adapters/files/file_io.h"
#include "common/clock.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {

// Serves on one thread; a slow or silent caller holds up nobody and is cut off after two
// seconds. At most 32 callers; root's place is taken from another if need be.
class ControlServer {
 public:
  // `file`: the descriptor that came with the question; often none.
  using Handler = std::function<v1::ControlReply(const v1::ControlRequest&, uint32_t uid, Fd file)>;
  // UNAVAILABLE when the socket cannot be made.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Start(const std::string& path,
                                                              Handler handler);
  ~ControlServer();

 private:
  struct Client;
  ControlServer(std::string path, Fd listener, Handler handler);
  void Serve();

  const std::string path_;
  Fd listener_;
  Fd stop_event_;
  const Handler handler_;
  std::thread thread_;
};

// One question. UNAVAILABLE: no agent runs here; DEADLINE_EXCEEDED: it does not answer. A `file`
// goes with it; it stays the caller's.
absl::StatusOr<v1::ControlReply> AskAgent(const std::string& socket_path,
                                          const v1::ControlRequest& request, absl::Duration timeout,
                                          int file = -1);

}  // namespace muster::agent
