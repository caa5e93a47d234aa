// What a program's line in the service manager's log says. Pure: whoever writes it is elsewhere.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"

namespace muster {

enum class LogSeverity { kInfo, kWarning, kError };

// "<4>program: text\n": the journal takes the priority from sd-daemon(3)'s prefix.
template <typename... Args>
std::string LogLine(const char* program, LogSeverity severity, const Args&... args) {
  const char* prefix = severity == LogSeverity::kInfo      ? "<6>"
                       : severity == LogSeverity::kWarning ? "<4>"
                                                           : "<3>";
  return absl::StrCat(prefix, program, ": ", args..., "\n");
}

}  // namespace muster
