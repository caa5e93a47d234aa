// Calls a step, over and over, at the times that it asks for, on a thread of its own.
#pragma once

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace muster::agent {

// The destructor waits for a step that runs.
class Stepper {
 public:
  // `step` says when it wants to be called again; at the soonest a second later.
  explicit Stepper(std::function<absl::Time()> step);
  ~Stepper();

  // Calls the step soon, whenever it wanted to be called. Thread-safe.
  void Wake();

 private:
  void Run();

  const std::function<absl::Time()> step_;
  Mutex mu_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace muster::agent
