// Real programs for a test: started, watched and ended by pid. Everything started here ends with
// the test process, also when that is killed. Thread-compatible; the test must not have started
// threads of its own (it forks).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster {

struct CommandResult {
  int exit_code = -1;  // -1: it did not exit by itself
  int signal = 0;      // that ended it
  int exec_error = 0;  // errno of the execve that failed; 0: it was executed
  bool timed_out = false;
  std::string out, err;
};
// For assertion messages: all of it.
std::ostream& operator<<(std::ostream& os, const CommandResult& r);

struct CommandOptions {
  absl::Duration deadline = absl::Seconds(60);  // then SIGKILL
  std::optional<uid_t> uid;                     // real, effective and saved; also the gid
  // Written to /proc/self/loginuid before the uid changes; unset: it stays as it is.
  std::optional<uint32_t> login_uid;
  std::string input;  // its standard input
};

// argv[0] is a path, or a name that is looked for in PATH.
CommandResult RunCommand(const std::vector<std::string>& argv, const CommandOptions& options = {});

// A program that runs until it is told to stop. Ended with SIGKILL in the destructor.
class Program {
 public:
  // Standard output and error are appended to `log`. INTERNAL when it cannot be executed.
  static absl::StatusOr<std::unique_ptr<Program>> Start(const std::vector<std::string>& argv,
                                                        const std::string& log);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  bool Running();
  void Kill();  // SIGKILL, and waits
  // SIGTERM, and waits for the exit code; SIGKILL and -1 when it takes longer than `deadline`.
  int Stop(absl::Duration deadline = absl::Seconds(10));

 private:
  explicit Program(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  std::optional<int> status_;  // of waitpid
};

// Asks until the answer is yes, at most `deadline` long; the last answer.
bool WaitUntil(absl::Duration deadline, const std::function<bool()>& predicate);

std::string ReadWhole(const std::string& path);  // "" when there is no such file
// Through a temporary file and rename. False: could not.
bool WriteWhole(const std::string& path, absl::string_view text, mode_t mode = 0644);

// A loopback port that nobody listened on a moment ago.
int FreePort();

}  // namespace muster
