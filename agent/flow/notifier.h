// Tells people why their app was stopped: a courtesy, so it never holds up a decision and is
// never repeated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/domain/exec_record.h"
#include "agent/domain/notice.h"
#include "agent/domain/policy_index.h"
#include "common/mutex.h"

namespace muster::agent {

// The seam to screens. Thread-safe.
class NoticeChannel {
 public:
  virtual ~NoticeChannel() = default;
  // Returns at once; what cannot be shown is gone. `terminal` as in ExecRecord, of whoever owns
  // it: never trust it. Empty: none.
  virtual void Send(uint32_t uid, const std::string& terminal, const Notice& notice) = 0;
};

// The versions that decided, as people read them: "cohort/linux version 12"; empty: none.
struct NoticeVersions {
  std::string cohort;
  std::string emergency_deny;
};

// Thread-safe.
class Notifier {
 public:
  // `channel` null: nobody is told anything.
  explicit Notifier(NoticeChannel* channel) : channel_(channel) {}

  // One notice per person and app for those of `records` that stopped something. `policy` null:
  // the app has no name and no next step.
  void Notify(const std::vector<ExecRecord>& records, const PolicyIndex* policy,
              const NoticeVersions& versions, absl::Time now);

 private:
  NoticeChannel* const channel_;
  Mutex mu_;
  NoticeLimit limit_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
