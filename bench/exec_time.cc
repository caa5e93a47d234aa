// Times the start of a program: fork, exec and exit, as seen by the parent.
//   exec_time PROGRAM COUNT      prints one line: n p50 p99, in microseconds
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

// Microseconds, or a negative number when the program did not run.
double TimeOne(const char* program) {
  char* const argv[] = {const_cast<char*>(program), nullptr};
  char* const envp[] = {nullptr};
  const auto start = std::chrono::steady_clock::now();
  pid_t pid = 0;
  if (posix_spawn(&pid, program, nullptr, nullptr, argv, envp) != 0) return -1;
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) return -1;
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  return took.count();
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc == 3 ? std::atoi(argv[2]) : 0;
  if (count <= 0) {
    std::fprintf(stderr, "usage: exec_time PROGRAM COUNT\n");
    return 2;
  }
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const double t = TimeOne(argv[1]);
    if (t < 0) {
      std::fprintf(stderr, "exec_time: %s did not run\n", argv[1]);
      return 1;
    }
    times.push_back(t);
  }
  std::sort(times.begin(), times.end());
  std::printf("%d %.1f %.1f\n", count, times[times.size() / 2], times[times.size() * 99 / 100]);
  return 0;
}
