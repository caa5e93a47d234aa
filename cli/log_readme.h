// What lies beside an export for whoever opens the folder. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace muster::cli {

std::string ExportReadme(absl::string_view origin);

}  // namespace muster::cli
