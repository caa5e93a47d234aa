#include "agent/supervisor/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

// A new version that hangs before it has taken the gate must not keep the machine waiting.
constexpr unsigned kTakeOverSeconds = 2;
// What a dynamic program starts with; the kernel asks the gate about it too.
constexpr const char* kLoaders[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"};

bool CanStart(const std::string& program) {
  std::string name = program, option = "--version";
  char* const argv[] = {name.data(), option.data(), nullptr};
  char* const envp[] = {nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &quiet, nullptr, argv, envp);
  posix_spawn_file_actions_destroy(&quiet);
  int status = 0;
  return error == 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

void SetInherited(int fd, bool inherited) {
  if (fd >= 0) fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC);
}

}  // namespace

Fd KeepInMemory(const std::string& bytes) {
  Fd fd(memfd_create("muster-state", MFD_CLOEXEC));
  for (size_t at = 0; fd.ok() && at < bytes.size();) {
    const ssize_t n = write(fd.get(), bytes.data() + at, bytes.size() - at);
    if (n <= 0) return Fd();
    at += static_cast<size_t>(n);
  }
  return fd;
}

std::string ReadKept(int fd) {
  struct stat st = {};
  if (fd < 0 || fstat(fd, &st) != 0) return "";
  std::string out(static_cast<size_t>(st.st_size), '\0');
  const ssize_t n = pread(fd, out.data(), out.size(), 0);
  return n == st.st_size ? out : "";
}

void TakeOver(const Inheritance& inherited) {
  for (const int fd : {inherited.execs, inherited.opens, inherited.lock, inherited.state}) {
    SetInherited(fd, false);
  }
  alarm(0);
}

absl::Status BecomeNewVersion(const std::string& program, std::vector<std::string> arguments,
                              LinuxEnforcer& enforcer, int lock, const std::string& state) {
  if (!CanStart(program)) {
    return absl::FailedPreconditionError(
        absl::StrCat(program, " --version fails; put a working program there and try again"));
  }
  const Fd kept = KeepInMemory(state);
  std::optional<GateGroups> groups = enforcer.HandOver();
  Inheritance to;
  to.lock = lock;
  if (groups) {
    // From here until the new version reads, nobody answers: not even for itself.
    groups->execs.AllowOurs(program);
    for (const char* loader : kLoaders) groups->execs.AllowOurs(loader);
    to.execs = groups->execs.fd();
    if (groups->opens) to.opens = groups->opens->fd();
    to.state = kept.get();
  }
  arguments.push_back(absl::StrCat("--inherit-execs=", to.execs));
  arguments.push_back(absl::StrCat("--inherit-opens=", to.opens));
  arguments.push_back(absl::StrCat("--inherit-lock=", to.lock));
  arguments.push_back(absl::StrCat("--inherit-state=", to.state));
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  for (const int fd : {to.execs, to.opens, to.lock, to.state}) SetInherited(fd, true);
  alarm(kTakeOverSeconds);
  execv(program.c_str(), argv.data());
  const int error = errno;
  TakeOver(to);
  enforcer.Start(std::move(groups));
  return ErrnoStatus(error, "start", program);
}

}  // namespace muster::agent
