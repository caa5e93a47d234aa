#include "controller/adapters/ldap/socket_watchdog.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

namespace muster {

SocketWatchdog::SocketWatchdog(absl::Duration timeout)
    : timeout_(timeout), thread_([this] { Loop(); }) {}

SocketWatchdog::~SocketWatchdog() {
  {
    MutexLock lock(&mu_);
    ended_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
  MutexLock lock(&mu_);
  if (fd_ >= 0) close(fd_);
}

void SocketWatchdog::Watch(int fd) {
  MutexLock lock(&mu_);
  if (fd_ >= 0) close(fd_);
  fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

bool SocketWatchdog::fired() const {
  MutexLock lock(&mu_);
  return fired_;
}

void SocketWatchdog::Arm(bool on) {
  {
    MutexLock lock(&mu_);
    armed_ = on;
    ++turn_;
  }
  // A disarmed turn is noticed when its time is up.
  if (on) changed_.NotifyAll();
}

void SocketWatchdog::Loop() {
  const SystemClock clock;
  MutexLock lock(&mu_);
  while (!ended_) {
    if (!armed_) {
      changed_.Wait(&mu_);
      continue;
    }
    const uint64_t turn = turn_;
    const absl::Time end = clock.Now() + timeout_;
    while (!ended_ && turn_ == turn && clock.Now() < end) {
      changed_.WaitFor(&mu_, end - clock.Now());
    }
    if (ended_ || turn_ != turn) continue;
    fired_ = true;
    armed_ = false;
    if (fd_ >= 0) shutdown(fd_, SHUT_RDWR);
  }
}

}  // namespace muster
