// One line on standard error per event worth an operator's time; the service manager keeps it.
// Never message data, never secrets. Thread-safe.
#pragma once

#include <cstdio>

#include "absl/strings/str_cat.h"

namespace muster::bridge {

enum class Severity { kInfo, kWarning, kError };

template <typename... Args>
void Log(Severity severity, const Args&... args) {
  // sd-daemon(3) prefixes: the journal takes the priority from them.
  const char* prefix = severity == Severity::kInfo      ? "<6>"
                       : severity == Severity::kWarning ? "<4>"
                                                        : "<3>";
  const std::string line = absl::StrCat(prefix, "muster-bridge: ", args..., "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace muster::bridge
