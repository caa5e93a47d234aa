#include "tests/support/uem_simulator/gate.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace muster::uemsim {
namespace {

constexpr absl::Duration kMinute = absl::Minutes(1), kDay = absl::Hours(24);

}  // namespace

absl::string_view FaultName(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "none";
    case Fault::kSlow:
      return "slow";
    case Fault::kLostBefore:
      return "lost-before";
    case Fault::kLostAfter:
      return "lost-after";
    case Fault::kBrokenJson:
      return "broken-json";
    case Fault::kTruncated:
      return "truncated";
    case Fault::kErrorWithEffect:
      return "error-with-effect";
    case Fault::kUnavailable:
      return "unavailable";
    case Fault::kThrottleStorm:
      return "throttle-storm";
  }
  return "";
}

std::optional<Reply> Gate::SignIn(const Call& call) {
  const auto authorization = call.headers.find("authorization");
  absl::string_view token =
      authorization == call.headers.end() ? absl::string_view() : authorization->second;
  const bool bearer = absl::ConsumePrefix(&token, "Bearer ");
  const auto known = tokens_.find(std::string(token));
  if (!bearer || known == tokens_.end() || known->second <= call.now) {
    return Error(401, 0, "The access token is missing or has ended");
  }
  const auto code = call.headers.find("aw-tenant-code");
  if (code == call.headers.end() || code->second != options_.tenant_code) {
    return Error(403, 0, "The tenant code is missing or wrong");
  }
  return std::nullopt;
}

Reply Gate::Token(const Call& call) {
  std::map<std::string, std::string> form;
  for (absl::string_view pair : absl::StrSplit(call.body, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> both =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    form[PercentDecoded(both.first, true)] = PercentDecoded(both.second, true);
  }
  const auto type = call.headers.find("content-type");
  if (call.method != "POST" || type == call.headers.end() ||
      !absl::StartsWith(type->second, "application/x-www-form-urlencoded") ||
      form["grant_type"] != "client_credentials") {
    return {.status = 400, .body = Json{{"error", "unsupported_grant_type"}}};
  }
  if (form["client_id"] != options_.client_id || form["client_secret"] != options_.client_secret) {
    return {.status = 400, .body = Json{{"error", "invalid_client"}}};
  }
  const std::string token = absl::StrCat("simulated-token-", ++last_token_);
  for (auto it = tokens_.begin(); it != tokens_.end();) {
    it = it->second <= call.now ? tokens_.erase(it) : std::next(it);
  }
  tokens_[token] = call.now + options_.token_life;
  const int64_t seconds = absl::ToInt64Seconds(options_.token_life);
  Json body = {{"access_token", token}, {"token_type", "Bearer"}, {"expires_in", seconds}};
  if (options_.token_life_as_text) body["expires_in"] = absl::StrCat(seconds);
  return Ok(std::move(body));
}

uint64_t Gate::Used(const Window& window, absl::Duration length, absl::Time now) {
  return now >= window.began + length ? 0 : window.used;
}

void Gate::Use(Window* window, absl::Duration length, absl::Time now) {
  if (now >= window->began + length) *window = {.began = now};
  ++window->used;
}

bool Gate::Count(absl::Time now) {
  if (options_.per_minute != 0 && Used(minute_, kMinute, now) >= options_.per_minute) return false;
  if (options_.per_day != 0 && Used(day_, kDay, now) >= options_.per_day) return false;
  Use(&minute_, kMinute, now);
  Use(&day_, kDay, now);
  return true;
}

std::vector<std::pair<std::string, std::string>> Gate::LimitHeadersAt(absl::Time now) const {
  const bool by_day = options_.headers == LimitHeaders::kDay;
  const uint64_t limit = by_day ? options_.per_day : options_.per_minute;
  if (options_.headers == LimitHeaders::kNone || limit == 0) return {};
  const Window& window = by_day ? day_ : minute_;
  const absl::Duration length = by_day ? kDay : kMinute;
  const uint64_t used = Used(window, length, now);
  const absl::Time began = now >= window.began + length ? now : window.began;
  return {{"X-RateLimit-Limit", absl::StrCat(limit)},
          {"X-RateLimit-Remaining", absl::StrCat(limit - std::min(limit, used))},
          {"X-RateLimit-Reset", absl::StrCat(absl::ToUnixSeconds(began + length))}};
}

void Gate::FailNext(Fault fault, uint32_t count, std::string path_part) {
  planned_.push_back({fault, count, std::move(path_part)});
}

Fault Gate::Draw(const Call& call) {
  for (auto it = planned_.begin(); it != planned_.end(); ++it) {
    if (!absl::StrContains(call.target, it->path_part)) continue;
    const Fault fault = it->fault;
    if (--it->count == 0) planned_.erase(it);
    if (fault == Fault::kThrottleStorm) storm_until_ = call.now + options_.storm;
    return fault;
  }
  if (call.now < storm_until_) return Fault::kThrottleStorm;
  const std::pair<Fault, uint32_t> chances[] = {
      {Fault::kSlow, rates_.slow},
      {Fault::kLostBefore, rates_.lost_before},
      {Fault::kLostAfter, rates_.lost_after},
      {Fault::kBrokenJson, rates_.broken_json},
      {Fault::kTruncated, rates_.truncated},
      {Fault::kErrorWithEffect, rates_.error_with_effect},
      {Fault::kUnavailable, rates_.unavailable},
      {Fault::kThrottleStorm, rates_.throttle_storm},
  };
  uint64_t luck = random_() % 1000;
  for (const auto& [fault, chance] : chances) {
    if (luck < chance) {
      if (fault == Fault::kThrottleStorm) storm_until_ = call.now + options_.storm;
      return fault;
    }
    luck -= chance;
  }
  return Fault::kNone;
}

absl::Duration Gate::Latency(Fault fault) {
  if (fault == Fault::kSlow) return absl::Seconds(1 + static_cast<int64_t>(random_() % 90));
  // A lost answer is known as lost when the connection breaks.
  return options_.latency / 2 + options_.latency * (static_cast<double>(random_() % 1000) / 1000.0);
}

void Gate::Book(CallRecord record) {
  record.sequence = ++last_call_;
  effects_ += record.effect.empty() ? 0 : 1;
  redundant_ += record.redundant ? 1 : 0;
  calls_.push_back(std::move(record));
  while (calls_.size() > options_.max_calls) calls_.pop_front();
}

}  // namespace muster::uemsim
