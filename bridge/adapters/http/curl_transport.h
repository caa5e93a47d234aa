// HTTP with libcurl: TLS 1.2 or later with certificate checks always on, HTTP/1.1, no redirects.
// A proxy comes from the environment (https_proxy, no_proxy), as for every program on the host.
#pragma once

#include <memory>
#include <string>

#include "bridge/adapters/ws1/http_transport.h"

namespace muster::bridge {

struct CurlOptions {
  std::string ca_file;       // PEM; empty: the system's
  size_t idle_handles = 16;  // kept with their connections, at most
};

// Thread-safe. Make it before any other thread runs. Its errors name the host and nothing more of
// a URL. Only GET and HEAD go over a connection that was used before: libcurl sends a request once
// more when such a connection turns out to be dead, and a change must go once or not at all.
std::unique_ptr<HttpTransport> NewCurlTransport(CurlOptions options);

}  // namespace muster::bridge
