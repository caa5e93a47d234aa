// `muster-agent run`: checks what can be checked now, then becomes the supervisor.
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/files/identity_files.h"
#include "agent/commands.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

absl::StatusOr<std::string> OwnProgram() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0) return ErrnoStatus(errno, "find", "this program");
  return std::string(path, static_cast<size_t>(n));
}

absl::Status Run(const RunOptions& options) {
  FileStateStore store(options.state_dir);
  MUSTER_RETURN_IF_ERROR(LoadEnrolled(store).status());
  MUSTER_RETURN_IF_ERROR(store.Create());
  MUSTER_ASSIGN_OR_RETURN(const std::string self, OwnProgram());
  const std::string supervisor =
      absl::StrCat(self.substr(0, self.rfind('/')), "/muster-supervisor");
  std::vector<std::string> arguments = {supervisor, "--worker", self};
  const bool says_state = std::any_of(
      options.arguments.begin(), options.arguments.end(),
      [](const std::string& a) { return a == "--state" || absl::StartsWith(a, "--state="); });
  if (!says_state) arguments.insert(arguments.end(), {"--state", options.state_dir});
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  execv(supervisor.c_str(), argv.data());
  return ErrnoStatus(errno, "start", supervisor);
}

}  // namespace

int RunAgent(const RunOptions& options) { return Fail(Run(options)); }

}  // namespace muster::agent
