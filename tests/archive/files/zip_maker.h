// Zips byte by byte, also such as no program would write.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::archive {

inline std::string LittleEndian(uint64_t value, size_t width) {
  std::string out;
  for (size_t i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

inline uint32_t Crc(absl::string_view bytes) {
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

inline std::string Deflated(absl::string_view bytes) {
  z_stream z = {};
  deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, bytes.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

// A member; whatever is set beside name and content is a lie.
struct MadeMember {
  std::string name, content = {};
  bool deflate = true;
  uint16_t flags = 0x800;
  uint32_t mode = 0100644;
  std::optional<uint16_t> method = {};
  std::optional<uint64_t> size = {}, packed = {}, header = {};  // in the directory
  std::optional<uint32_t> crc = {};                   // in both places
  std::optional<std::string> local_name = {};
  std::optional<std::string> packed_bytes = {};
  std::string extra = {};  // in the directory
  uint16_t dos_time = 0, dos_date = 0;
  std::string before = {};  // bytes before its local header
};

struct MadeZip {
  std::vector<MadeMember> members = {};
  std::string prefix = {}, before_directory = {}, comment = {};
  std::optional<uint16_t> count = {};
  int64_t directory_shift = 0;
};

inline std::string LocalHeader(const MadeMember& m, const std::string& packed, uint16_t method) {
  const std::string name = m.local_name.value_or(m.name);
  const bool follow = (m.flags & 8) != 0;
  return "PK\3\4" + LittleEndian(20, 2) + LittleEndian(m.flags, 2) + LittleEndian(method, 2) +
         LittleEndian(m.dos_time, 2) + LittleEndian(m.dos_date, 2) +
         LittleEndian(follow ? 0 : m.crc.value_or(Crc(m.content)), 4) +
         LittleEndian(follow ? 0 : packed.size(), 4) +
         LittleEndian(follow ? 0 : m.size.value_or(m.content.size()), 4) +
         LittleEndian(name.size(), 2) + LittleEndian(0, 2) + name;
}

inline std::string CentralHeader(const MadeMember& m, uint64_t packed, uint16_t method,
                                 uint64_t header) {
  return "PK\1\2" + LittleEndian(20 | 3 << 8, 2) + LittleEndian(20, 2) + LittleEndian(m.flags, 2) +
         LittleEndian(method, 2) + LittleEndian(m.dos_time, 2) + LittleEndian(m.dos_date, 2) +
         LittleEndian(m.crc.value_or(Crc(m.content)), 4) +
         LittleEndian(m.packed.value_or(packed), 4) +
         LittleEndian(m.size.value_or(m.content.size()), 4) + LittleEndian(m.name.size(), 2) +
         LittleEndian(m.extra.size(), 2) + LittleEndian(0, 2) + LittleEndian(0, 2) +
         LittleEndian(0, 2) + LittleEndian(uint64_t{m.mode} << 16, 4) +
         LittleEndian(m.header.value_or(header), 4) + m.name + m.extra;
}

inline std::string MakeZip(const MadeZip& zip) {
  std::string out = zip.prefix, directory;
  for (const MadeMember& m : zip.members) {
    out += m.before;
    const std::string packed = m.packed_bytes.value_or(m.deflate ? Deflated(m.content) : m.content);
    const uint16_t method = m.method.value_or(m.deflate ? 8 : 0);
    directory += CentralHeader(m, packed.size(), method, out.size());
    out += LocalHeader(m, packed, method) + packed;
    if ((m.flags & 8) != 0) {
      out += "PK\7\x08" + LittleEndian(m.crc.value_or(Crc(m.content)), 4) +
             LittleEndian(packed.size(), 4) + LittleEndian(m.content.size(), 4);
    }
  }
  out += zip.before_directory;
  const uint64_t at = out.size() + static_cast<uint64_t>(zip.directory_shift);
  const uint16_t count = zip.count.value_or(static_cast<uint16_t>(zip.members.size()));
  return out + directory + "PK\5\6" + LittleEndian(0, 4) + LittleEndian(count, 2) +
         LittleEndian(count, 2) + LittleEndian(directory.size(), 4) + LittleEndian(at, 4) +
         LittleEndian(zip.comment.size(), 2) + zip.comment;
}

}  // namespace muster::archive
