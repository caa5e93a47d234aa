#include "archive/files/bag_files.h"

namespace muster::archive {

absl::StatusOr<PackedBag> PackBag(const std::string&, const PackInputs&) {
  return absl::UnimplementedError("not packed yet");
}
absl::StatusOr<ValidBag> ValidateBag(const std::string&) {
  return absl::UnimplementedError("not validated yet");
}

}  // namespace muster::archive
