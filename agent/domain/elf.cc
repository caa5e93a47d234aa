#include "agent/domain/elf.h"

#include <elf.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

// One loadable or noted part of the file: a program header, or a section header.
struct Part {
  uint32_t type = 0;
  uint64_t flags = 0, offset = 0, size = 0;
  uint32_t name = 0;  // sections: into their table of names
  // Where this part ends in the file. Saturates: an end past all files is an end.
  uint64_t end() const { return offset > UINT64_MAX - size ? UINT64_MAX : offset + size; }
};

struct Table {
  uint64_t offset = 0;
  uint64_t entry_size = 0;
  uint64_t count = 0;
};

struct Header {
  bool wide = false;    // 64 bit
  bool little = false;  // byte order
  Table programs, sections;
  uint64_t names = 0;  // the section that holds the names of sections
};

// Unsigned integers of a buffer, in the file's byte order; 0 past its end.
class Fields {
 public:
  Fields(absl::string_view bytes, bool wide, bool little)
      : bytes_(bytes), wide_(wide), little_(little) {}

  uint64_t Number(size_t at, size_t width) const {
    if (at > bytes_.size() || bytes_.size() - at < width) return 0;
    uint64_t out = 0;
    for (size_t i = 0; i < width; ++i) {
      const size_t from = little_ ? at + width - 1 - i : at + i;
      out = out << 8 | static_cast<unsigned char>(bytes_[from]);
    }
    return out;
  }
  // A field whose place and width depend on the file's class.
  uint64_t Word(size_t at32, size_t at64) const {
    return wide_ ? Number(at64, 8) : Number(at32, 4);
  }
  uint64_t Short(size_t at32, size_t at64) const { return Number(wide_ ? at64 : at32, 2); }
  uint32_t Int(size_t at32, size_t at64) const {
    return static_cast<uint32_t>(Number(wide_ ? at64 : at32, 4));
  }

 private:
  absl::string_view bytes_;
  bool wide_, little_;
};

// Offsets are those of Elf32_Ehdr and Elf64_Ehdr (elf(5)), the same on every machine.
std::optional<Header> ReadHeader(ReadAt read) {
  const std::string bytes = read(0, sizeof(Elf64_Ehdr));
  if (bytes.size() < sizeof(Elf32_Ehdr) || !absl::StartsWith(bytes, ELFMAG)) return std::nullopt;
  const unsigned char file_class = bytes[EI_CLASS], order = bytes[EI_DATA];
  if (file_class != ELFCLASS32 && file_class != ELFCLASS64) return std::nullopt;
  if (order != ELFDATA2LSB && order != ELFDATA2MSB) return std::nullopt;
  Header out;
  out.wide = file_class == ELFCLASS64;
  out.little = order == ELFDATA2LSB;
  if (out.wide && bytes.size() < sizeof(Elf64_Ehdr)) return std::nullopt;
  const Fields f(bytes, out.wide, out.little);
  out.programs = {f.Word(offsetof(Elf32_Ehdr, e_phoff), offsetof(Elf64_Ehdr, e_phoff)),
                  f.Short(offsetof(Elf32_Ehdr, e_phentsize), offsetof(Elf64_Ehdr, e_phentsize)),
                  f.Short(offsetof(Elf32_Ehdr, e_phnum), offsetof(Elf64_Ehdr, e_phnum))};
  out.sections = {f.Word(offsetof(Elf32_Ehdr, e_shoff), offsetof(Elf64_Ehdr, e_shoff)),
                  f.Short(offsetof(Elf32_Ehdr, e_shentsize), offsetof(Elf64_Ehdr, e_shentsize)),
                  f.Short(offsetof(Elf32_Ehdr, e_shnum), offsetof(Elf64_Ehdr, e_shnum))};
  out.names = f.Short(offsetof(Elf32_Ehdr, e_shstrndx), offsetof(Elf64_Ehdr, e_shstrndx));
  return out;
}

// The entries of a table, each at least `least` bytes; empty when the table is cut short.
std::string ReadTable(const Table& table, size_t least, size_t max_count, ReadAt read) {
  if (table.count == 0 || table.entry_size < least || table.entry_size > 4 * least) return "";
  const uint64_t count = std::min<uint64_t>(table.count, max_count);
  std::string out = read(table.offset, count * table.entry_size);
  return out.size() == count * table.entry_size ? out : "";
}

std::vector<Part> ReadPrograms(const Header& h, ReadAt read) {
  std::vector<Part> out;
  const std::string bytes = ReadTable(h.programs, h.wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr),
                                      limits::kMaxElfProgramHeaders, read);
  for (size_t at = 0; at < bytes.size(); at += h.programs.entry_size) {
    const Fields f(absl::string_view(bytes).substr(at, h.programs.entry_size), h.wide, h.little);
    Part p;
    p.type = f.Int(offsetof(Elf32_Phdr, p_type), offsetof(Elf64_Phdr, p_type));
    p.flags = f.Int(offsetof(Elf32_Phdr, p_flags), offsetof(Elf64_Phdr, p_flags));
    p.offset = f.Word(offsetof(Elf32_Phdr, p_offset), offsetof(Elf64_Phdr, p_offset));
    p.size = f.Word(offsetof(Elf32_Phdr, p_filesz), offsetof(Elf64_Phdr, p_filesz));
    out.push_back(p);
  }
  return out;
}

std::vector<Part> ReadSections(const Header& h, ReadAt read) {
  std::vector<Part> out;
  const std::string bytes = ReadTable(h.sections, h.wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr),
                                      limits::kMaxElfSections, read);
  for (size_t at = 0; at < bytes.size(); at += h.sections.entry_size) {
    const Fields f(absl::string_view(bytes).substr(at, h.sections.entry_size), h.wide, h.little);
    Part s;
    s.name = f.Int(offsetof(Elf32_Shdr, sh_name), offsetof(Elf64_Shdr, sh_name));
    s.type = f.Int(offsetof(Elf32_Shdr, sh_type), offsetof(Elf64_Shdr, sh_type));
    s.flags = f.Word(offsetof(Elf32_Shdr, sh_flags), offsetof(Elf64_Shdr, sh_flags));
    s.offset = f.Word(offsetof(Elf32_Shdr, sh_offset), offsetof(Elf64_Shdr, sh_offset));
    s.size = f.Word(offsetof(Elf32_Shdr, sh_size), offsetof(Elf64_Shdr, sh_size));
    if (s.type == SHT_NOBITS) s.size = 0;  // such a section has no bytes in the file
    out.push_back(s);
  }
  return out;
}

bool TellsApart(absl::string_view id) {
  if (id.size() < limits::kMinBuildIdBytes || id.size() > limits::kMaxBuildIdBytes) return false;
  return id.find_first_not_of(id[0]) != absl::string_view::npos;
}

size_t Padded(size_t n) { return (n + 3) & ~size_t{3}; }

// The build-id among the notes of one segment; empty: it is not there.
std::string FindBuildIdNote(absl::string_view notes, const Header& h) {
  constexpr absl::string_view kOwner("GNU\0", 4);
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    const Fields f(notes, h.wide, h.little);
    const size_t name_size = f.Number(offsetof(Elf64_Nhdr, n_namesz), 4);
    const size_t value_size = f.Number(offsetof(Elf64_Nhdr, n_descsz), 4);
    const uint64_t type = f.Number(offsetof(Elf64_Nhdr, n_type), 4);
    notes.remove_prefix(sizeof(Elf64_Nhdr));
    if (Padded(name_size) > notes.size()) return "";
    const absl::string_view name = notes.substr(0, name_size);
    notes.remove_prefix(Padded(name_size));
    if (value_size > notes.size()) return "";
    const absl::string_view value = notes.substr(0, value_size);
    notes.remove_prefix(std::min(Padded(value_size), notes.size()));
    if (type == NT_GNU_BUILD_ID && name == kOwner) return std::string(value);
  }
  return "";
}

// Sections that compilers and packagers leave in a file without loading them.
bool IsToolSection(absl::string_view name) {
  constexpr const char* kExact[] = {".comment", ".gdb_index", ".SUNW_ctf", ".ctf", ".stab"};
  constexpr const char* kPrefixes[] = {".debug", ".zdebug", ".gnu",
                                       ".note",  ".stab.",  ".GCC.command"};
  return std::any_of(std::begin(kExact), std::end(kExact),
                     [&](const char* s) { return name == s; }) ||
         std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](const char* s) { return absl::StartsWith(name, s); });
}

bool HasStrangeSection(const std::vector<Part>& sections, const Header& h, ReadAt read) {
  std::string names;
  if (h.names < sections.size()) {
    const Part& table = sections[h.names];
    names = read(table.offset, std::min<uint64_t>(table.size, limits::kMaxElfNamesBytes));
  }
  return std::any_of(sections.begin(), sections.end(), [&](const Part& s) {
    if (s.size == 0 || (s.flags & SHF_ALLOC) != 0) return false;
    const bool names_or_links = s.type == SHT_NULL || s.type == SHT_SYMTAB ||
                                s.type == SHT_STRTAB || s.type == SHT_SYMTAB_SHNDX ||
                                s.type == SHT_GROUP || s.type == SHT_REL || s.type == SHT_RELA;
    const bool of_the_toolchain = s.type >= SHT_LOOS && s.type < SHT_LOUSER;
    if (names_or_links || of_the_toolchain) return false;
    absl::string_view name = names;
    name.remove_prefix(std::min<size_t>(s.name, name.size()));
    return !IsToolSection(name.substr(0, name.find('\0')));
  });
}

}  // namespace

std::string ReadBuildId(ReadAt read) {
  const std::optional<Header> header = ReadHeader(read);
  if (!header) return "";
  size_t left = limits::kMaxElfNoteBytes;
  std::string id;
  auto look = [&](const std::vector<Part>& parts, uint32_t type) {
    for (const Part& p : parts) {
      if (p.type != type || p.size > left) continue;
      left -= p.size;
      id = FindBuildIdNote(read(p.offset, p.size), *header);
      if (!id.empty()) return true;
    }
    return false;
  };
  // Go's linker leaves the note out of its segment; then only the sections name it.
  if (!look(ReadPrograms(*header, read), PT_NOTE)) look(ReadSections(*header, read), SHT_NOTE);
  return TellsApart(id) ? absl::BytesToHexString(id) : "";
}

bool CarriesPayload(uint64_t file_size, ReadAt read) {
  const std::optional<Header> header = ReadHeader(read);
  if (!header) return false;
  const std::vector<Part> programs = ReadPrograms(*header, read);
  const std::vector<Part> sections = ReadSections(*header, read);
  // A table that is there and was not read whole: nobody knows what the rest holds.
  if (programs.size() != header->programs.count || sections.size() != header->sections.count) {
    return true;
  }
  if (header->sections.count == 0 && header->sections.offset != 0) return true;
  uint64_t end = header->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
  auto reach = [&](const Table& t) {
    end = std::max(end, Part{0, 0, t.offset, t.count * t.entry_size, 0}.end());
  };
  reach(header->programs);
  reach(header->sections);
  for (const Part& p : programs) {
    if (p.type == PT_NOTE && p.size > limits::kMaxElfNoteBytes) return true;
    end = std::max(end, p.end());
  }
  for (const Part& s : sections) end = std::max(end, s.end());
  return file_size > end || HasStrangeSection(sections, *header, read);
}

}  // namespace muster::agent
