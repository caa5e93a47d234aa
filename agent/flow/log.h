// One line on standard error per event worth an operator's time; the service manager keeps it.
// Never message data, never secrets. Thread-safe.
#pragma once

#include <cstdio>

#include "common/log_line.h"

namespace muster::agent {

using Severity = LogSeverity;

template <typename... Args>
void Log(Severity severity, const Args&... args) {
  const std::string line = LogLine("muster-agent", severity, args...);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace muster::agent
