#include "archive/bag.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace muster::archive {
namespace {

constexpr BagCode kCodes[] = {BagCode::kMalformed,  BagCode::kVersion,  BagCode::kPath,
                              BagCode::kIncomplete, BagCode::kChecksum, BagCode::kSize,
                              BagCode::kExport,     BagCode::kOversize, BagCode::kFiled};

}  // namespace

absl::string_view BagCodeName(BagCode code) {
  switch (code) {
    case BagCode::kMalformed:
      return "BAG_MALFORMED";
    case BagCode::kVersion:
      return "BAG_VERSION";
    case BagCode::kPath:
      return "BAG_PATH";
    case BagCode::kIncomplete:
      return "BAG_INCOMPLETE";
    case BagCode::kChecksum:
      return "BAG_CHECKSUM";
    case BagCode::kSize:
      return "BAG_SIZE";
    case BagCode::kExport:
      return "BAG_EXPORT";
    case BagCode::kOversize:
      return "BAG_OVERSIZE";
    case BagCode::kFiled:
      return "BAG_FILED";
  }
  return "";
}

absl::Status BagError(BagCode code, absl::string_view detail) {
  return absl::FailedPreconditionError(absl::StrCat(BagCodeName(code), ": ", detail));
}

std::string BagCodeOf(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kFailedPrecondition) return "";
  for (const BagCode code : kCodes) {
    if (absl::StartsWith(status.message(), absl::StrCat(BagCodeName(code), ": "))) {
      return std::string(BagCodeName(code));
    }
  }
  return "";
}

std::string FindInfo(const BagInfo& info, absl::string_view label) {
  for (const auto& [name, value] : info) {
    if (absl::EqualsIgnoreCase(name, label)) return value;
  }
  return "";
}

}  // namespace muster::archive
