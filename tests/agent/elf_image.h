// ELF files made by hand, of any class and byte order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::agent {

struct ElfImage {
  struct Section {
    std::string name;
    uint32_t type = 1;  // SHT_PROGBITS
    uint64_t flags = 0;
    std::string bytes = {};
  };
  bool wide = true, little = true;
  std::string notes;              // the bytes of one PT_NOTE segment
  std::vector<Section> sections;  // behind the segments; their names come last
  std::string appended;

  std::string Int(uint64_t value, int width) const {
    std::string out;
    for (int i = 0; i < width; ++i) {
      const int shift = 8 * (little ? i : width - 1 - i);
      out.push_back(static_cast<char>(value >> shift & 0xff));
    }
    return out;
  }
  std::string Word(uint64_t value) const { return Int(value, wide ? 8 : 4); }

  std::string Note(uint32_t type, absl::string_view owner, absl::string_view value) const {
    std::string out = Int(owner.size(), 4) + Int(value.size(), 4) + Int(type, 4);
    for (absl::string_view part : {owner, value}) {
      out.append(part.data(), part.size());
      out.resize((out.size() + 3) & ~size_t{3});
    }
    return out;
  }
  std::string BuildIdNote(absl::string_view id) const {
    return Note(3, absl::string_view("GNU\0", 4), id);
  }

  std::string Bytes() const {
    const size_t header = wide ? 64 : 52, program = wide ? 56 : 32;
    const size_t notes_at = header + program;
    std::string body = notes, names(1, '\0'), table = SectionHeader(0, 0, 0, 0, 0);
    for (const Section& s : sections) {
      table += SectionHeader(names.size(), s.type, s.flags, notes_at + body.size(), s.bytes.size());
      names += s.name + std::string(1, '\0');
      body += s.bytes;
    }
    table += SectionHeader(0, 3, 0, notes_at + body.size(), names.size());
    const bool with_sections = !sections.empty();
    const size_t table_at = notes_at + body.size() + names.size();
    if (with_sections) body += names;
    std::string out(
        "\x7f"
        "ELF",
        4);
    out += Int(wide ? 2 : 1, 1) + Int(little ? 1 : 2, 1) + Int(1, 1) + std::string(9, '\0');
    out += Int(3, 2) + Int(62, 2) + Int(1, 4) + Word(0) + Word(header) +
           Word(with_sections ? table_at : 0) + Int(0, 4) + Int(header, 2) + Int(program, 2) +
           Int(1, 2) + Int(wide ? 64 : 40, 2) + Int(with_sections ? sections.size() + 2 : 0, 2) +
           Int(with_sections ? sections.size() + 1 : 0, 2);
    out += Int(4, 4) + (wide ? Int(4, 4) : "") + Word(notes_at) + Word(0) + Word(0) +
           Word(notes.size()) + Word(notes.size()) + (wide ? "" : Int(4, 4)) + Word(4);
    return out + body + (with_sections ? table : "") + appended;
  }

 private:
  std::string SectionHeader(uint64_t name, uint32_t type, uint64_t flags, uint64_t offset,
                            uint64_t size) const {
    return Int(name, 4) + Int(type, 4) + Word(flags) + Word(0) + Word(offset) + Word(size) +
           Int(0, 4) + Int(0, 4) + Word(1) + Word(0);
  }
};

}  // namespace muster::agent
