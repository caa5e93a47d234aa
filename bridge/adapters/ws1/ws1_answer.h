// From an HTTP answer to the value that the bridge acts on. Pure.
#pragma once

#include "absl/time/time.h"
#include "bridge/adapters/ws1/http_transport.h"
#include "bridge/adapters/ws1/ws1_options.h"
#include "bridge/domain/uem.h"

namespace muster::bridge {

// An app that the phone neither has nor is to have is an answer of kGetApp: ok, with one app that
// is neither installed nor assigned. A search gives the group with exactly the name, or none; then
// `last_page` is false when the UEM has more that it did not show.
UemAnswer ReadWs1Answer(const Ws1Options& options, const UemCall& call,
                        const HttpResponse& response, absl::Time now);

}  // namespace muster::bridge
