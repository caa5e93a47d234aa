// One fanotify(7) group. A thin, testable wrapper: no decisions here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/adapters/files/file_io.h"

namespace muster::agent {

class FanotifyGroup;

struct FanotifyEvent {
  Fd fd;  // the file; opened by the kernel, so that using it raises no event
  const FanotifyGroup* group = nullptr;  // that the answer goes to
  int pid = 0;
  bool exec = false;        // opened to be executed
  bool permission = false;  // the process waits for an answer
};

// Thread-safe: every call is one system call. When the last descriptor of a group is closed,
// also by a crash, the kernel lets everything through that waits.
class FanotifyGroup {
 public:
  // `enforce` false: notifications only; such a group cannot hold up anything.
  // PERMISSION_DENIED: no CAP_SYS_ADMIN; UNIMPLEMENTED: the kernel lacks it.
  static absl::StatusOr<FanotifyGroup> Open(bool enforce);
  // A group that another program of ours opened, with its marks.
  static FanotifyGroup Adopt(Fd fd, bool enforce) { return FanotifyGroup(std::move(fd), enforce); }

  FanotifyGroup(FanotifyGroup&&) = default;

  int fd() const { return fd_.get(); }
  bool enforce() const { return enforce_; }

  // Every execution of a file on the filesystem that holds `path`, through whatever mount.
  absl::Status MarkFilesystem(const std::string& path) const { return MarkFilesystem(path, path); }
  // `name` is the path as people know it.
  absl::Status MarkFilesystem(const std::string& path, const std::string& name) const;
  // Every opening of one file too: the dynamic loader, `sh FILE` and cp open, they do not exec.
  absl::Status MarkFile(const std::string& path) const;
  void UnmarkFile(const std::string& path) const;

  // Executions of this open file raise no event any more, until it is written to, the kernel
  // needs the memory, or ForgetAllowed. False: this kernel cannot (before 5.19).
  bool Allow(int file_fd) const;
  void TakeBackAllowed(int file_fd) const;
  // Takes back all of Allow; also marks of MarkFile, which belong in another group.
  void ForgetAllowed() const;

  // Executions of this file raise no event until ForgetAllowed, whatever is written to it: for our
  // own program, before it starts anew and nobody could answer.
  bool AllowOurs(const std::string& path) const;

  // Removes all marks: no new events.
  void Flush() const;

  // Waiting events, at most a few dozen; empty: none waits.
  absl::StatusOr<std::vector<FanotifyEvent>> Read() const;
  // False when no event of this group has that descriptor, or nothing waits for it any more.
  bool Respond(int event_fd, bool allow) const;

  // Whatever still waits runs. Not while another thread uses the group.
  void Close() { fd_.Reset(-1); }

 private:
  FanotifyGroup(Fd fd, bool enforce) : fd_(std::move(fd)), enforce_(enforce) {}
  Fd fd_;
  bool enforce_;
};

}  // namespace muster::agent
