#include "bridge/domain/pacer.h"

#include <algorithm>

#include "common/bridge_limits.h"

namespace muster::bridge {
namespace {

constexpr absl::Duration kMinute = absl::Minutes(1);
constexpr absl::Duration kDay = absl::Hours(24);
constexpr absl::Duration kBucket = absl::Minutes(30);
constexpr uint32_t kMinuteReservePercent = 5;

PacerOptions Sane(PacerOptions options) {
  options.per_minute = std::clamp(options.per_minute, uint32_t{1}, limits::kMaxUemPerMinute);
  options.reserve_percent = std::min(options.reserve_percent, 100u);
  options.parallel = std::max(options.parallel, 1u);
  return options;
}

// Rounded up: a reserve is there when it is asked for.
uint64_t PartOf(uint64_t whole, uint32_t percent) {
  return whole / 100 * percent + (whole % 100 * percent + 99) / 100;
}

// At least one of the calls is everybody's, or nothing but urgent ones would ever go.
uint64_t Share(uint64_t whole, uint32_t reserve_percent, bool urgent) {
  if (urgent) return whole;
  const uint64_t kept = PartOf(whole, reserve_percent);
  return kept < whole ? whole - kept : 1;
}

}  // namespace

Pacer::Pacer(PacerOptions options) : options_(Sane(options)) {}

absl::Time Pacer::NextAt(bool urgent, absl::Time now) const {
  if (in_flight_ >= options_.parallel) return absl::InfiniteFuture();
  absl::Time at = now;
  // Else the clock went back since.
  if (now >= wait_from_) at = std::max(at, wait_until_);
  at = std::max(at, MinuteAt(urgent, now));
  at = std::max(at, DayAt(urgent, now));
  return std::max(at, ToldAt(urgent, now));
}

absl::Time Pacer::MinuteAt(bool urgent, absl::Time now) const {
  const uint64_t share =
      Share(options_.per_minute, std::min(options_.reserve_percent, kMinuteReservePercent), urgent);
  if (in_flight_ >= share) return absl::InfiniteFuture();
  const uint64_t may = share - in_flight_;
  if (minute_.size() < may) return now;
  // The youngest that has to be a minute old.
  return std::min(minute_[minute_.size() - may], now) + kMinute;
}

absl::Time Pacer::DayAt(bool urgent, absl::Time now) const {
  if (options_.per_day == 0) return now;
  const uint64_t share = Share(options_.per_day, options_.reserve_percent, urgent);
  if (in_flight_ >= share) return absl::InfiniteFuture();
  uint64_t used = in_flight_;
  for (auto it = day_.rbegin(); it != day_.rend(); ++it) {
    used += it->second;
    if (used >= share) return std::min(it->first, now) + kBucket + kDay;
  }
  return now;
}

absl::Time Pacer::ToldAt(bool urgent, absl::Time now) const {
  if (!told_ || now < told_->at) return now;
  if (told_->reset_at && now >= *told_->reset_at) return now;
  if (told_->left > (urgent ? 0 : told_->reserve)) return now;
  absl::Time ask = told_->at + kMinute;
  if (told_->reset_at) {
    ask =
        urgent ? std::min(*told_->reset_at, told_->at + limits::kMaxUemBackoff) : *told_->reset_at;
  }
  // One asks; the others wait for what it hears.
  if (now >= ask && in_flight_ > 0) return absl::InfiniteFuture();
  return ask;
}

void Pacer::Sent(absl::Time now) {
  ++in_flight_;
  if (told_) --told_->left;
  Forget(now);
}

void Pacer::Answered(const UemAnswer& answer, absl::Time now) {
  if (in_flight_ > 0) --in_flight_;
  Forget(now);
  minute_.push_back(now);
  if (options_.per_day > 0) {
    if (day_.empty() || now >= day_.back().first + kBucket) day_.emplace_back(now, 0);
    ++day_.back().second;
  }
  Tell(answer.limit, now);
  if (answer.status.code() == absl::StatusCode::kResourceExhausted) {
    Throttle(answer.limit, now);
  } else if (now >= wait_until_ || now < wait_from_) {
    throttled_ = 0;
  }
}

void Pacer::Throttle(const RateLimit& limit, absl::Time now) {
  absl::Time until = wait_until_;
  // Calls that were in flight together are throttled together: that is once.
  if (now >= wait_until_ || now < wait_from_) {
    throttled_ = std::min(throttled_ + 1, 32u);
    until = now + std::min(absl::Seconds(int64_t{1} << (throttled_ - 1)), limits::kMaxUemBackoff);
  }
  if (limit.retry_at && *limit.retry_at > now) {
    until = std::max(until, *limit.retry_at - now <= limits::kMaxUemWindow
                                ? *limit.retry_at
                                : now + limits::kMaxUemBackoff);
  }
  wait_from_ = now;
  wait_until_ = until;
}

void Pacer::Tell(const RateLimit& limit, absl::Time now) {
  if (!limit.limit || !limit.remaining) return;
  told_.reset();
  if (*limit.limit == 0 || *limit.remaining > *limit.limit) return;
  Told told;
  told.at = now;
  // Those in flight it may not have counted yet.
  told.left = static_cast<int64_t>(std::min<uint64_t>(*limit.remaining, INT64_MAX)) - in_flight_;
  told.reserve = static_cast<int64_t>(
      std::min<uint64_t>(PartOf(*limit.limit, options_.reserve_percent), INT64_MAX));
  if (limit.reset_at) {
    if (*limit.reset_at <= now || *limit.reset_at - now > limits::kMaxUemWindow) return;
    told.reset_at = limit.reset_at;
  }
  told_ = told;
}

void Pacer::Forget(absl::Time now) {
  // A clock that went back: what is ahead of it happened just now.
  for (auto it = minute_.rbegin(); it != minute_.rend() && *it > now; ++it) *it = now;
  for (auto it = day_.rbegin(); it != day_.rend() && it->first > now; ++it) it->first = now;
  while (!minute_.empty() && now >= minute_.front() + kMinute) minute_.pop_front();
  while (!day_.empty() && now >= day_.front().first + kBucket + kDay) day_.pop_front();
}

}  // namespace muster::bridge
