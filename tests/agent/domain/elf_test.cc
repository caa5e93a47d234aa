// Build-ids out of hand-made ELF files, sound and hostile.
#include "agent/domain/elf.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "common/agent_limits.h"
#include "tests/agent/elf_image.h"

namespace muster::agent {
namespace {

constexpr char kId[] = "0123456789abcdef";
constexpr char kIdHex[] = "30313233343536373839616263646566";

// Reads from a string, and counts what was asked for.
class Source {
 public:
  explicit Source(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string operator()(uint64_t offset, size_t length) const {
    asked += length;
    return offset >= bytes_.size() ? "" : bytes_.substr(offset, length);
  }
  uint64_t size() const { return bytes_.size(); }
  mutable size_t asked = 0;

 private:
  std::string bytes_;
};

std::string BuildIdIn(const std::string& bytes) {
  Source source(bytes);
  return ReadBuildId(source);
}

bool PayloadIn(const std::string& bytes) {
  Source source(bytes);
  return CarriesPayload(source.size(), source);
}

ElfImage WithId(bool wide, bool little) {
  ElfImage image;
  image.wide = wide;
  image.little = little;
  image.notes = image.BuildIdNote(kId);
  return image;
}

TEST(Elf, BothClassesAndByteOrders) {
  for (const bool wide : {true, false}) {
    for (const bool little : {true, false}) {
      ElfImage image = WithId(wide, little);
      EXPECT_EQ(BuildIdIn(image.Bytes()), kIdHex) << wide << little;
      EXPECT_FALSE(PayloadIn(image.Bytes())) << wide << little;
      image.sections = {{".text", 1, 6, "code"}, {".comment", 1, 0x30, "GCC"}};
      EXPECT_EQ(BuildIdIn(image.Bytes()), kIdHex) << wide << little;
      EXPECT_FALSE(PayloadIn(image.Bytes())) << wide << little;
      image.appended = "x";
      EXPECT_EQ(BuildIdIn(image.Bytes()), kIdHex) << wide << little;
      EXPECT_TRUE(PayloadIn(image.Bytes())) << wide << little;
    }
  }
}

TEST(Elf, TheNoteIsFoundAmongOthers) {
  const ElfImage e;
  const absl::string_view gnu("GNU\0", 4);
  const std::string id = e.BuildIdNote(kId);
  struct Case {
    std::string notes;
    const char* want;
    const char* why;
  };
  const Case kCases[] = {
      {e.Note(1, gnu, "abi.") + id, kIdHex, "another type first"},
      {e.Note(3, absl::string_view("Go\0\0", 4), "not this id") + id, kIdHex, "another owner"},
      {e.Note(3, "GNU", kId), "", "an owner without its end"},
      {e.Note(4, gnu, kId), "", "no build-id"},
      {"", "", "no notes"},
      {e.BuildIdNote("1234567"), "", "too short to tell programs apart"},
      {e.BuildIdNote("12345678"), "3132333435363738", "the shortest that lld makes"},
      {e.BuildIdNote(std::string(20, '\0')), "", "a build that names none"},
      {e.BuildIdNote(std::string(65, 'a') + "b"), "", "longer than any hash"},
      {e.Int(4, 4) + e.Int(0xfffffff0, 4) + e.Int(3, 4) + std::string("GNU\0", 4), "",
       "a value without end"},
      {e.Int(0xffffffff, 4) + e.Int(16, 4) + e.Int(3, 4) + id, "", "an owner without end"},
      {id.substr(0, id.size() - 1), "", "cut short"},
      {id.substr(0, 11), "", "not even a header"},
  };
  for (const Case& c : kCases) {
    ElfImage image;
    image.notes = c.notes;
    EXPECT_EQ(BuildIdIn(image.Bytes()), c.want) << c.why;
  }
}

TEST(Elf, ANoteThatOnlyASectionNamesIsFound) {
  ElfImage image = WithId(true, true);
  image.sections = {{".note.gnu.build-id", 7, 2, image.BuildIdNote("of its section..")}};
  EXPECT_EQ(BuildIdIn(image.Bytes()), kIdHex) << "what is loaded comes first";
  image.notes = image.Note(4, absl::string_view("Go\0\0", 4), "id of Go");
  EXPECT_EQ(BuildIdIn(image.Bytes()), "6f66206974732073656374696f6e2e2e") << "as Go's linker does";
}

TEST(Elf, EveryTruncationIsNoBuildIdOrTheRightOne) {
  ElfImage image = WithId(true, true);
  image.sections = {{".text", 1, 6, "code"}};
  const std::string whole = image.Bytes();
  const size_t notes_end = 64 + 56 + image.notes.size();
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_EQ(BuildIdIn(whole.substr(0, n)), n < notes_end ? "" : kIdHex) << n;
    PayloadIn(whole.substr(0, n));
  }
}

TEST(Elf, HostileTablesReadLittleAndProveNothing) {
  struct Case {
    size_t at;  // in an Elf64_Ehdr
    int width;
    uint64_t value;
    const char* why;
  };
  const Case kCases[] = {
      {32, 8, UINT64_MAX, "program headers past all files"},
      {32, 8, UINT64_MAX - 60, "their end overflows"},
      {54, 2, 0xffff, "an entry larger than any"},
      {54, 2, 0, "an empty entry"},
      {54, 2, 8, "an entry too small for its fields"},
      {56, 2, 0xffff, "more entries than the file holds"},
      {4, 1, 9, "no such class"},
      {5, 1, 0, "no byte order"},
      {0, 1, 0, "no ELF"},
      {64 + 8, 8, UINT64_MAX - 2, "notes past all files"},
      {64 + 32, 8, UINT64_MAX, "notes without end"},
      {64 + 32, 8, limits::kMaxElfNoteBytes + 1, "more notes than are read"},
  };
  for (const Case& c : kCases) {
    const ElfImage image = WithId(true, true);
    std::string bytes = image.Bytes();
    bytes.replace(c.at, c.width, image.Int(c.value, c.width));
    Source source(bytes);
    EXPECT_EQ(ReadBuildId(source), "") << c.why;
    CarriesPayload(source.size(), source);
    EXPECT_LE(source.asked, 1u << 20) << c.why;
  }
}

TEST(Elf, WhatRidesOnALauncherIsAPayload) {
  struct Case {
    ElfImage::Section section;
    bool want;
    const char* why;
  };
  const Case kCases[] = {
      {{"pydata", 1, 0, "archive"}, true, "PyInstaller's archive"},
      {{"pydata", 1, 0, ""}, false, "an empty section"},
      {{"pydata", 8, 0, "absent"}, false, "no bytes in the file"},
      {{".data", 1, 3, "loaded"}, false, "loaded"},
      {{".debug_info", 1, 0, "lines"}, false, "for a debugger"},
      {{".gnu_debuglink", 1, 0, "file"}, false, "for a debugger"},
      {{".symtab", 2, 0, "names"}, false, "names"},
      {{".deplibs", 0x6fff4c04, 0, "c"}, false, "the linker's own"},
      {{"mine", 0x80000001, 0, "data"}, true, "a type of nobody's"},
      {{".note.package", 7, 0, "note"}, false, "a packager's note"},
  };
  for (const Case& c : kCases) {
    ElfImage image = WithId(true, true);
    image.sections = {c.section};
    EXPECT_EQ(PayloadIn(image.Bytes()), c.want) << c.why;
  }
  ElfImage large = WithId(true, true);
  large.notes += large.Note(9, "SEA", std::string(limits::kMaxElfNoteBytes, 'x'));
  EXPECT_TRUE(PayloadIn(large.Bytes())) << "a script in a note";
  EXPECT_FALSE(PayloadIn("#!/bin/sh\n")) << "no ELF file has a build-id to share";
}

TEST(Elf, SectionsThatCannotBeReadCouldBeAnything) {
  ElfImage image = WithId(true, true);
  image.sections = {{".text", 1, 6, "code"}};
  std::string bytes = image.Bytes();
  EXPECT_FALSE(PayloadIn(bytes));
  for (const uint64_t count : {uint64_t{0}, uint64_t{0xffff}}) {
    std::string broken = bytes;
    broken.replace(60, 2, image.Int(count, 2));
    EXPECT_TRUE(PayloadIn(broken)) << count;
  }
}

}  // namespace
}  // namespace muster::agent
