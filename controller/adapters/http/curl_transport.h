// Posts webhooks with libcurl: TLS 1.2 or later with certificate checks always on, no redirects,
// and plain HTTP to this machine only.
#pragma once

#include <memory>

#include "controller/flow/webhooks.h"

namespace muster {

// Thread-safe: each call has its own handle. Make it before any other thread runs.
std::unique_ptr<WebhookTransport> NewCurlTransport();

}  // namespace muster
