// What goes to the controller next, without any transport: answers first, then waiting reports
// in order. A reader thread and a writer thread of one stream share it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/mutex.h"
#include "muster/v1/device_service.pb.h"

namespace muster::agent {

// Thread-safe. At-least-once: a new stream starts again with the first report that waits.
class Outbox {
 public:
  // The next waiting report above a number, and that number; empty: none.
  struct Numbered {
    uint64_t seq = 0;
    v1::AgentMessage message;
  };
  using NextReport = std::function<std::optional<Numbered>(uint64_t after)>;
  // At most `max_answers` wait; what is beyond is dropped, as if the stream had broken there.
  Outbox(NextReport next_report, const Clock* clock, size_t max_answers = limits::kMaxOutboxAnswers)
      : next_report_(std::move(next_report)), clock_(clock), max_answers_(max_answers) {}

  // A stream begins; `hello` goes first.
  void Open(v1::AgentMessage hello);
  // The stream ends: Take returns empty at once, until the next Open.
  void Close();
  // An answer to the controller. Ignored while closed: the next stream starts afresh.
  void Push(v1::AgentMessage answer);
  // A report was appended.
  void Wake();
  // From now on this stream takes at most one report per `interval`; answers never wait. Zero
  // lifts it, and so does a new stream: a controller that restarted has forgotten.
  void Throttle(absl::Duration interval);

  // Waits for the next message; empty: closed.
  std::optional<v1::AgentMessage> Take();

 private:
  // How long the next report has to wait.
  absl::Duration Wait() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const NextReport next_report_;
  const Clock* const clock_;
  const size_t max_answers_;
  Mutex mu_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t epoch_ ABSL_GUARDED_BY(mu_) = 0;  // counts wake-ups, so that none is missed
  uint64_t stream_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t sent_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Duration interval_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
  absl::Time last_report_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::deque<v1::AgentMessage> answers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
