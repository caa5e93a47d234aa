// The directory of a zip (PKWARE APPNOTE 6.3), read with distrust: of two readings of one zip none
// may differ, no byte may be packed twice, and no name may lead anywhere. Thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace muster::archive {

// Fills `out` with exactly `bytes` bytes from `offset` on, or says why not.
using ReadAt = std::function<absl::Status(uint64_t offset, char* out, size_t bytes)>;

struct ZipMember {
  std::string name;  // UTF-8, relative, '/' between folders
  bool deflated = false;
  uint64_t packed = 0, size = 0;  // bytes, packed and not
  uint32_t crc = 0;
  uint64_t header = 0;                    // offset of its local header
  uint64_t data = 0;                      // offset of its packed bytes
  std::optional<absl::CivilSecond> time;  // the wall clock of who packed it
};

struct ZipDirectory {
  std::vector<ZipMember> members;  // files only, as they are listed
  uint64_t stray_bytes = 0;        // between members, of none of them
};

inline constexpr char kZipRefused[] = "refused zip: ";

// INVALID_ARGUMENT, the message begins with kZipRefused: cut off, of several disks, encrypted,
// packed by a method that is not read, names that lead out of the folder or are not plain text,
// two files of one name, links and devices, members that overlap, that say two things of
// themselves, or that unpack to more than limits:: allows. What `read` says otherwise.
absl::StatusOr<ZipDirectory> ReadZipDirectory(const ReadAt& read, uint64_t file_bytes);

// Unpacks one member into `sink`, piece by piece. INVALID_ARGUMENT as above when it is not the
// size or has not the CRC that the directory says; what `read` says otherwise.
absl::Status UnpackMember(const ReadAt& read, const ZipMember& member,
                          const std::function<void(absl::string_view)>& sink);
// At most its first `max` bytes; what cannot be unpacked is left out.
std::string UnpackHead(const ReadAt& read, const ZipMember& member, size_t max);

absl::Status RefuseZip(absl::string_view why);

}  // namespace muster::archive
