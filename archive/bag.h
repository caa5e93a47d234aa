// BagIt 1.0 (RFC 8493): the texts of a bag's tag files, and what makes a bag whole. Pure.
#pragma once

#include <cstdint>
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
  kFiled,       // BAG_FILED: the repository has a bag of this id already
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
// RFC 8493's labels that we write.
inline constexpr char kInfoBagId[] = "External-Identifier";
inline constexpr char kInfoBaggingDate[] = "Bagging-Date";  // YYYY-MM-DD, UTC
inline constexpr char kInfoBagSize[] = "Bag-Size";
inline constexpr char kInfoOxum[] = "Payload-Oxum";

struct BagDeclaration {
  std::string version;   // one that is read: "0.93" to "0.97", "1.0"
  std::string encoding;  // "UTF-8", "UTF-16", "ISO-8859-1" or "US-ASCII"
};
std::string FormatBagDeclaration();  // bagit.txt of a 1.0 bag
// MALFORMED, VERSION.
absl::StatusOr<BagDeclaration> ParseBagDeclaration(absl::string_view bytes);
// The bytes of any other tag file as UTF-8. MALFORMED: not of that encoding, or with a byte order
// mark where none belongs.
absl::StatusOr<std::string> TagText(absl::string_view bytes, absl::string_view encoding);

// Long values are folded at single spaces. Control characters of a value become spaces.
std::string FormatBagInfo(const BagInfo& info);
// Text as TagText() gives it. MALFORMED, OVERSIZE.
absl::StatusOr<BagInfo> ParseBagInfo(absl::string_view text);

struct PayloadOxum {
  uint64_t bytes = 0, files = 0;
};
std::string FormatPayloadOxum(const PayloadOxum& oxum);                 // "<bytes>.<files>"
absl::StatusOr<PayloadOxum> ParsePayloadOxum(absl::string_view value);  // MALFORMED

// Bytes of a checksum of "md5", "sha1", "sha224", "sha256", "sha384" or "sha512"; 0: none of them.
size_t ChecksumBytes(absl::string_view algorithm);

// path -> checksum in lowercase hex, of one algorithm. Paths are percent-decoded (RFC 8493, 2.1.3).
using Manifest = std::map<std::string, std::string>;
std::string FormatManifest(const Manifest& manifest);
// MALFORMED (also a path that is there twice), PATH, OVERSIZE.
absl::StatusOr<Manifest> ParseManifest(absl::string_view text, size_t checksum_bytes);
// The paths of a fetch.txt. MALFORMED, PATH, OVERSIZE.
absl::StatusOr<std::vector<std::string>> ParseFetchList(absl::string_view text);

// PATH unless it is relative and stays where it is, on every system that may read the bag: no
// empty, "." or ".." part, no backslash, no '~' in front, nothing over the caps.
absl::Status CheckBagPath(absl::string_view path);
// Equal for two paths that are one where case or Unicode's composed forms do not count.
std::string PathIdentity(absl::string_view path);
// A name that is one harmless path part: letters, digits, '.', '_', '-', not '.' first, at most
// limits::kMaxBagIdBytes.
bool IsBagId(absl::string_view name);

}  // namespace muster::archive
