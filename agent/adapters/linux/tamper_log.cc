#include "agent/adapters/linux/tamper_log.h"

#include <utility>

#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/time_proto.h"

namespace muster::agent {

void TamperLog::Add(const std::string& what) {
  const absl::Time now = clock_->Now();
  if (!Keep(what, now)) return;
  Log(Severity::kWarning, "TAMPERING: ", what);
  if (on_new_) on_new_();
}

bool TamperLog::Keep(const std::string& what, absl::Time now) {
  MutexLock lock(&mu_);
  for (const v1::Tampering& t : entries_) {
    const absl::Duration ago = now - FromProto(t.at());
    if (t.what() == what && ago >= absl::ZeroDuration() && ago < limits::kSameTampering) {
      return false;
    }
  }
  std::erase_if(entries_, [&](const v1::Tampering& t) { return t.what() == what; });
  if (entries_.size() >= limits::kMaxTampering) entries_.erase(entries_.begin());
  v1::Tampering& entry = entries_.emplace_back();
  *entry.mutable_at() = ToProto(now);
  entry.set_what(what);
  return true;
}

void TamperLog::Restore(std::vector<v1::Tampering> entries) {
  MutexLock lock(&mu_);
  entries_ = std::move(entries);
}

std::vector<v1::Tampering> TamperLog::entries() const {
  MutexLock lock(&mu_);
  return entries_;
}

}  // namespace muster::agent
