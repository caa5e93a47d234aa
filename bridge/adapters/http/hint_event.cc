#include "bridge/adapters/http/hint_event.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "common/crypto.h"
#include "common/uuid.h"

namespace muster::bridge {
namespace {

using nlohmann::json;

// An event is flat; nothing in it is nested.
constexpr int kMaxEventDepth = 4;

}  // namespace

std::optional<std::string> UemIdOfEvent(absl::string_view body) {
  if (body.size() > limits::kMaxHintBytes) return std::nullopt;
  bool too_deep = false;
  const json::parser_callback_t keep = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxEventDepth;
    return !too_deep;
  };
  const json event = json::parse(body.begin(), body.end(), keep, false);
  if (too_deep || !event.is_object()) return std::nullopt;
  for (const char* name : {"DeviceUUID", "DeviceUuid"}) {
    const auto id = event.find(name);
    if (id == event.end() || !id->is_string()) continue;
    const auto& text = id->get_ref<const std::string&>();
    if (IsUuid(text)) return absl::AsciiStrToLower(text);
  }
  return std::nullopt;
}

bool IsBasicAuth(absl::string_view header, absl::string_view user, absl::string_view password) {
  constexpr absl::string_view kScheme = "basic ";
  if (!absl::StartsWithIgnoreCase(header, kScheme)) return false;
  std::string given;
  if (!absl::Base64Unescape(absl::StripAsciiWhitespace(header.substr(kScheme.size())), &given)) {
    return false;
  }
  // Of hashes, so that not even the length tells.
  const std::string wanted = Sha256(absl::StrCat(user, ":", password));
  const std::string got = Sha256(given);
  return CRYPTO_memcmp(wanted.data(), got.data(), wanted.size()) == 0;
}

}  // namespace muster::bridge
