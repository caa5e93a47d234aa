// "host:port" as people write it. Pure.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"

namespace muster {

struct HostPort {
  absl::string_view host;
  int port = -1;  // -1: none given
};

// "host", "host:port", "[v6]:port"; nullopt for anything else.
std::optional<HostPort> SplitHostPort(absl::string_view text);

bool IsLoopback(absl::string_view host);

}  // namespace muster
