// Times the start of a program, or the opening of a file, on pairs of filesystems in one run.
//   exec_time exec|open ROUNDS BLOCK BASE MARKED [BASE MARKED]...
// A round times BLOCK of each path in turn, back and forth, so that whatever else the machine does
// meets all of them alike. Prints one line for each pair, in microseconds:
//   n base_p50 p50 p99 added     (added: median over the rounds of what MARKED took longer)
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "bench/samples.h"

namespace {

using muster::bench::Median;
using muster::bench::Quantile;

// One open is too short for the clock.
constexpr int kOpensPerSample = 20;

struct Arm {
  const char* path = nullptr;
  std::vector<double> all = {}, round_medians = {};  // microseconds
};

bool OpenOften(const char* path) {
  for (int i = 0; i < kOpensPerSample; ++i) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || close(fd) != 0) return false;
  }
  return true;
}

bool TimeBlock(bool execs, int block, Arm& arm) {
  std::vector<double> times;
  for (int i = 0; i < block; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (!(execs ? muster::bench::RunToEnd(arm.path) : OpenOften(arm.path))) {
      std::fprintf(stderr, "exec_time: %s did not %s\n", arm.path, execs ? "run" : "open");
      return false;
    }
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    times.push_back(took.count() / (execs ? 1 : kOpensPerSample));
  }
  arm.all.insert(arm.all.end(), times.begin(), times.end());
  arm.round_medians.push_back(Median(std::move(times)));
  return true;
}

bool TimeAll(bool execs, int rounds, int block, std::vector<Arm>& arms) {
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < arms.size(); ++i) {
      if (!TimeBlock(execs, block, arms[round % 2 == 0 ? i : arms.size() - 1 - i])) return false;
    }
  }
  return true;
}

void Print(const Arm& base, const Arm& marked) {
  std::vector<double> added;
  for (size_t i = 0; i < base.round_medians.size(); ++i) {
    added.push_back(marked.round_medians[i] - base.round_medians[i]);
  }
  std::printf("%zu %.2f %.2f %.2f %.2f\n", marked.all.size(), Median(base.all), Median(marked.all),
              Quantile(marked.all, 0.99), Median(added));
}

}  // namespace

int main(int argc, char** argv) {
  const bool known = argc > 1 && (!std::strcmp(argv[1], "exec") || !std::strcmp(argv[1], "open"));
  const int rounds = argc > 3 ? std::atoi(argv[2]) : 0, block = argc > 3 ? std::atoi(argv[3]) : 0;
  if (!known || rounds <= 0 || block <= 0 || argc < 6 || argc % 2 != 0) {
    std::fprintf(stderr, "usage: exec_time exec|open ROUNDS BLOCK BASE MARKED [BASE MARKED]...\n");
    return 2;
  }
  const bool execs = std::strcmp(argv[1], "exec") == 0;
  std::vector<Arm> arms, warm_up;
  for (int i = 4; i < argc; ++i) arms.push_back({.path = argv[i]});
  warm_up = arms;  // page cache, and what a listener remembers of a file that it has seen
  if (!TimeAll(execs, 2, block, warm_up) || !TimeAll(execs, rounds, block, arms)) return 1;
  for (size_t i = 0; i + 1 < arms.size(); i += 2) Print(arms[i], arms[i + 1]);
  return 0;
}
