// Proofs that the audit log of one Beacon continues what devices have seen of it before.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/call_once.h"
#include "absl/status/statusor.h"
#include "common/mutex.h"

namespace muster {

// Most devices have seen the same head: each proof is read once and shared, and the newest
// limits::kMaxConsistencyCache are kept. Thread-safe; reads without a lock, so that a thread only
// waits for another that reads the very same proof.
class LogContinuity {
 public:
  using Path = std::vector<std::string>;  // RFC 6962, 2.1.2; 32 bytes each
  // From the log of `from` entries to that of the Beacon. Must be callable from any thread.
  using ReadPath = std::function<absl::StatusOr<Path>(uint64_t from)>;

  LogContinuity(uint64_t size, ReadPath read) : size_(size), read_(std::move(read)) {}
  uint64_t size() const { return size_; }
  // nullptr: `from` is 0 or more than size(), so that there is nothing to prove, or the proof
  // cannot be read now; then it is read again for the next who asks.
  std::shared_ptr<const Path> From(uint64_t from) const;

 private:
  struct Proof {
    absl::once_flag once;
    std::shared_ptr<const Path> path;
  };
  using ProofPtr = std::shared_ptr<Proof>;
  ProofPtr Slot(uint64_t from) const;
  void Drop(uint64_t from, const ProofPtr& proof) const;

  const uint64_t size_;
  const ReadPath read_;
  mutable Mutex mu_;
  mutable std::map<uint64_t, ProofPtr> proofs_ ABSL_GUARDED_BY(mu_);  // by from
  mutable std::deque<uint64_t> order_ ABSL_GUARDED_BY(mu_);           // newest last
};

}  // namespace muster
