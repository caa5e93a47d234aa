// Where the UEM's event notifications arrive. They carry a password and no signature, come twice,
// late or not at all: so each is but a hint that a phone should be read again.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace muster::bridge {

struct HintOptions {
  std::string address = "127.0.0.1";  // an IP address
  int port = 0;                       // 0: any that is free
  std::string user, password;         // never empty
  // PEM: the certificate, then its chain; and the key itself, which whoever read it has checked.
  // May be empty on a loopback address only.
  std::string certificate_file, key_pem;
  // Called on the server's thread; must not block.
  std::function<void(const std::string& uem_id)> on_hint;
};

// Runs on one thread of its own until it is destroyed. GET is the UEM's connection test: 200. POST
// with an event about a phone: 200, and the hint. Else 400, 401, 405, 413, 415 or 431; more than
// limits::kMaxHintConnections at once are closed unheard.
class HintServer {
 public:
  // INVALID_ARGUMENT: bad options, in words; UNAVAILABLE: the port is taken.
  static absl::StatusOr<std::unique_ptr<HintServer>> Start(HintOptions options);
  virtual ~HintServer() = default;
  virtual int port() const = 0;
};

}  // namespace muster::bridge
