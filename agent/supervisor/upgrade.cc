#include "agent/supervisor/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

// A new version that hangs before it has taken the gate must not keep the machine waiting.
constexpr unsigned kTakeOverSeconds = 2;
// What a dynamic program starts with; the kernel asks the gate about it too.
constexpr const char* kLoaders[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"};

// A script would be asked about once more, for its interpreter, when nobody can answer.
bool IsBinary(const std::string& program) {
  const Fd fd(open(program.c_str(), O_RDONLY | O_CLOEXEC));
  char magic[4] = {};
  return fd.ok() && pread(fd.get(), magic, sizeof magic, 0) == sizeof magic &&
         memcmp(magic, "\177ELF", sizeof magic) == 0;
}

bool SaysVersion(const std::string& program) {
  std::string name = program, option = "--version";
  char* const argv[] = {name.data(), option.data(), nullptr};
  char* const envp[] = {nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&quiet, STDERR_FILENO + 1);  // the gate's above all
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &quiet, nullptr, argv, envp);
  posix_spawn_file_actions_destroy(&quiet);
  if (error != 0) return false;
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended = {pidfd.get(), POLLIN, 0};
  if (poll(&ended, 1, static_cast<int>(absl::ToInt64Milliseconds(limits::kVersionTime))) != 1) {
    kill(pid, SIGKILL);
  }
  int status = 0;
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
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
  for (const int fd :
       {inherited.execs, inherited.opens, inherited.lock, inherited.state, inherited.status}) {
    SetInherited(fd, false);
  }
  alarm(0);
}

absl::Status CanStart(const std::vector<std::string>& programs) {
  for (const std::string& program : programs) {
    if (IsBinary(program) && SaysVersion(program)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(program, " --version fails; put a working program there and try again"));
  }
  return absl::OkStatus();
}

absl::Status BecomeNewVersion(std::vector<std::string> arguments, LinuxEnforcer& enforcer, int lock,
                              const Kept& kept) {
  const std::string program = arguments[0];
  const Fd state = KeepInMemory(kept.state), status = KeepInMemory(kept.status);
  alarm(kTakeOverSeconds);
  std::optional<GateGroups> groups = enforcer.HandOver();
  Inheritance to;
  to.lock = lock;
  to.status = status.get();
  if (groups) {
    // From here until the new version reads, nobody answers: not even for itself.
    groups->execs.AllowOurs(program);
    for (const char* loader : kLoaders) groups->execs.AllowOurs(loader);
    to.execs = groups->execs.fd();
    if (groups->opens) to.opens = groups->opens->fd();
    to.state = state.get();
  }
  arguments.push_back(absl::StrCat("--inherit-execs=", to.execs));
  arguments.push_back(absl::StrCat("--inherit-opens=", to.opens));
  arguments.push_back(absl::StrCat("--inherit-lock=", to.lock));
  arguments.push_back(absl::StrCat("--inherit-state=", to.state));
  arguments.push_back(absl::StrCat("--inherit-status=", to.status));
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  for (const int fd : {to.execs, to.opens, to.lock, to.state, to.status}) SetInherited(fd, true);
  execv(program.c_str(), argv.data());
  const int error = errno;
  enforcer.Start(std::move(groups));
  enforcer.ForgetAllowed();
  TakeOver(to);
  return ErrnoStatus(error, "start", program);
}

}  // namespace muster::agent
