// What the policy files of all browsers share. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/domain/native/native_policy.h"

namespace muster::native {

struct BrowserHosts {
  std::vector<std::string> hosts;  // at most limits::kMaxBrowserPatterns, sorted
  std::vector<std::string> notes;  // what is not among them, and why
};
// INVALID_ARGUMENT: none is blocked.
absl::StatusOr<BrowserHosts> HostsForBrowsers(const NativeInput& in);

// Where the file comes from: tenant, version, sha256, generated_at and, when there is one, person.
nlohmann::ordered_json Provenance(const NativeInput& in);

// As one writes it into a file: two blanks a level, a line break at the end.
std::string JsonText(const nlohmann::ordered_json& json);

}  // namespace muster::native
