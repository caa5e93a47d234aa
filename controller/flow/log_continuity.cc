#include "controller/flow/log_continuity.h"

#include <algorithm>
#include <utility>

#include "common/log_limits.h"

namespace muster {

LogContinuity::ProofPtr LogContinuity::Slot(uint64_t from) const {
  MutexLock lock(&mu_);
  ProofPtr& slot = proofs_[from];
  if (slot != nullptr) return slot;
  slot = std::make_shared<Proof>();
  ProofPtr out = slot;
  order_.push_back(from);
  if (order_.size() > limits::kMaxConsistencyCache) {
    proofs_.erase(order_.front());
    order_.pop_front();
  }
  return out;
}

void LogContinuity::Drop(uint64_t from, const ProofPtr& proof) const {
  MutexLock lock(&mu_);
  const auto it = proofs_.find(from);
  if (it == proofs_.end() || it->second != proof) return;
  proofs_.erase(it);
  order_.erase(std::find(order_.begin(), order_.end(), from));
}

std::shared_ptr<const LogContinuity::Path> LogContinuity::From(uint64_t from) const {
  if (from == 0 || from > size_) return nullptr;
  const ProofPtr proof = Slot(from);
  absl::call_once(proof->once, [&] {
    absl::StatusOr<Path> path = read_(from);
    if (path.ok()) proof->path = std::make_shared<const Path>(*std::move(path));
  });
  if (proof->path == nullptr) Drop(from, proof);
  return proof->path;
}

}  // namespace muster
