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
  int execs = -1, opens = -1, lock = -1, state = -1, status = -1;
};

// A file in memory with these bytes, to be inherited; not ok: there is no memory.
Fd KeepInMemory(const std::string& bytes);
std::string ReadKept(int fd);

// Descriptors are closed at an exec again.
void TakeOver(const Inheritance& inherited);

// OK when each of these programs can be started and says its version in time.
absl::Status CanStart(const std::vector<std::string>& programs);

// What is handed on beside the gate: serialised GateState and GateStatus.
struct Kept {
  std::string state, status;
};

// Returns only when the new version cannot be started; then `enforcer` goes on as before.
// `arguments` begin with the program and are without those of an inheritance.
absl::Status BecomeNewVersion(std::vector<std::string> arguments, LinuxEnforcer& enforcer, int lock,
                              const Kept& kept);

}  // namespace muster::agent
