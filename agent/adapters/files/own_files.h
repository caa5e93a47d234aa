// Whether somebody other than root could change what this agent is made of.
#pragma once

#include <string>
#include <vector>

namespace muster::agent {

// One sentence for each file or folder on the way to it that an account other than root owns or
// may write to. Links are followed, as the system follows them.
std::vector<std::string> ChangeableByOthers(const std::vector<std::string>& paths);

}  // namespace muster::agent
