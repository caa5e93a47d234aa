#include "agent/adapters/grpc/stepper.h"

#include <algorithm>
#include <utility>

#include "common/clock.h"

namespace muster::agent {
namespace {

constexpr absl::Duration kSoonest = absl::Seconds(1);
// A clock that jumps ahead is noticed by then.
constexpr absl::Duration kLatest = absl::Minutes(1);

}  // namespace

Stepper::Stepper(std::function<absl::Time()> step)
    : step_(std::move(step)), thread_([this] { Run(); }) {}

Stepper::~Stepper() {
  {
    MutexLock lock(&mu_);
    stop_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void Stepper::Wake() {
  MutexLock lock(&mu_);
  woken_ = true;
  changed_.NotifyAll();
}

void Stepper::Run() {
  const SystemClock clock;
  for (;;) {
    const absl::Time next = step_();
    const absl::Duration wait = std::clamp(next - clock.Now(), kSoonest, kLatest);
    const absl::Time until = clock.Now() + wait;
    MutexLock lock(&mu_);
    while (!stop_ && !woken_) {
      const absl::Duration left = std::min(until - clock.Now(), wait);
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(&mu_, left);
    }
    if (stop_) return;
    woken_ = false;
  }
}

}  // namespace muster::agent
