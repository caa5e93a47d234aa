// The seam under the REST client: one HTTP exchange. Real: adapters/http (libcurl). In tests it
// may also be the simulator in the same process, on the same fake clock.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/bridge_limits.h"

namespace muster::bridge {

struct HttpRequest {
  std::string method;  // "GET", "POST", "PUT", "PATCH", "DELETE"
  std::string url;     // absolute, with its query
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  absl::Duration timeout = limits::kUemCallTime;  // for the whole exchange
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names as sent; compare without case
  std::string body;                                          // at most limits::kMaxUemAnswerBytes
};

// Thread-safe.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  // FAILED_PRECONDITION: nothing was sent (no connection, a bad certificate); UNAVAILABLE: the
  // connection broke or time ran out after that: what became of the request is not known;
  // RESOURCE_EXHAUSTED: the answer is too large. Redirects are not followed.
  virtual absl::StatusOr<HttpResponse> Send(const HttpRequest& request) = 0;
};

}  // namespace muster::bridge
