// musterctl as a function: arguments in, text and an exit code out.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "cli/session.h"

namespace muster::cli {

// `args` without the program's name; `default_profile` is MUSTER_PROFILE's value or empty.
// Exit codes as in errors.h. Never throws.
int RunMusterctl(const std::vector<std::string>& args, const std::string& default_profile,
                 Session::Connector connector, std::ostream& out, std::ostream& err);

}  // namespace muster::cli
