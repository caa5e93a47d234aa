// What the drivers of bench/exec.sh share: quantiles, and the start of a program.
#pragma once

#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace muster::bench {

// Of a copy, by rank; `values` is not empty, `q` is from 0 to 1.
inline double Quantile(std::vector<double> values, double q) {
  const auto rank = static_cast<size_t>(std::lround(static_cast<double>(values.size() - 1) * q));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rank),
                   values.end());
  return values[rank];
}
inline double Median(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

// Starts it without arguments or environment and waits until it ended; false unless it exited
// with 0. posix_spawn shares the address space until the exec, so that the time is the exec's.
inline bool RunToEnd(const char* program) {
  char* const argv[] = {const_cast<char*>(program), nullptr};
  char* const envp[] = {nullptr};
  pid_t pid = 0;
  if (posix_spawn(&pid, program, nullptr, nullptr, argv, envp) != 0) return false;
  int status = 0;
  return waitpid(pid, &status, 0) == pid && status == 0;
}

}  // namespace muster::bench
