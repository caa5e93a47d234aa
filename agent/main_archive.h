// The subcommands of `muster-agent archive`.
#pragma once

#include <CLI/CLI.hpp>

namespace muster::agent {

// Adds them to `app`; what was chosen sets `exit_code` when it has run.
void AddArchive(CLI::App& app, int& exit_code);

}  // namespace muster::agent
