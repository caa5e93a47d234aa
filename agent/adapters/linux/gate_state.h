// What all gates of one agent share: the state in force, and what was decided.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "agent/adapters/files/file_facts.h"
#include "agent/adapters/linux/proc.h"
#include "agent/adapters/linux/slow_lane.h"
#include "agent/domain/cacheable.h"
#include "agent/domain/record_buffer.h"
#include "agent/flow/companions.h"
#include "agent/flow/enforcer.h"
#include "agent/flow/machine.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/mutex.h"

namespace muster::agent {

// Thread-safe; no lock is held across a system call.
class GateState {
 public:
  GateState(const Clock* clock, Machine* machine, std::function<void()> on_record);

  struct View {
    EnforcementState state;
    uint64_t epoch = 0;  // counts states: what was allowed under one is not under the next
    std::shared_ptr<const absl::flat_hash_set<uint64_t>> remote_devices;
    // Sizes of files that turned out to have a hash which the catalogue states without a size.
    std::shared_ptr<const absl::flat_hash_set<uint64_t>> found_sizes;
  };
  View view() const;
  void SetState(EnforcementState state);
  uint64_t epoch() const { return epoch_; }
  void SetRemoteDevices(absl::flat_hash_set<uint64_t> devices);
  void NoteSize(uint64_t size);

  // The worker, whose own reading of marked files is always let through; 0: this process alone.
  void SetWorker(int pid) { worker_pid_ = pid; }
  bool IsAgent(int pid) const;

  struct Decided {
    std::shared_ptr<const PolicyIndex> policy;
    AppIndex app = -1;
    ProcessPerson who;
    v1::Verdict::Kind verdict = v1::Verdict::ALLOW;
    std::string path;
    bool denied = false;
    bool killed = false;
    std::string terminal;
  };
  void Record(Decided decided);
  std::vector<ExecRecord> TakeRecords(uint32_t* dropped);
  // Records that were taken and may not have arrived.
  void NoteLost(uint32_t count);

  // The app that the contents of `fd` prove, with what lies beside it; reads it if need be, but
  // whole only when its size or build-id is that of a known program, or any file could be one.
  // What was read of a file before counts only where nobody but root can have changed it since.
  std::optional<AppIndex> AppByContents(const View& view, int fd, const FileFacts& facts,
                                        const std::string& path);

  // What is known of a file's contents without waiting: empty optionals: it has to be read.
  struct AtHand {
    std::optional<std::string> sha256, build_id;
  };
  AtHand ContentsAtHand(int fd, const FileStamp& stamp);

  // What is to be done about `app` for this person now: deny is false while the cohort only
  // monitors.
  Decision Decide(const View& view, AppIndex app, const ProcessPerson& who) const;

  // A probe of ours: the process that tries to run it, and the file. Its exec is denied.
  struct Probe {
    int pid = 0;
    FileKey file;
  };
  void SetProbe(std::optional<Probe> probe);
  bool IsProbe(int pid, const FileKey& file) const;

  const Clock& clock() const { return *clock_; }
  Machine& machine() { return *machine_; }
  std::atomic<uint64_t> decided{0};
  std::atomic<uint64_t> blocked{0};

 private:
  const Clock* const clock_;
  Machine* const machine_;
  const std::function<void()> on_record_;
  HashCache hashes_, build_ids_;
  Companions companions_;
  std::atomic<uint64_t> epoch_{0};
  std::atomic<int> worker_pid_{0};
  std::atomic<int> probe_pid_{0};
  mutable Mutex mu_;
  View view_ ABSL_GUARDED_BY(mu_);
  std::optional<Probe> probe_ ABSL_GUARDED_BY(mu_);
  RecordBuffer records_ ABSL_GUARDED_BY(mu_){limits::kMaxExecRecordsWaiting};
};

// Whose the file is and where.
AllowFacts AllowFactsOf(const GateState::View& view, const FileFacts& facts);

}  // namespace muster::agent
