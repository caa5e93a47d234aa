// A harmless stand-in for a messenger: says one line and ends, or stays until it is stopped.
#include <unistd.h>

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  std::puts("demo-chat 1.0: hello");
  std::fflush(stdout);
  if (argc > 1 && std::strcmp(argv[1], "--wait") == 0) {
    while (true) pause();
  }
  return 0;
}
