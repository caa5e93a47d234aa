// How many programs several processes start in a second, on pairs of filesystems in one run.
//   exec_storm PROCESSES ROUNDS MILLISECONDS BASE MARKED [BASE MARKED]...
// A round lets PROCESSES start each path as often as they can, one path after the other. Prints
// one line for each pair:
//   rounds base_per_s per_s ratio     (ratio: median over the rounds of MARKED over BASE)
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bench/samples.h"

namespace {

using Clock = std::chrono::steady_clock;
using muster::bench::Median;

// In a child: starts it until `end`, and writes how often it did. Never returns.
[[noreturn]] void Worker(const char* path, Clock::time_point end, int out) {
  uint64_t count = 0;
  while (Clock::now() < end) {
    if (!muster::bench::RunToEnd(path)) _exit(1);
    ++count;
  }
  _exit(write(out, &count, sizeof count) == sizeof count ? 0 : 1);
}

// Starts a second, or a negative number when one failed.
double Storm(const char* path, int processes, std::chrono::milliseconds time) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const auto start = Clock::now();
  for (int i = 0; i < processes; ++i) {
    const pid_t pid = fork();
    if (pid < 0) return -1;
    if (pid == 0) Worker(path, start + time, ends[1]);
  }
  close(ends[1]);
  uint64_t total = 0, count = 0;
  bool good = true;
  for (int i = 0; i < processes; ++i) {
    if (read(ends[0], &count, sizeof count) != sizeof count) good = false;
    total += count;
  }
  const std::chrono::duration<double> took = Clock::now() - start;
  close(ends[0]);
  for (int i = 0, status = 0; i < processes; ++i) {
    if (wait(&status) < 0 || status != 0) good = false;
  }
  if (!good) std::fprintf(stderr, "exec_storm: %s did not run\n", path);
  return good ? static_cast<double>(total) / took.count() : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const int processes = argc > 3 ? std::atoi(argv[1]) : 0,
            rounds = argc > 3 ? std::atoi(argv[2]) : 0;
  const std::chrono::milliseconds time(argc > 3 ? std::atoi(argv[3]) : 0);
  if (processes <= 0 || rounds <= 0 || time.count() <= 0 || argc < 6 || argc % 2 != 0) {
    std::fprintf(stderr,
                 "usage: exec_storm PROCESSES ROUNDS MILLISECONDS BASE MARKED [BASE MARKED]...\n");
    return 2;
  }
  const std::vector<const char*> paths(argv + 4, argv + argc);
  std::vector<std::vector<double>> rates(paths.size());
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < paths.size(); ++i) {
      const size_t which = round % 2 == 0 ? i : paths.size() - 1 - i;
      const double rate = Storm(paths[which], processes, time);
      if (rate <= 0) return 1;
      rates[which].push_back(rate);
    }
  }
  for (size_t i = 0; i + 1 < paths.size(); i += 2) {
    std::vector<double> ratios;
    for (int r = 0; r < rounds; ++r) ratios.push_back(rates[i + 1][r] / rates[i][r]);
    std::printf("%d %.0f %.0f %.3f\n", rounds, Median(rates[i]), Median(rates[i + 1]),
                Median(ratios));
  }
  return 0;
}
