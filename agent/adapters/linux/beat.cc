#include "agent/adapters/linux/beat.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <new>
#include <thread>
#include <utility>

#include "agent/adapters/linux/proc.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

constexpr int kGuardNice = -20;

absl::StatusOr<void*> Map(int fd) {
  void* at = mmap(nullptr, sizeof(Beat::Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return ErrnoStatus(errno, "share", "memory between our processes");
  return at;
}

}  // namespace

int64_t MonotonicNanos() { return absl::ToUnixNanos(MonotonicClock().Now()); }

absl::StatusOr<std::unique_ptr<Beat>> Beat::Create() {
  Fd file(memfd_create("muster-beat", MFD_CLOEXEC));
  if (!file.ok() || ftruncate(file.get(), sizeof(Shared)) != 0) {
    return ErrnoStatus(errno, "share", "memory between our processes");
  }
  absl::StatusOr<void*> at = Map(file.get());
  if (!at.ok()) return at.status();
  return std::unique_ptr<Beat>(new Beat(std::move(file), new (*at) Shared));
}

absl::StatusOr<std::unique_ptr<Beat>> Beat::Join(Fd file) {
  absl::StatusOr<void*> at = Map(file.get());
  if (!at.ok()) return at.status();
  return std::unique_ptr<Beat>(new Beat(std::move(file), static_cast<Shared*>(*at)));
}

ContinueTimer::ContinueTimer() {
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGCONT;
  ok_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
}

ContinueTimer::~ContinueTimer() {
  if (ok_) timer_delete(timer_);
}

void ContinueTimer::Rearm() {
  itimerspec once = {};
  once.it_value = absl::ToTimespec(limits::kContinueAfter);
  if (ok_) timer_settime(timer_, 0, &once, nullptr);
}

Beat::~Beat() { munmap(shared_, sizeof(Shared)); }

struct SupervisorGuard::Thread {
  Fd stop{eventfd(0, EFD_CLOEXEC)};
  std::thread thread;
};

SupervisorGuard::SupervisorGuard(Beat* beat, int supervisor_pid)
    : thread_(std::make_unique<Thread>()) {
  thread_->thread = std::thread([beat, supervisor_pid, stop = thread_->stop.get()] {
    // Programs wait for it: before everything ordinary, where that is allowed.
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kGuardNice);
    pollfd wait = {stop, POLLIN, 0};
    const int every = static_cast<int>(absl::ToInt64Milliseconds(limits::kGuardPeriod));
    const int64_t silence = absl::ToInt64Nanoseconds(limits::kSupervisorSilence);
    // Programs wait while it is stopped. Whoever is not stopped is not disturbed by this.
    while (poll(&wait, 1, every) == 0) {
      const int64_t seen = beat->shared().supervisor_ns;
      if (seen == 0 || MonotonicNanos() - seen < silence) continue;
      if (!IsStopped(supervisor_pid) || kill(supervisor_pid, SIGCONT) != 0) continue;
      beat->shared().supervisor_continued.fetch_add(1);
    }
  });
}

SupervisorGuard::~SupervisorGuard() {
  eventfd_write(thread_->stop.get(), 1);
  thread_->thread.join();
}

}  // namespace muster::agent
