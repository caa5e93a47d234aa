// `policy export -f`: the file of a platform's own management from policy files alone, without a
// controller. Nobody's grants are known here.
#pragma once

#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "muster/v1/admin_service.pb.h"

namespace muster::cli {

struct OfflineExport {
  std::string folder;
  v1::NativePolicy::Format format = v1::NativePolicy::UNSPECIFIED;
  std::string tenant;
  absl::Time generated_at;
};

// As the controller answers, with version 0. Problems of the policy files go to `err`, one line
// each, with their positions. INVALID_ARGUMENT: one of them is an error, the folder has no policy
// files, or nothing is blocked that the format could name.
absl::StatusOr<v1::ExportPolicyResponse> ExportOffline(const OfflineExport& what,
                                                       std::ostream& err);

// "apple-profile, apple-declaration, …".
std::string NativeFormats();
// UNSPECIFIED: there is no such format.
v1::NativePolicy::Format FindNativeFormat(const std::string& name);

}  // namespace muster::cli
