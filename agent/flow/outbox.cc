#include "agent/flow/outbox.h"

#include <algorithm>
#include <utility>

#include "common/limits.h"

namespace muster::agent {

void Outbox::Open(v1::AgentMessage hello) {
  MutexLock lock(&mu_);
  open_ = true;
  ++stream_;
  sent_ = 0;
  interval_ = absl::ZeroDuration();
  answers_.clear();
  answers_.push_back(std::move(hello));
  changed_.NotifyAll();
}

void Outbox::Close() {
  MutexLock lock(&mu_);
  open_ = false;
  answers_.clear();
  changed_.NotifyAll();
}

void Outbox::Push(v1::AgentMessage answer) {
  MutexLock lock(&mu_);
  // A controller that sends documents and never reads our answers must not grow this process.
  if (!open_ || answers_.size() >= max_answers_) return;
  answers_.push_back(std::move(answer));
  changed_.NotifyAll();
}

void Outbox::Wake() {
  MutexLock lock(&mu_);
  ++epoch_;
  changed_.NotifyAll();
}

void Outbox::Throttle(absl::Duration interval) {
  MutexLock lock(&mu_);
  interval_ = std::clamp(interval, absl::ZeroDuration(), limits::kMaxReportInterval);
  changed_.NotifyAll();
}

absl::Duration Outbox::Wait() {
  const absl::Time now = clock_->Now();
  // A clock that was turned back must not make this wait longer than asked for.
  last_report_at_ = std::min(last_report_at_, now);
  return std::max(last_report_at_ + interval_ - now, absl::ZeroDuration());
}

std::optional<v1::AgentMessage> Outbox::Take() {
  mu_.Lock();
  while (open_) {
    if (!answers_.empty()) {
      v1::AgentMessage next = std::move(answers_.front());
      answers_.pop_front();
      mu_.Unlock();
      return next;
    }
    if (const absl::Duration wait = Wait(); wait > absl::ZeroDuration()) {
      changed_.WaitFor(&mu_, wait);
      continue;
    }
    const uint64_t after = sent_, seen = epoch_, stream = stream_;
    mu_.Unlock();
    std::optional<Numbered> report = next_report_(after);  // reads a file: not under the lock
    mu_.Lock();
    if (!open_ || stream != stream_) continue;
    if (report) {
      sent_ = report->seq;
      last_report_at_ = clock_->Now();
      mu_.Unlock();
      return std::move(report->message);
    }
    if (answers_.empty() && epoch_ == seen && open_) changed_.Wait(&mu_);
  }
  mu_.Unlock();
  return std::nullopt;
}

}  // namespace muster::agent
