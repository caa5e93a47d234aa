// `muster-agent archive inspect`: offline, without any state.
#pragma once

#include <string>

namespace muster::agent {

struct InspectOptions {
  std::string file;
  std::string output = "table";  // or "json"
  std::string time_zone = "UTC";
  std::string date_order;  // empty: found out
  bool entries = false;
};
// 0: an export, also one whose dates are ambiguous · 2: usage · 3: damaged, refused or no export ·
// 5: no such file.
int RunArchiveInspect(const InspectOptions& options);

}  // namespace muster::agent
