// What /proc says about one process. No locks, no allocation beyond a small buffer, no file but
// /proc's: safe on the decision path. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/domain/file_stamp.h"
#include "common/clock.h"

namespace muster::agent {

struct ProcessPerson {
  std::optional<uint32_t> person;  // see PersonOf; nobody when it is empty
  uint32_t login_uid = 0xffffffff;
  std::optional<uint32_t> real_uid;  // empty: the process is gone
};
ProcessPerson ReadPerson(int pid);

// The path behind a descriptor of ours; empty when unknown.
std::string PathOfFd(int fd);

// True when the process is a dynamic loader itself (`ld.so PROGRAM`).
bool RunsDynamicLoader(int pid);

// The stamp of the program that a process runs.
std::optional<FileStamp> StampOfExe(int pid);
std::string PathOfExe(int pid);

void ForEachProcess(const std::function<void(int pid)>& each);

// True when the process was stopped by a signal (state T).
bool IsStopped(int pid);

// The terminal that the process belongs to, e.g. "/dev/pts/3"; empty: none.
std::string TerminalOf(int pid);

// SIGKILL, unless the process runs another program than `exe` by now. True when it was sent.
bool KillIfStill(int pid, const FileStamp& exe);

// Time that no operator can turn back: for deadlines only.
class MonotonicClock final : public Clock {
 public:
  absl::Time Now() const override;
};

}  // namespace muster::agent
