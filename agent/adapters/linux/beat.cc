#include "agent/adapters/linux/beat.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <iterator>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "agent/adapters/linux/proc.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

// Programs wait for these threads: before everything ordinary, where that is allowed.
constexpr int kNice = -20;
constexpr int kPulseMs = 50;
constexpr absl::Duration kContinueLater[] = {absl::ZeroDuration(),    absl::Milliseconds(50),
                                             absl::Milliseconds(150), absl::Milliseconds(500),
                                             absl::Seconds(1),        absl::Seconds(2)};

void GoFirst() { setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice); }

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

Beat::~Beat() { munmap(shared_, sizeof(Shared)); }

struct Pulse::Thread {
  std::vector<timer_t> timers;
  Fd stop{eventfd(0, EFD_CLOEXEC)};
  std::thread thread;
};

Pulse::Pulse(Beat* beat) : thread_(std::make_unique<Thread>()) {
  for (size_t i = 0; i < std::size(kContinueLater); ++i) {
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGCONT;
    timer_t timer = {};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) thread_->timers.push_back(timer);
  }
  thread_->thread = std::thread([beat, t = thread_.get()] {
    GoFirst();
    pollfd wait = {t->stop.get(), POLLIN, 0};
    do {
      beat->shared().supervisor_ns = MonotonicNanos();
      for (size_t i = 0; i < t->timers.size(); ++i) {
        itimerspec once = {};
        once.it_value = absl::ToTimespec(limits::kContinueAfter + kContinueLater[i]);
        timer_settime(t->timers[i], 0, &once, nullptr);
      }
    } while (poll(&wait, 1, kPulseMs) == 0);
  });
}

Pulse::~Pulse() {
  eventfd_write(thread_->stop.get(), 1);
  thread_->thread.join();
  for (timer_t timer : thread_->timers) timer_delete(timer);
}

struct SupervisorGuard::Thread {
  Fd stop{eventfd(0, EFD_CLOEXEC)};
  std::thread thread;
};

SupervisorGuard::SupervisorGuard(Beat* beat, int supervisor_pid)
    : thread_(std::make_unique<Thread>()) {
  thread_->thread = std::thread([beat, supervisor_pid, stop = thread_->stop.get()] {
    GoFirst();
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
