// Answers of the local socket that are errors.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/exit_code.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {

// Its words and its exit code.
inline v1::ControlReply ErrorReply(const absl::Status& status) {
  v1::ControlReply out;
  out.set_error(std::string(status.message()));
  out.set_exit_code(static_cast<uint32_t>(ExitCode(status)));
  return out;
}

}  // namespace muster::agent
