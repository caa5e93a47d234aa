#include "agent/flow/outbox.h"

#include <utility>

#include "common/limits.h"

namespace muster::agent {
namespace {

// A controller that sends documents and never reads our answers must not grow this process.

}  // namespace

void Outbox::Open(v1::AgentMessage hello) {
  MutexLock lock(&mu_);
  open_ = true;
  ++stream_;
  sent_ = 0;
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
  if (!open_ || answers_.size() >= limits::kMaxOutboxAnswers) return;
  answers_.push_back(std::move(answer));
  changed_.NotifyAll();
}

void Outbox::Wake() {
  MutexLock lock(&mu_);
  ++epoch_;
  changed_.NotifyAll();
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
    const uint64_t after = sent_, seen = epoch_, stream = stream_;
    mu_.Unlock();
    std::optional<Numbered> report = next_report_(after);  // reads a file: not under the lock
    mu_.Lock();
    if (!open_ || stream != stream_) continue;
    if (report) {
      sent_ = report->seq;
      mu_.Unlock();
      return std::move(report->message);
    }
    if (answers_.empty() && epoch_ == seen && open_) changed_.Wait(&mu_);
  }
  mu_.Unlock();
  return std::nullopt;
}

}  // namespace muster::agent
