#include "agent/adapters/linux/tamper_log.h"

#include <utility>

#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/time_proto.h"

namespace muster::agent {

void TamperLog::Add(std::string what) {
  Log(Severity::kWarning, "TAMPERING: ", what);
  MutexLock lock(&mu_);
  std::erase_if(entries_, [&](const v1::Tampering& t) { return t.what() == what; });
  if (entries_.size() >= limits::kMaxTampering) entries_.erase(entries_.begin());
  v1::Tampering& entry = entries_.emplace_back();
  *entry.mutable_at() = ToProto(clock_->Now());
  entry.set_what(std::move(what));
}

std::vector<v1::Tampering> TamperLog::entries() const {
  MutexLock lock(&mu_);
  return entries_;
}

}  // namespace muster::agent
