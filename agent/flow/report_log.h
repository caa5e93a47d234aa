// Reports: numbered, hash-chained, signed and on disk before anything is sent; removed when the
// controller says that they are stored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/flow/state_store.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "common/limits.h"
#include "common/mutex.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/policy.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// How long a report is kept when there is no room, least first.
enum class Worth {
  kAllowed,  // starts of programs that may run, and nothing else
  kExec,     // any other executions
  kState,    // what can be read anew: inventory, status
  kProof,    // policies and canaries, a disarmed agent, tampering
};
Worth WorthOf(const v1::Report& body);

// Thread-safe.
//
// When `max_waiting` wait, the oldest of the least worth goes; without `by_worth` the oldest of
// all. Its number stays unused and the chain shows the gap: the next new report says in
// `dropped_before` how many are gone. A number is never given twice. A report on executions that
// cannot be saved counts as gone too.
class ReportLog {
 public:
  ReportLog(std::string device_id, PrivateKey key, StateStore* store, const Clock* clock,
            size_t max_waiting = limits::kMaxSpooledReports, bool by_worth = true);

  // Finds the head of the chain and what waits; a report that is whole but that nobody can read
  // counts as lost and is removed. UNAVAILABLE, DATA_LOSS.
  absl::Status Open();

  // Numbers, chains, signs and saves; `body` carries only the oneof. The report's number.
  // RESOURCE_EXHAUSTED: no space, or everything that waits is worth more; UNAVAILABLE. What an
  // execution report said is lost then and counted; any other report is the caller's to try again
  // or to give up by CountLost. A text that is no UTF-8 is mended. INVALID_ARGUMENT: nobody could
  // read it back even so; it counts as lost already, and trying again is of no use.
  absl::StatusOr<uint64_t> Append(v1::Report body);
  // A report that will not come any more; the next one that is saved tells of it.
  void CountLost();

  struct Waiting {
    uint64_t seq = 0;
    v1::SignedDoc doc;
  };
  // The first waiting report above `after`; empty: none.
  absl::StatusOr<std::optional<Waiting>> Next(uint64_t after);

  // The controller has stored everything up to and including `seq`.
  absl::Status Acknowledge(uint64_t seq);

  // True when the report `seq` that the controller has stored cannot be ours: it is above our
  // last, or waits here with other contents. Then this state was copied or put back.
  bool IsForeign(uint64_t seq, const std::string& sha256) const;
  // Goes on after `seq` at the earliest; what waits with a number up to it cannot be told any
  // more and counts as dropped. INVALID_ARGUMENT: more than limits::kMaxReportsSkipped ahead.
  absl::Status SkipTo(uint64_t seq);

  size_t waiting() const;
  v1::ReportChain head() const;

 private:
  absl::StatusOr<uint64_t> TryAppend(v1::Report body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropUnreadable(const std::vector<uint64_t>& seqs) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Drops the oldest of the least worth, unless that is worth more than `than`.
  absl::Status DropOne(Worth than) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status SaveHead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string device_id_;
  const PrivateKey key_;
  StateStore* const store_;
  const Clock* const clock_;
  const size_t max_waiting_;
  const bool by_worth_;
  mutable Mutex mu_;
  v1::ReportChain head_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, Worth> waiting_ ABSL_GUARDED_BY(mu_);  // by number
};

}  // namespace muster::agent
