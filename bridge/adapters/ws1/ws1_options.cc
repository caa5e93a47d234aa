#include "bridge/adapters/ws1/ws1_options.h"

namespace muster::bridge {

std::optional<AndroidManagement> AndroidManagementOf(absl::string_view word) {
  if (word == "unknown") return AndroidManagement::kUnknown;
  if (word == "by-ownership") return AndroidManagement::kByOwnership;
  if (word == "by-ownership-cope") return AndroidManagement::kByOwnershipWithCope;
  return std::nullopt;
}

}  // namespace muster::bridge
