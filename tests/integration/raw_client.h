// gRPC calls with whatever certificate and whatever bytes, which no program of ours would send.
// Each runs in a process of its own, so that the test itself has no threads.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace muster {

struct RawPeer {
  std::string server;            // host:port
  std::string ca;                // PEM file: who vouches for the server
  std::string certificate, key;  // PEM files; empty: no client certificate
};

// One unary call, e.g. "/muster.v1.AdminService/ListApps"; the server's status.
absl::Status RawCall(const RawPeer& peer, const std::string& method, const std::string& request);

// Opens a bidi stream, writes the messages and reads until the server ends it; its status.
// DEADLINE_EXCEEDED when it goes on for more than `seconds`.
absl::Status RawStream(const RawPeer& peer, const std::string& method,
                       const std::vector<std::string>& messages, int seconds = 20);

// The same while the test goes on. Ended in the destructor.
class RawBackgroundStream {
 public:
  RawBackgroundStream(const RawPeer& peer, const std::string& method,
                      const std::vector<std::string>& messages, int seconds);
  ~RawBackgroundStream();
  RawBackgroundStream(const RawBackgroundStream&) = delete;
  RawBackgroundStream& operator=(const RawBackgroundStream&) = delete;

  absl::Status Wait();  // once

 private:
  pid_t pid_;
  int out_;
};

// What came of a stream, and whether its TLS session was resumed from an earlier connection.
struct RawResult {
  absl::Status status;
  bool resumed = false;
};

// Two streams on connections of their own that share a TLS session cache. Each ends as soon as
// the server has answered (CANCELLED, by us). `between` runs in this process.
struct RawTwice {
  RawResult first, second;
};
RawTwice RawStreamTwice(const RawPeer& peer, const std::string& method,
                        const std::vector<std::string>& messages,
                        const std::function<void()>& between);

}  // namespace muster
