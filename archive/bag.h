// BagIt 1.0 (RFC 8493): the texts of a bag's tag files, and what makes a bag whole. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster::archive {

// Why a bag is refused; each is FAILED_PRECONDITION with its name in front.
enum class BagCode {
  kMalformed,   // BAG_MALFORMED: a tag file that is none, or is missing
  kVersion,     // BAG_VERSION: a BagIt version that is not read
  kPath,        // BAG_PATH: a name that leads out of the bag, or two that are one
  kIncomplete,  // BAG_INCOMPLETE: a file is missing, or one is there that no manifest names
  kChecksum,    // BAG_CHECKSUM: a file is not the one that was packed
  kSize,        // BAG_SIZE: Payload-Oxum says another size or number
  kExport,      // BAG_EXPORT: the export in it is not what bag-info.txt says
  kOversize,    // BAG_OVERSIZE: over a cap
};
absl::string_view BagCodeName(BagCode code);
absl::Status BagError(BagCode code, absl::string_view detail);
// The code of a status made by BagError(), as its name; empty for any other status.
std::string BagCodeOf(const absl::Status& status);

// bag-info.txt: order and repeats are kept.
using BagInfo = std::vector<std::pair<std::string, std::string>>;
// The first value of a label, whatever its case; empty: none.
std::string FindInfo(const BagInfo& info, absl::string_view label);

// Labels of our own, beside RFC 8493's.
inline constexpr char kInfoPerson[] = "Muster-Person";         // person id
inline constexpr char kInfoDevice[] = "Muster-Device";         // device id
inline constexpr char kInfoApp[] = "Muster-App";               // app id
inline constexpr char kInfoChat[] = "Muster-Chat";             // as people know it
inline constexpr char kInfoChatKey[] = "Muster-Chat-Key";      // the salted hash
inline constexpr char kInfoFirst[] = "Muster-First-Message";   // RFC 3339
inline constexpr char kInfoLast[] = "Muster-Last-Message";     // RFC 3339
inline constexpr char kInfoTimeZone[] = "Muster-Time-Zone";    // IANA name
inline constexpr char kInfoDateOrder[] = "Muster-Date-Order";  // "dmy", "mdy", "ymd"
inline constexpr char kInfoMessages[] = "Muster-Messages";     // count
inline constexpr char kInfoExportSha256[] = "Muster-Export-SHA256";
inline constexpr char kInfoTenant[] = "Muster-Tenant";

std::string FormatBagDeclaration();  // bagit.txt of a 1.0 bag
std::string FormatBagInfo(const BagInfo& info);
absl::StatusOr<BagInfo> ParseBagInfo(absl::string_view text);

// path -> checksum in lowercase hex, of one algorithm. Paths are percent-decoded (RFC 8493, 2.1.3).
using Manifest = std::map<std::string, std::string>;
std::string FormatManifest(const Manifest& manifest);
absl::StatusOr<Manifest> ParseManifest(absl::string_view text, size_t checksum_bytes);

}  // namespace muster::archive
