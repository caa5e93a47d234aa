// What goes to the controller next, without any transport: answers first, then waiting reports
// in order. A reader thread and a writer thread of one stream share it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "absl/time/time.h"
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
  explicit Outbox(NextReport next_report) : next_report_(std::move(next_report)) {}

  // A stream begins; `hello` goes first.
  void Open(v1::AgentMessage hello);
  // The stream ends: Take returns empty at once, until the next Open.
  void Close();
  // An answer to the controller. Ignored while closed: the next stream starts afresh.
  void Push(v1::AgentMessage answer);
  // A report was appended.
  void Wake();

  // Waits for the next message; empty: closed.
  std::optional<v1::AgentMessage> Take();

 private:
  const NextReport next_report_;
  Mutex mu_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t epoch_ ABSL_GUARDED_BY(mu_) = 0;  // counts wake-ups, so that none is missed
  uint64_t stream_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t sent_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<v1::AgentMessage> answers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
