#include "agent/adapters/linux/notice_sender.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/adapters/linux/proc.h"
#include "agent/adapters/linux/terminal_notice.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

// poll's; rounded up, so that the moment has come when it returns. -1: without end.
int MillisecondsUntil(absl::Time then, absl::Time now) {
  if (then == absl::InfiniteFuture()) return -1;
  const absl::Duration left = std::max(then - now, absl::ZeroDuration());
  return static_cast<int>(absl::ToInt64Milliseconds(left + absl::Microseconds(999)));
}

}  // namespace

NoticeSender::NoticeSender(DesktopOptions desktop)
    : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      desktop_(std::move(desktop)),
      thread_([this] { Serve(); }) {}

NoticeSender::~NoticeSender() {
  {
    MutexLock lock(&mu_);
    stop_ = true;
  }
  eventfd_write(event_.get(), 1);
  thread_.join();
}

void NoticeSender::Send(uint32_t uid, const std::string& terminal, const Notice& notice) {
  {
    MutexLock lock(&mu_);
    if (waiting_.size() >= limits::kMaxNoticesWaiting) return;
    waiting_.push_back({uid, terminal, notice});
  }
  eventfd_write(event_.get(), 1);
}

bool NoticeSender::Take(Waiting& out) {
  MutexLock lock(&mu_);
  if (stop_ || waiting_.empty()) return false;
  out = std::move(waiting_.front());
  waiting_.pop_front();
  return true;
}

void NoticeSender::Serve() {
  const MonotonicClock clock;
  for (;;) {
    std::vector<pollfd> fds = {{event_.get(), POLLIN, 0}};
    for (const int fd : desktop_.fds()) fds.push_back({fd, POLLIN, 0});
    poll(fds.data(), fds.size(), MillisecondsUntil(desktop_.deadline(), clock.Now()));
    eventfd_t count = 0;
    if (fds[0].revents != 0) eventfd_read(event_.get(), &count);
    {
      MutexLock lock(&mu_);
      if (stop_) return;
    }
    for (const std::string& problem : desktop_.Reap(clock.Now())) Log(Severity::kError, problem);
    // Whatever cannot be shown is not worth a line: most people have one of the two, and the
    // report has it all.
    for (Waiting next; Take(next);) {
      if (!next.terminal.empty()) {
        WriteTerminalNotice(next.terminal, next.uid, TerminalLine(next.notice)).IgnoreError();
      }
      desktop_.Show(next.uid, next.notice, clock.Now()).IgnoreError();
    }
  }
}

}  // namespace muster::agent
