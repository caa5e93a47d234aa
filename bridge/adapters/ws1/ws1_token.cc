#include "bridge/adapters/ws1/ws1_token.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "bridge/adapters/ws1/ws1_errors.h"
#include "bridge/adapters/ws1/ws1_json.h"
#include "bridge/adapters/ws1/ws1_request.h"
#include "common/bridge_limits.h"

namespace muster::bridge {
namespace {

// Where the answer does not say how long its token is good.
constexpr absl::Duration kAssumedLife = absl::Hours(1);
constexpr absl::Duration kLongestLife = absl::Hours(24);

// It becomes part of a header.
bool IsToken(absl::string_view text) {
  return !text.empty() && text.size() <= limits::kMaxUemTokenBytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); });
}

// Only the standard's own word: the rest of the answer may repeat what was sent, with the secret.
std::string ErrorWord(const HttpResponse& response) {
  const auto json = ParseUemJson(response.body);
  const std::string word = json.ok() ? UemText(*json, {"error"}) : "";
  for (const char* known : {"invalid_request", "invalid_client", "invalid_grant",
                            "unauthorized_client", "unsupported_grant_type", "invalid_scope"}) {
    if (word == known) return absl::StrCat(": ", word);
  }
  return "";
}

absl::Status SignInStatus(const HttpResponse& response) {
  const std::string words = absl::StrCat("signing in to the UEM: its token service answered ",
                                         response.status, ErrorWord(response));
  if (response.status == 429 || response.status == 503) {
    return absl::ResourceExhaustedError(words);
  }
  if (response.status >= 400 && response.status < 500) {
    return absl::UnauthenticatedError(
        absl::StrCat(words, "; check the client id, its secret and the token URL"));
  }
  return absl::UnavailableError(words);
}

}  // namespace

Ws1Token::Result Ws1Token::Get(const std::string& refused) {
  const MutexLock lock(&mu_);
  const absl::Time now = clock_->Now();
  if (!token_.empty() && now < renew_at_ && token_ != refused) {
    return {absl::OkStatus(), {}, token_};
  }
  token_.clear();
  return Fetch(now);
}

Ws1Token::Result Ws1Token::Fetch(absl::Time now) {
  HttpRequest request;
  request.method = "POST";
  request.url = options_->token_url;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body =
      absl::StrCat("grant_type=client_credentials&client_id=", EscapeUrl(options_->client_id),
                   "&client_secret=", EscapeUrl(options_->client_secret));
  request.timeout = limits::kUemSignInTime;
  const auto response = transport_->Send(request);
  if (!response.ok()) {
    return {absl::UnavailableError(
                absl::StrCat("signing in to the UEM: ", response.status().message())),
            {},
            ""};
  }
  const RateLimit limit = ReadRateLimit(*response, now);
  if (response->status < 200 || response->status > 299) {
    return {SignInStatus(*response), limit, ""};
  }
  const auto json = ParseUemJson(response->body);
  // Not UemText: a token can be longer than any text for people.
  const Json* token = json.ok() ? FindUemField(*json, {"access_token"}) : nullptr;
  if (token == nullptr || !token->is_string() || !IsToken(token->get_ref<const std::string&>())) {
    return {absl::UnavailableError("signing in to the UEM: the answer holds no token"), {}, ""};
  }
  const auto seconds = UemNumber(*json, {"expires_in"});
  const absl::Duration life = !seconds.has_value() ? kAssumedLife
                              : *seconds > static_cast<uint64_t>(absl::ToInt64Seconds(kLongestLife))
                                  ? kLongestLife
                                  : absl::Seconds(static_cast<int64_t>(*seconds));
  token_ = token->get<std::string>();
  renew_at_ = now + life - std::min(limits::kUemTokenMargin, life / 2);
  return {absl::OkStatus(), {}, token_};
}

}  // namespace muster::bridge
