// Programs that wait in the kernel for an answer: whoever decides answers in time, or the
// watchdog does. Knows no kernel interface, so that threads can be driven through it in tests.
#pragma once

#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace muster::agent {

// Thread-safe. Each event is answered exactly once; its descriptor stays the decider's, who
// closes it after Finish.
class PendingAnswers {
 public:
  using Send = std::function<void(int fd, bool allow)>;
  explicit PendingAnswers(Send send) : send_(std::move(send)) {}

  void Add(int fd, absl::Time now);
  // A program of a catalogued app, as far as known: at the deadline it is denied, while any
  // other program is let through.
  void MarkCandidate(int fd);
  // False when the watchdog was first, or the event is unknown.
  bool Answer(int fd, bool allow);
  void Finish(int fd);

  // Answers everything that has waited since `oldest` or longer. How many.
  int Expire(absl::Time oldest);
  // Lets everything through: the gate goes down.
  void AllowAll();

 private:
  struct Entry {
    int fd = -1;
    absl::Time since;
    bool candidate = false;
    bool answered = false;
  };
  Entry* Find(int fd) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Send send_;
  Mutex mu_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
