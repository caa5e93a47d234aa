// A line on the terminal that a program was started from.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace muster::agent {

// Writes `line` to the terminal at `path`, on a line of its own, if `uid` owns it. Never waits: a
// terminal that is full or held (Ctrl-S) gets nothing.
//
// It also writes where `mesg n` is set. That keeps other people's messages away; this is the
// system's answer to what the owner of the terminal has just started on it.
//
// INVALID_ARGUMENT: not a path of a terminal; NOT_FOUND; PERMISSION_DENIED: somebody else's;
// UNAVAILABLE: it takes nothing now. Thread-safe.
absl::Status WriteTerminalNotice(const std::string& path, uint32_t uid, absl::string_view line);

}  // namespace muster::agent
