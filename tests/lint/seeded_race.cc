// A data race on purpose: shows that the TSan run of the stream logic can fail. Its test passes
// only when TSan ends it.
#include <thread>

int main() {
  int unguarded = 0;
  std::thread other([&] {
    for (int i = 0; i < 100'000; ++i) ++unguarded;
  });
  for (int i = 0; i < 100'000; ++i) ++unguarded;
  other.join();
  return unguarded == 0 ? 1 : 0;
}
