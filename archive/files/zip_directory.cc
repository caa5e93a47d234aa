#include "archive/files/zip_directory.h"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "archive/files/zip_names.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"

namespace muster::archive {
namespace {

// APPNOTE 4.3: sizes of the fixed parts, and how each begins.
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                 kLocator64Bytes = 20;
constexpr uint32_t kLocalMark = 0x04034b50, kCentralMark = 0x02014b50, kEndMark = 0x06054b50,
                   kEnd64Mark = 0x06064b50, kLocator64Mark = 0x07064b50;
constexpr uint32_t kIn64 = 0xffffffff;  // the true value is in the zip64 field
constexpr uint16_t kIn64Short = 0xffff;
constexpr uint16_t kEncrypted = 1u << 0, kSizesFollow = 1u << 3, kPatched = 1u << 5,
                   kStrong = 1u << 6, kMasked = 1u << 13;
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr uint64_t kMaxDescriptorBytes = 24;  // 4.3.9, with its mark and 8-byte sizes
constexpr uint64_t kUnjudgedBytes = 1 << 20;  // smaller members may be packed however well

uint64_t Little(absl::string_view bytes, size_t at, size_t width) {
  uint64_t out = 0;
  std::memcpy(&out, bytes.data() + at, width);
  return le64toh(out);
}
uint16_t U16(absl::string_view b, size_t at) { return static_cast<uint16_t>(Little(b, at, 2)); }
uint32_t U32(absl::string_view b, size_t at) { return static_cast<uint32_t>(Little(b, at, 4)); }
uint64_t U64(absl::string_view b, size_t at) { return Little(b, at, 8); }

absl::StatusOr<std::string> Bytes(const ReadAt& read, uint64_t offset, size_t count) {
  std::string out(count, '\0');
  MUSTER_RETURN_IF_ERROR(read(offset, out.data(), count));
  return out;
}

struct Place {
  uint64_t count = 0, offset = 0, bytes = 0;  // of the directory
};

// Where the end record is: exactly one may fit to the end of the file, or two readers could see
// two directories.
absl::StatusOr<uint64_t> FindEnd(const ReadAt& read, uint64_t file_bytes) {
  const uint64_t tail_bytes = std::min<uint64_t>(file_bytes, kEndBytes + 0xffff);
  const uint64_t from = file_bytes - tail_bytes;
  MUSTER_ASSIGN_OR_RETURN(const std::string tail,
                          Bytes(read, from, static_cast<size_t>(tail_bytes)));
  std::vector<uint64_t> found;
  for (size_t at = 0; at + kEndBytes <= tail.size(); ++at) {
    if (tail[at] != 'P' || U32(tail, at) != kEndMark) continue;
    if (at + kEndBytes + U16(tail, at + 20) == tail.size()) found.push_back(from + at);
  }
  if (found.empty()) return RefuseZip("it is cut off: its end is missing");
  if (found.size() > 1) return RefuseZip("it has two ends");
  return found[0];
}

// 4.3.14 and 4.3.15: the record of a large zip, right before `end`.
absl::StatusOr<Place> FindLargePlace(const ReadAt& read, uint64_t end) {
  if (end < kLocator64Bytes + kEnd64Bytes) return RefuseZip("its directory is missing");
  const uint64_t locator_at = end - kLocator64Bytes;
  MUSTER_ASSIGN_OR_RETURN(const std::string locator, Bytes(read, locator_at, kLocator64Bytes));
  if (U32(locator, 0) != kLocator64Mark) return RefuseZip("its directory is missing");
  const uint64_t at = U64(locator, 8);
  if (at > locator_at - kEnd64Bytes) return RefuseZip("its directory is missing");
  MUSTER_ASSIGN_OR_RETURN(const std::string record, Bytes(read, at, kEnd64Bytes));
  if (U32(record, 0) != kEnd64Mark || U64(record, 4) + 12 != locator_at - at) {
    return RefuseZip("its directory is missing");
  }
  if (U32(record, 16) != 0 || U32(record, 20) != 0 || U64(record, 24) != U64(record, 32)) {
    return RefuseZip("it is one of several parts");
  }
  Place out{U64(record, 32), U64(record, 48), U64(record, 40)};
  if (out.offset > at || out.bytes != at - out.offset) {
    return RefuseZip("its directory is not where it says");
  }
  return out;
}

// Whether the record of a large zip is there; some programs write it of small ones too.
absl::StatusOr<bool> HasLargePlace(const ReadAt& read, uint64_t end) {
  if (end < kLocator64Bytes) return false;
  MUSTER_ASSIGN_OR_RETURN(const std::string mark, Bytes(read, end - kLocator64Bytes, 4));
  return U32(mark, 0) == kLocator64Mark;
}

absl::StatusOr<Place> FindPlace(const ReadAt& read, uint64_t file_bytes) {
  MUSTER_ASSIGN_OR_RETURN(const uint64_t end, FindEnd(read, file_bytes));
  MUSTER_ASSIGN_OR_RETURN(const std::string record, Bytes(read, end, kEndBytes));
  if (U16(record, 4) != U16(record, 6) || U16(record, 8) != U16(record, 10) ||
      (U16(record, 4) != 0 && U16(record, 4) != kIn64Short)) {
    return RefuseZip("it is one of several parts");
  }
  Place out{U16(record, 10), U32(record, 16), U32(record, 12)};
  MUSTER_ASSIGN_OR_RETURN(const bool large, HasLargePlace(read, end));
  if (large) {
    const Place small = out;
    MUSTER_ASSIGN_OR_RETURN(out, FindLargePlace(read, end));
    if ((small.count != kIn64Short && small.count != out.count) ||
        (small.offset != kIn64 && small.offset != out.offset) ||
        (small.bytes != kIn64 && small.bytes != out.bytes)) {
      return RefuseZip("it has two directories");
    }
  } else if (out.offset > end || out.bytes != end - out.offset) {
    return RefuseZip("its directory is not where it says");
  }
  if (out.count > limits::kMaxZipMembers) {
    return RefuseZip(absl::StrCat("it holds ", out.count, " files; at most ",
                                  limits::kMaxZipMembers, " are read"));
  }
  if (out.bytes > limits::kMaxZipDirectoryBytes) return RefuseZip("its directory is too large");
  return out;
}

// 4.5.3: the true values of those fields that say so, in this order. False: they are not there.
bool ReadLargeValues(absl::string_view extra, std::vector<uint64_t*> wanted) {
  if (wanted.empty()) return true;
  while (extra.size() >= 4) {
    const uint16_t id = U16(extra, 0), length = U16(extra, 2);
    extra.remove_prefix(4);
    if (length > extra.size()) return false;
    if (id == 1) {
      if (length < 8 * wanted.size()) return false;
      for (size_t i = 0; i < wanted.size(); ++i) *wanted[i] = U64(extra, 8 * i);
      return true;
    }
    extra.remove_prefix(length);
  }
  return false;
}

// 4.4.6, the wall clock in steps of two seconds; none where nobody set it.
std::optional<absl::CivilSecond> DosTime(uint16_t time, uint16_t date) {
  const int year = 1980 + (date >> 9), month = date >> 5 & 15, day = date & 31;
  const absl::CivilSecond out(year, month, day, time >> 11, time >> 5 & 63, 2 * (time & 31));
  if (out.year() != year || out.month() != month || out.day() != day) return std::nullopt;
  if (out < absl::CivilSecond(1981)) return std::nullopt;
  return out;
}

absl::Status CheckKind(absl::string_view entry, absl::string_view name) {
  const std::string shown = ShownName(name);
  if ((U16(entry, 8) & (kEncrypted | kStrong | kMasked)) != 0) {
    return RefuseZip(absl::StrCat("'", shown, "' is encrypted"));
  }
  const uint16_t method = U16(entry, 10);
  if ((method != kStored && method != kDeflated) || (U16(entry, 8) & kPatched) != 0) {
    return RefuseZip(absl::StrCat("'", shown, "' is packed by a method that is not read"));
  }
  const uint8_t system = static_cast<uint8_t>(entry[5]);
  const uint32_t mode = system == 3 || system == 19 ? U32(entry, 38) >> 16 & 0170000 : 0;
  const bool folder = name.back() == '/';
  if (mode != 0 && mode != (folder ? 0040000u : 0100000u)) {
    return RefuseZip(absl::StrCat("'", shown, "' is a link, a device or a folder in disguise"));
  }
  return absl::OkStatus();
}

absl::Status CheckSizes(const ZipMember& m) {
  const std::string shown = ShownName(m.name);
  if (!m.deflated && m.packed != m.size) {
    return RefuseZip(absl::StrCat("'", shown, "' says two sizes"));
  }
  if (m.size > limits::kMaxExportBytes) {
    return RefuseZip(absl::StrCat("'", shown, "' would unpack to ", m.size, " bytes"));
  }
  if (m.size > kUnjudgedBytes && m.size / limits::kMaxZipRatio >= std::max<uint64_t>(m.packed, 1)) {
    return RefuseZip(absl::StrCat("'", shown, "' would unpack to more than ", limits::kMaxZipRatio,
                                  " times its size"));
  }
  if (m.name.back() == '/' && (m.size != 0 || m.packed > 2)) {
    return RefuseZip(absl::StrCat("the folder '", shown, "' holds bytes of its own"));
  }
  return absl::OkStatus();
}

// One entry of the directory, cut off its front.
absl::StatusOr<ZipMember> TakeEntry(absl::string_view& rest, ZipNames& names) {
  if (rest.size() < kCentralBytes || U32(rest, 0) != kCentralMark) {
    return RefuseZip("its directory is damaged");
  }
  const absl::string_view entry = rest;
  const size_t name = U16(entry, 28), extra = U16(entry, 30), comment = U16(entry, 32);
  const size_t whole = kCentralBytes + name + extra + comment;
  if (rest.size() < whole) return RefuseZip("its directory is damaged");
  rest.remove_prefix(whole);
  ZipMember out;
  out.name = std::string(entry.substr(kCentralBytes, name));
  MUSTER_RETURN_IF_ERROR(names.Add(out.name));
  MUSTER_RETURN_IF_ERROR(CheckKind(entry, out.name));
  out.deflated = U16(entry, 10) == kDeflated;
  out.time = DosTime(U16(entry, 12), U16(entry, 14));
  out.crc = U32(entry, 16);
  out.packed = U32(entry, 20);
  out.size = U32(entry, 24);
  out.header = U32(entry, 42);
  std::vector<uint64_t*> large;
  for (uint64_t* value : {&out.size, &out.packed, &out.header}) {
    if (*value == kIn64) large.push_back(value);
  }
  const uint16_t disk = U16(entry, 34);
  if ((disk != 0 && disk != kIn64Short) ||
      !ReadLargeValues(entry.substr(kCentralBytes + name, extra), std::move(large))) {
    return RefuseZip(absl::StrCat("what it says of '", ShownName(out.name), "' is damaged"));
  }
  MUSTER_RETURN_IF_ERROR(CheckSizes(out));
  return out;
}

// The header before the packed bytes must say what the directory says.
absl::Status CheckLocal(const ReadAt& read, uint64_t limit, ZipMember& m) {
  const auto damaged = [&m] {
    return RefuseZip(absl::StrCat("'", ShownName(m.name), "' is not where its directory says"));
  };
  if (m.header > limit || limit - m.header < kLocalBytes + m.name.size()) return damaged();
  MUSTER_ASSIGN_OR_RETURN(const std::string local,
                          Bytes(read, m.header, kLocalBytes + m.name.size()));
  const size_t name = U16(local, 26), extra = U16(local, 28);
  if (U32(local, 0) != kLocalMark) return damaged();
  m.data = m.header + kLocalBytes + name + extra;
  if (m.data > limit || limit - m.data < m.packed) return damaged();
  const auto differs = [&m](absl::string_view what) {
    return RefuseZip(absl::StrCat("'", ShownName(m.name), "' has two ", what));
  };
  if (name != m.name.size() || local.compare(kLocalBytes, name, m.name) != 0) {
    return differs("names");
  }
  if ((U16(local, 8) == kDeflated) != m.deflated || (U16(local, 6) & (kEncrypted | kStrong)) != 0) {
    return differs("ways of being packed");
  }
  if ((U16(local, 6) & kSizesFollow) != 0) return absl::OkStatus();
  uint64_t size = U32(local, 22), packed = U32(local, 18);
  std::vector<uint64_t*> large;
  if (size == kIn64) large.push_back(&size);
  if (packed == kIn64) large.push_back(&packed);
  if (!large.empty()) {
    MUSTER_ASSIGN_OR_RETURN(const std::string field,
                            Bytes(read, m.header + kLocalBytes + name, extra));
    if (!ReadLargeValues(field, std::move(large))) return damaged();
  }
  if (size != m.size || packed != m.packed || U32(local, 14) != m.crc) return differs("sizes");
  return absl::OkStatus();
}

// Fifield's bomb packs the same bytes into many members: here each byte is one member's at most.
absl::StatusOr<uint64_t> CountStray(std::vector<ZipMember>& all, uint64_t directory) {
  std::sort(all.begin(), all.end(),
            [](const ZipMember& a, const ZipMember& b) { return a.header < b.header; });
  uint64_t end = 0, stray = 0;
  const auto gap = [&](uint64_t next) {
    if (next - end > (end == 0 ? 0 : kMaxDescriptorBytes)) stray += next - end;
  };
  for (const ZipMember& m : all) {
    if (m.header < end) {
      return RefuseZip(
          absl::StrCat("'", ShownName(m.name), "' shares its bytes with another file"));
    }
    gap(m.header);
    end = m.data + m.packed;
  }
  gap(directory);
  return stray;
}

}  // namespace

absl::Status RefuseZip(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(kZipRefused, why));
}

absl::StatusOr<ZipDirectory> ReadZipDirectory(const ReadAt& read, uint64_t file_bytes) {
  if (file_bytes < kEndBytes) return RefuseZip("it is cut off: its end is missing");
  MUSTER_ASSIGN_OR_RETURN(const Place place, FindPlace(read, file_bytes));
  MUSTER_ASSIGN_OR_RETURN(const std::string directory,
                          Bytes(read, place.offset, static_cast<size_t>(place.bytes)));
  ZipDirectory out;
  ZipNames names;
  absl::string_view rest = directory;
  uint64_t total = 0;
  for (uint64_t i = 0; i < place.count; ++i) {
    MUSTER_ASSIGN_OR_RETURN(ZipMember member, TakeEntry(rest, names));
    MUSTER_RETURN_IF_ERROR(CheckLocal(read, place.offset, member));
    total += member.size;
    if (total > limits::kMaxExportBytes) {
      return RefuseZip(
          absl::StrCat("it would unpack to more than ", limits::kMaxExportBytes, " bytes"));
    }
    out.members.push_back(std::move(member));
  }
  if (!rest.empty()) return RefuseZip("its directory names more files than it says");
  MUSTER_ASSIGN_OR_RETURN(out.stray_bytes, CountStray(out.members, place.offset));
  out.members.erase(std::remove_if(out.members.begin(), out.members.end(),
                                   [](const ZipMember& m) { return m.name.back() == '/'; }),
                    out.members.end());
  return out;
}

}  // namespace muster::archive
