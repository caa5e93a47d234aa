// One thread writes, for all: what waits while the disk is busy is the next batch.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "controller/adapters/rocksdb/commit_batch.h"
#include "controller/adapters/rocksdb/database.h"
#include "controller/adapters/rocksdb/tip.h"

namespace muster {

// Thread-safe. `database` must outlive it, and nobody else may write to it.
class Sequencer {
 public:
  Sequencer(Database* database, Tip tip);
  // Writes what waits; no Commit() may come any more.
  ~Sequencer();
  Sequencer(const Sequencer&) = delete;
  Sequencer& operator=(const Sequencer&) = delete;

  // Store::Commit(). RESOURCE_EXHAUSTED: limits::kMaxWaitingCommits wait already. UNAVAILABLE: it
  // could not be written; the next one tries again by itself.
  absl::StatusOr<uint64_t> Commit(Mutation mutation);

 private:
  using Answer = absl::StatusOr<uint64_t>;
  struct Waiting {
    PreparedCommit commit;
    std::promise<Answer> answer;
  };
  struct Taken {  // is in the batch, as this revision
    std::promise<Answer> answer;
    uint64_t revision = 0;
  };

  void Run();
  // Waits for the next batch; empty: there will be none.
  std::vector<Waiting> Take();
  void WaitForCompany() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasFullBatch() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Write(std::vector<Waiting> commits);
  absl::Status Sync(rocksdb::DB& db, CommitBatch& batch);
  // After a failure: opens it again when there is room, and finds where it stands.
  absl::StatusOr<Tip> Recover();

  Database* const database_;

  Mutex mu_;
  CondVar wake_;
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mu_);
  size_t waiting_entries_ ABSL_GUARDED_BY(mu_) = 0;
  size_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  // Of the thread alone.
  std::optional<Tip> tip_;  // none: a write failed, and the store has to be asked
  absl::Status failure_;    // the last one
  std::chrono::steady_clock::time_point last_began_;
  bool loaded_ = false;  // the last batch had several commits
  std::thread thread_;
};

}  // namespace muster
