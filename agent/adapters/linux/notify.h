// sd_notify(3) without its library: says to the service manager how this process is.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster::agent {

// "READY=1", "WATCHDOG=1", "STOPPING=1". Nobody listens: nothing happens.
void Notify(absl::string_view state);

// How often the service manager wants to hear of us (WATCHDOG_USEC); empty: it does not.
std::optional<absl::Duration> WatchdogInterval();

}  // namespace muster::agent
