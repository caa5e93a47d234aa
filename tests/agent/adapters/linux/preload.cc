// A library that shows that it was loaded: the process ends with exit code 42. For bypass tests.
#include <unistd.h>

extern "C" unsigned la_version(unsigned) { _exit(42); }

namespace {
__attribute__((constructor)) void Loaded() { _exit(42); }
}  // namespace
