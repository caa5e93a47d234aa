#include "tests/integration/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <ostream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/clock.h"

namespace muster {
namespace {

constexpr timespec kPause = {0, 7'000'000};
constexpr int kExecFailed = 127;

struct Pipe {
  Pipe() {
    if (pipe2(end, O_CLOEXEC) != 0) end[0] = end[1] = -1;
  }
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
  void CloseRead() { Close(end[0]); }
  void CloseWrite() { Close(end[1]); }
  int end[2];

 private:
  static void Close(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
};

std::vector<char*> Pointers(const std::vector<std::string>& argv) {
  std::vector<char*> out;
  for (const std::string& word : argv) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

bool SetLoginUid(uint32_t login_uid) {
  const std::string text = std::to_string(login_uid);
  const int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return ok;
}

bool BecomeUser(const CommandOptions& options) {
  if (options.login_uid && !SetLoginUid(*options.login_uid)) return false;
  if (!options.uid) return true;
  const uid_t id = *options.uid;
  return setgroups(0, nullptr) == 0 && setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0;
}

// In the child. Tells through `error` why it could not become the program.
[[noreturn]] void Become(char* const* argv, const CommandOptions& options, pid_t parent,
                         int error) {
  int why = EACCES;
  if (BecomeUser(options)) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // after the change of uid, which clears it
    if (getppid() != parent) _exit(kExecFailed);
    signal(SIGPIPE, SIG_DFL);
    execvp(argv[0], argv);
    why = errno;
  }
  if (write(error, &why, sizeof why) < 0) _exit(kExecFailed - 1);
  _exit(kExecFailed);
}

// Reads what there is; closes the descriptor at its end.
void Drain(pollfd& from, std::string& to) {
  if (from.revents == 0) return;
  char buffer[16 << 10];
  const ssize_t n = read(from.fd, buffer, sizeof buffer);
  if (n > 0) to.append(buffer, static_cast<size_t>(n));
  if (n == 0 || (n < 0 && errno != EINTR)) from.fd = -1;
}

// Collects both outputs until both are closed or `deadline` passes; false: it passed.
bool Collect(int out, int err, absl::Time deadline, CommandResult& result) {
  pollfd fds[] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    const absl::Duration left = deadline - SystemClock().Now();
    if (left <= absl::ZeroDuration()) return false;
    poll(fds, 2, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    Drain(fds[0], result.out);
    Drain(fds[1], result.err);
  }
  return true;
}

}  // namespace

std::ostream& operator<<(std::ostream& os, const CommandResult& r) {
  os << "exit code " << r.exit_code;
  if (r.signal != 0) os << ", signal " << r.signal;
  if (r.exec_error != 0) os << ", not executed: " << std::strerror(r.exec_error);
  if (r.timed_out) os << ", timed out";
  return os << "\n--- stdout\n" << r.out << "\n--- stderr\n" << r.err << "\n---";
}

CommandResult RunCommand(const std::vector<std::string>& argv, const CommandOptions& options) {
  CommandResult result;
  Pipe in, out, err, exec;
  const std::vector<char*> pointers = Pointers(argv);
  const pid_t parent = getpid();
  const absl::Time deadline = SystemClock().Now() + options.deadline;
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(in.end[0], 0);
    dup2(out.end[1], 1);
    dup2(err.end[1], 2);
    Become(pointers.data(), options, parent, exec.end[1]);
  }
  in.CloseRead();
  out.CloseWrite();
  err.CloseWrite();
  exec.CloseWrite();
  if (pid < 0) return result;
  signal(SIGPIPE, SIG_IGN);
  // A program that does not read its input ends the writing.
  if (!options.input.empty() && write(in.end[1], options.input.data(), options.input.size()) < 0) {
    result.err = "its standard input was closed\n";
  }
  in.CloseWrite();
  result.timed_out = !Collect(out.end[0], err.end[0], deadline, result);
  int status = 0;
  if (!result.timed_out) {
    // Both outputs may be closed before the end.
    result.timed_out = !WaitUntil(deadline - SystemClock().Now(),
                                  [&] { return waitpid(pid, &status, WNOHANG) == pid; });
  }
  if (result.timed_out) {
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  int why = 0;
  if (read(exec.end[0], &why, sizeof why) == sizeof why) result.exec_error = why;
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

absl::StatusOr<std::unique_ptr<Program>> Program::Start(const std::vector<std::string>& argv,
                                                        const std::string& log) {
  const std::vector<char*> pointers = Pointers(argv);
  Pipe exec;
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    const int null = open("/dev/null", O_RDONLY);
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(null, 0);
    dup2(file, 1);
    dup2(file, 2);
    Become(pointers.data(), {}, parent, exec.end[1]);
  }
  exec.CloseWrite();
  if (pid < 0) return absl::InternalError("cannot fork");
  std::unique_ptr<Program> out(new Program(pid));
  int why = 0;
  // Ends when the program took over, which closes its end.
  if (read(exec.end[0], &why, sizeof why) > 0) {
    return absl::InternalError(absl::StrCat("cannot execute ", argv[0], ": ", std::strerror(why)));
  }
  return out;
}

Program::~Program() { Kill(); }

bool Program::Running() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return !status_;
}

void Program::Kill() {
  if (!Running()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  status_ = status;
}

int Program::Stop(absl::Duration deadline) {
  if (Running()) kill(pid_, SIGTERM);
  if (!WaitUntil(deadline, [&] { return !Running(); })) Kill();
  return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : -1;
}

bool WaitUntil(absl::Duration deadline, const std::function<bool()>& predicate) {
  const absl::Time end = SystemClock().Now() + deadline;
  while (!predicate()) {
    if (SystemClock().Now() >= end) return predicate();
    nanosleep(&kPause, nullptr);
  }
  return true;
}

std::string ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

bool WriteWhole(const std::string& path, absl::string_view text, mode_t mode) {
  const std::string temp = path + ".test-new";
  const int fd = open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return false;
  const bool ok = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                  fchmod(fd, mode) == 0;
  return close(fd) == 0 && ok && rename(temp.c_str(), path.c_str()) == 0;
}

int FreePort() {
  // Below the ports that the kernel gives to clients: an agent that keeps calling a stopped
  // controller would else be given that very port, and connect to itself.
  constexpr int kFirst = 15'000, kCount = 17'000;
  static int next = static_cast<int>(getpid()) * 7;
  for (int tried = 0; tried < kCount; ++tried) {
    const int port = kFirst + next++ % kCount;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (free) return port;
  }
  return 0;
}

}  // namespace muster
