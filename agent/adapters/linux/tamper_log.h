// What was done to the agent that only root can do, or that nobody should. It cannot prevent it;
// it does not stay unknown.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// Thread-safe. The last limits::kMaxTampering entries, newest last. The same text again moves to
// the end, but not within limits::kSameTampering: whoever does it all the time fills no log.
class TamperLog {
 public:
  // `on_new` runs after each new entry: it must not block.
  explicit TamperLog(const Clock* clock, std::function<void()> on_new = {})
      : clock_(clock), on_new_(std::move(on_new)) {}
  void Add(const std::string& what);
  // What an earlier version of this program knew.
  void Restore(std::vector<v1::Tampering> entries);
  std::vector<v1::Tampering> entries() const;

 private:
  // False: the same is known since a moment.
  bool Keep(const std::string& what, absl::Time now);

  const Clock* const clock_;
  const std::function<void()> on_new_;
  mutable Mutex mu_;
  std::vector<v1::Tampering> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
