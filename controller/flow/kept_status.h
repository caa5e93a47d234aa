// What of a device's word on itself becomes part of its record, which every list of devices reads:
// bounded. Pure.
#pragma once

#include <string>
#include <vector>

#include "muster/v1/report.pb.h"

namespace muster {

inline constexpr int kMaxCannotEnforce = 100;  // reasons of one device
inline constexpr size_t kMaxCannotEnforceBytes = 1'024;

// The first limits::kMaxLocalAccounts.
std::vector<std::string> KeptAccounts(const v1::StatusReport& status);

// The first kMaxCannotEnforce of what it cannot enforce, shortened; where there are more, one line
// says how many.
std::vector<std::string> KeptReasons(const v1::StatusReport& status);

}  // namespace muster
