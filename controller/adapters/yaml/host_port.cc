#include "controller/adapters/yaml/host_port.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace muster {

std::optional<HostPort> SplitHostPort(absl::string_view text) {
  HostPort out;
  absl::string_view rest;
  if (absl::StartsWith(text, "[")) {
    const size_t close = text.find(']');
    if (close == absl::string_view::npos) return std::nullopt;
    out.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!absl::StrContains(out.host, ':')) return std::nullopt;
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    out.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  const bool host_ok =
      !out.host.empty() && std::all_of(out.host.begin(), out.host.end(), [](char c) {
        return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == ':' || c == '_';
      });
  if (!host_ok) return std::nullopt;
  if (rest.empty()) return out;
  if (!absl::ConsumePrefix(&rest, ":") || rest.empty() || rest.size() > 5) return std::nullopt;
  if (!std::all_of(rest.begin(), rest.end(), [](char c) { return absl::ascii_isdigit(c); })) {
    return std::nullopt;
  }
  if (!absl::SimpleAtoi(rest, &out.port) || out.port > 65'535) return std::nullopt;
  return out;
}

bool IsLoopback(absl::string_view host) {
  const bool v4 = std::all_of(host.begin(), host.end(),
                              [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
  return host == "localhost" || host == "::1" || (v4 && absl::StartsWith(host, "127."));
}

}  // namespace muster
