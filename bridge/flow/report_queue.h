// The reports of the bridge and of its phones: one signed chain each, one order in which they are
// sent. Nothing is handed out before it was committed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/flow/outbox.h"
#include "agent/flow/report_log.h"
#include "bridge/flow/blob_store.h"
#include "bridge/flow/bridge_store.h"
#include "bridge/flow/phone_store.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "common/mutex.h"

namespace muster::bridge {

// Thread-safe. A device is named by its id, the bridge itself by an empty one. Each waiting report
// has a number of its own here, by which an agent::Outbox knows it; numbers begin anew at a start.
// Of a phone the newest limits::kMaxPhoneReportsWaiting are kept.
class ReportQueue {
 public:
  ReportQueue(std::string bridge_id, PrivateKey key, BridgeStore* store, BlobStore* blobs,
              const Clock* clock);

  // Takes up what waits since before. DATA_LOSS, UNAVAILABLE.
  absl::Status Open(const std::string& device_id);
  // What waits is not sent any more, until it is opened again.
  void Forget(const std::string& device_id);
  // The head of its chain, with what is not committed yet.
  absl::StatusOr<v1::ReportChain> Head(const std::string& device_id);

  // As agent::ReportLog; not handed out before Committed().
  absl::Status Append(const std::string& device_id, v1::Report body);
  // The store has everything that was appended so far.
  void Committed();
  // The controller has stored everything up to `seq`. False: it holds another report of that
  // number; the chain goes on behind it, and everything is to be told anew.
  absl::StatusOr<bool> Acknowledge(const std::string& device_id, uint64_t seq,
                                   const std::string& sha256);

  // A stream begins: nobody has said Hello on it.
  void Reset();
  // Its Hello is on the way: its reports may follow.
  void Begin(const std::string& device_id);
  // Its part of the stream has ended.
  void End(const std::string& device_id);

  // For an agent::Outbox.
  std::optional<agent::Outbox::Numbered> Next(uint64_t after);
  size_t waiting() const;

 private:
  struct Log {
    std::unique_ptr<PhoneStore> store;  // null: the bridge's own
    std::unique_ptr<agent::ReportLog> log;
    std::deque<uint64_t> numbers;  // of its waiting reports that are committed, in order
  };
  struct Item {
    std::string device_id;
    uint64_t seq = 0;
  };
  // Drops numbers of reports that gave way to newer ones.
  void DropStale(Log& log) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<Log*> LogOf(const std::string& device_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Queue(Log& log, Item item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Drops numbers of reports up to `acknowledged`, and the log of which nothing waits.
  void Tidy(const std::string& device_id, uint64_t acknowledged) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string bridge_id_;
  const PrivateKey key_;
  BridgeStore* const store_;
  BlobStore* const blobs_;
  const Clock* const clock_;
  mutable Mutex mu_;
  std::map<std::string, Log> logs_ ABSL_GUARDED_BY(mu_);  // those of which something waits
  std::map<uint64_t, Item> items_ ABSL_GUARDED_BY(mu_);   // by number
  std::vector<Item> fresh_ ABSL_GUARDED_BY(mu_);          // not committed: without a number
  std::set<std::string> begun_ ABSL_GUARDED_BY(mu_);
  uint64_t last_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace muster::bridge
