// Who runs a program (FACTS: login uid). Pure.
//
// The audit login uid survives su and sudo, but a plain process whose login uid is unset may
// write any uid into its own. So it is believed only where the real uid agrees with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace muster::agent {

inline constexpr uint32_t kUnsetLoginUid = 0xffffffff;

// The uid whose account decides; empty when login uid and real uid disagree: then it is nobody,
// who has no entitlement.
std::optional<uint32_t> PersonOf(uint32_t login_uid, uint32_t real_uid);

// Contents of /proc/PID/loginuid. Empty when malformed. A kernel without the file: pass
// kUnsetLoginUid to PersonOf.
std::optional<uint32_t> ParseLoginUid(absl::string_view text);

// The real uid from the `Uid:` line of /proc/PID/status. Empty when there is none.
std::optional<uint32_t> ParseRealUid(absl::string_view status);

// The controlling terminal from /proc/PID/stat, e.g. "/dev/pts/3" or "/dev/tty1". Empty: none,
// or of another kind (proc(5), tty_nr; Documentation/admin-guide/devices.txt).
std::string ParseTerminal(absl::string_view stat);

}  // namespace muster::agent
