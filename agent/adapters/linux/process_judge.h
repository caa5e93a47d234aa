// Judges what runs already: at a new policy, and where no mark could stop the start (memory-only
// programs, a filesystem that was mounted a moment ago, a file given to an interpreter).
#pragma once

#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "agent/adapters/files/file_facts.h"
#include "agent/adapters/linux/gate_state.h"
#include "agent/adapters/linux/mount_marks.h"

namespace muster::agent {

// Thread-safe. Reads files of users: never on the decision path.
class ProcessJudge {
 public:
  ProcessJudge(GateState* shared, const MountMarks* marks);

  // Ends the process with SIGKILL when its program, or the file that its interpreter was given,
  // is an app that its person may not run. True when it was ended. `kByStamp` reads no contents
  // and finds what is at its place; `kByContents` also copies.
  enum class Depth { kByStamp, kByContents };
  bool EndIfDisallowed(int pid, Depth depth);

  // The program of a process, and whether it may be one that runs other files: by its name; and
  // any that the system did not bring, because a copy of the loader has whatever name it is given.
  struct Program {
    FileStamp stamp;
    std::string path;
    bool interpreter = false;
  };
  std::optional<Program> ProgramOf(int pid) const;

 private:
  // `link` is a path in /proc that leads to the file.
  std::optional<AppIndex> AppOf(const GateState::View& view, const FileStamp& stamp,
                                const std::string& path, const std::string& link);
  // The app whose data file an interpreter was given.
  std::optional<AppIndex> AppOfData(const GateState::View& view, const FileStamp& stamp, int place);
  std::optional<AppIndex> AppOfArguments(const GateState::View& view, int pid,
                                         const std::string& program, std::string* path);
  bool End(const GateState::View& view, int pid, const FileStamp& exe, AppIndex app,
           std::string path);

  GateState* const shared_;
  const MountMarks* const marks_;
  const absl::flat_hash_set<uint64_t> system_devices_;  // of / and /usr
};

}  // namespace muster::agent
