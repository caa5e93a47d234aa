// Signing in: OAuth 2 client credentials (RFC 6749, section 4.4).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bridge/adapters/ws1/http_transport.h"
#include "bridge/adapters/ws1/ws1_options.h"
#include "bridge/domain/uem.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace muster::bridge {

// Thread-safe; one thread fetches and the others wait for it.
class Ws1Token {
 public:
  Ws1Token(const Ws1Options* options, HttpTransport* transport, const Clock* clock)
      : options_(options), transport_(transport), clock_(clock) {}

  struct Result {
    absl::Status status;  // as in UemAnswer; the call itself never left
    RateLimit limit;      // where the sign-in was throttled
    std::string token;    // secret
  };
  // A token that is good for a while: fetched anew `limits::kUemTokenMargin` before it ends, and
  // when `refused` is the one at hand (empty: none was refused).
  Result Get(const std::string& refused);

 private:
  Result Fetch(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Ws1Options* const options_;
  HttpTransport* const transport_;
  const Clock* const clock_;
  Mutex mu_;
  std::string token_ ABSL_GUARDED_BY(mu_);
  absl::Time renew_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace muster::bridge
