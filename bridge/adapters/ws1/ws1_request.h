// From a call to the one request that carries it out. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bridge/adapters/ws1/ws1_options.h"
#include "bridge/domain/uem.h"

namespace muster::bridge {

struct Ws1Request {
  std::string method;
  std::string target;  // path and query, escaped
  int version = 1;     // of the Accept header
  std::string body;    // JSON; empty: none
};

// INVALID_ARGUMENT, in words: the UEM has no such request, or the call lacks what it needs.
absl::StatusOr<Ws1Request> MakeWs1Request(const Ws1Options& options, const UemCall& call);

// The part of it about groups of any kind and their members.
absl::StatusOr<Ws1Request> MakeWs1GroupRequest(const Ws1Options& options, const UemCall& call);

// How many of a list are asked for at once. The UEM cuts more than 500 phones without a word.
inline constexpr uint64_t kWs1Phones = 500;
inline constexpr uint64_t kWs1Apps = 500;
inline constexpr uint64_t kWs1Members = 1'000;

// Everything but letters, digits and "-._~" as %XX.
std::string EscapeUrl(absl::string_view text);
// "?a=1&b=2", values escaped; empty for no fields.
std::string UrlQuery(const std::vector<std::pair<absl::string_view, std::string>>& fields);

// "public", "purchased", "internal"
absl::string_view Ws1AppKind(ManagedApp::Kind kind);

}  // namespace muster::bridge
