// Commits beside a test, never further ahead than it was let.
#ifndef MUSTER_TESTS_CONTROLLER_ADAPTERS_ROCKSDB_PACED_WRITER_H_
#define MUSTER_TESTS_CONTROLLER_ADAPTERS_ROCKSDB_PACED_WRITER_H_

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <semaphore>
#include <thread>
#include <utility>

#include "controller/flow/store.h"

namespace muster {

// Writes what `change` makes, numbered from 0, in a thread of its own. How often a reader beside it
// has to begin again does not depend on how fast the machine writes.
class PacedWriter {
 public:
  PacedWriter(Store& store, int total, std::function<Mutation(int)> change)
      : store_(store), change_(std::move(change)), thread_([this, total] { Run(total); }) {}
  ~PacedWriter() {
    stop_ = true;
    let_.release();
    Finish();
  }
  PacedWriter(const PacedWriter&) = delete;
  PacedWriter& operator=(const PacedWriter&) = delete;

  void Let(int commits) { let_.release(commits); }
  // Returns when all of them are written; so many were let.
  void Finish() {
    if (thread_.joinable()) thread_.join();
  }
  // The newest revision that a commit returned.
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  void Run(int total) {
    for (int i = 0; i < total; ++i) {
      let_.acquire();
      if (stop_) return;
      const auto revision = store_.Commit(change_(i));
      ASSERT_TRUE(revision.ok()) << revision.status();
      acknowledged_ = *revision;
    }
  }

  Store& store_;
  const std::function<Mutation(int)> change_;
  std::counting_semaphore<> let_{0};
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> acknowledged_ = 0;
  std::thread thread_;
};

}  // namespace muster

#endif  // MUSTER_TESTS_CONTROLLER_ADAPTERS_ROCKSDB_PACED_WRITER_H_
