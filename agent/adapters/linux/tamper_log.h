// What was done to the agent that only root can do, or that nobody should. It cannot prevent it;
// it does not stay unknown.
#pragma once

#include <string>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// Thread-safe. The last limits::kMaxTampering entries; the same text again moves to the end.
class TamperLog {
 public:
  explicit TamperLog(const Clock* clock) : clock_(clock) {}
  void Add(std::string what);
  std::vector<v1::Tampering> entries() const;

 private:
  const Clock* const clock_;
  mutable Mutex mu_;
  std::vector<v1::Tampering> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
