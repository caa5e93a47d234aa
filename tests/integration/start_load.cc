#include "tests/integration/start_load.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <string>

namespace muster {
namespace {

constexpr int kNotPermitted = 120, kNotStarted = 121;

int64_t Nanos() {
  timespec t = {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// What /proc/PID/schedstat says: nanoseconds on a processor and waiting for one.
int64_t BusyNanos(pid_t pid) {
  char path[64], text[128];
  std::snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return 0;
  text[n] = '\0';
  long long on = 0, waiting = 0;
  return std::sscanf(text, "%lld %lld", &on, &waiting) == 2 ? on + waiting : 0;
}

[[noreturn]] void Become(char* const* argv, uid_t uid) {
  if (setgroups(0, nullptr) == 0 && setresgid(uid, uid, uid) == 0 &&
      setresuid(uid, uid, uid) == 0) {
    execv(argv[0], argv);
    _exit(errno == EPERM ? kNotPermitted : kNotStarted);
  }
  _exit(kNotStarted);
}

}  // namespace

StartLoad::StartLoad(std::vector<std::string> argv, uid_t uid)
    : argv_(std::move(argv)),
      shared_(new (mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0)) Shared) {
  std::vector<char*> words;
  for (const std::string& word : argv_) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (getppid() == parent) Once(words.data(), uid, *shared_);
  _exit(0);
}

void StartLoad::Once(char* const* argv, uid_t uid, Shared& shared) {
  const int64_t begun = Nanos();
  const pid_t pid = fork();
  if (pid == 0) Become(argv, uid);
  // The process stays, ended, until it was asked for its times.
  siginfo_t info = {};
  waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  const int64_t waited = Nanos() - begun - BusyNanos(pid);
  int status = 0;
  waitpid(pid, &status, 0);
  shared.longest_ns = std::max<int64_t>(shared.longest_ns, waited);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    shared.ran.fetch_add(1);
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == kNotPermitted) {
    shared.blocked.fetch_add(1);
  } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    shared.killed.fetch_add(1);
  } else {
    shared.other.fetch_add(1);
  }
}

StartLoad::~StartLoad() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  munmap(shared_, sizeof(Shared));
}

}  // namespace muster
