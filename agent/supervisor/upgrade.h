// How the supervisor becomes a newer version of its program without letting go of the gate.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/linux/linux_enforcer.h"

namespace muster::agent {

// Descriptors that a version leaves to the next, as options of the next: -1: none.
struct Inheritance {
  int execs = -1, opens = -1, lock = -1, state = -1;
};

// A file in memory with these bytes, to be inherited; not ok: there is no memory.
Fd KeepInMemory(const std::string& bytes);
std::string ReadKept(int fd);

// Descriptors are closed at an exec again.
void TakeOver(const Inheritance& inherited);

// Returns only when the new version cannot be started; then `enforcer` goes on as before.
// `arguments` without those of an inheritance.
absl::Status BecomeNewVersion(const std::string& program, std::vector<std::string> arguments,
                              LinuxEnforcer& enforcer, int lock, const std::string& state);

}  // namespace muster::agent
