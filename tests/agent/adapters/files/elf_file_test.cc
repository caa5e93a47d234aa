// Build-ids of programs that a real compiler makes and real tools re-pack.
#include "agent/adapters/files/elf_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/files/local_machine.h"

namespace muster::agent {
namespace {

class ElfFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/muster-elf-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    dir_ = dir;
    std::ofstream(dir_ + "/chat.cc") << "int main() { return 0; }\n";
    std::ofstream(dir_ + "/extra") << "signature";
    Do("g++ -g -o chat chat.cc -Wl,--build-id=0x00112233445566778899aabbccddeeff00112233");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void Do(const std::string& command) {
    ASSERT_EQ(std::system(absl::StrCat("cd ", dir_, " && ", command).c_str()), 0) << command;
  }
  HashedFile Hashed(const std::string& name) {
    absl::StatusOr<HashedFile> out = LocalMachine(MachinePaths()).Hash(dir_ + "/" + name);
    EXPECT_TRUE(out.ok()) << out.status();
    return out.ok() ? *out : HashedFile();
  }
  std::string dir_;
};

constexpr char kId[] = "00112233445566778899aabbccddeeff00112233";

TEST_F(ElfFileTest, EveryRepackKeepsTheBuildId) {
  struct Case {
    const char* command;
    bool payload;
  };
  const Case kCases[] = {
      {"cp chat copy", false},
      {"strip -o copy chat", false},
      {"strip --strip-debug -o copy chat", false},
      {"objcopy --compress-debug-sections chat copy", false},
      {"objcopy --only-section=.note.gnu.build-id --only-section=.text chat copy 2>&1", false},
      {"objcopy --add-section pydata=extra chat copy", true},
      {"cat chat extra > copy", true},
      {"cp chat copy && truncate -s +1M copy", true},
      {"g++ -static -o copy chat.cc -Wl,--build-id=0x00112233445566778899aabbccddeeff00112233",
       false},
  };
  const std::string sha256 = Hashed("chat").sha256;
  for (const Case& c : kCases) {
    Do(c.command);
    const HashedFile got = Hashed("copy");
    EXPECT_EQ(got.build_id, kId) << c.command;
    EXPECT_EQ(got.carries_payload, c.payload) << c.command;
    std::filesystem::remove(dir_ + "/copy");
  }
}

TEST_F(ElfFileTest, WhatHasNoBuildId) {
  const char* const kCommands[] = {
      "g++ -o copy chat.cc -Wl,--build-id=none",
      "printf '#!/bin/sh\\n' > copy",
      ": > copy",
      "head -c 63 chat > copy",
      "head -c 300 chat > copy",
      "g++ -o copy chat.cc -Wl,--build-id=0x00",
      "printf '\\177ELF' > copy",
  };
  for (const char* command : kCommands) {
    Do(command);
    const HashedFile got = Hashed("copy");
    EXPECT_EQ(got.build_id, "") << command;
    EXPECT_FALSE(got.carries_payload) << command;
  }
  EXPECT_EQ(BuildIdOfFd(-1), "");
}

TEST_F(ElfFileTest, TheBuildIdIsTheLinkersOwn) {
  Do("readelf -n /proc/self/exe | sed -n 's/.*Build ID: //p' | tr -d '\\n' > want");
  std::ifstream in(dir_ + "/want");
  std::string want;
  std::getline(in, want);
  ASSERT_EQ(want.size(), 40u);
  Fd fd(open("/usr/bin/readelf", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(BuildIdOfFd(fd.get()), want);
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_CUR), 0) << "the offset belongs to the owner of the file";
}

TEST_F(ElfFileTest, HeadersAtTheEndOfALargeFileAreFound) {
  // As patchelf does: the program headers, and the note, far from the start.
  Do("head -c 1M /dev/zero | tr '\\0' x > filler");
  Do("printf '.section .rodata\\n.incbin \"filler\"\\n' > filler.s");
  Do("printf 'SECTIONS { .pad : { *(.rodata) } :t .late : { *(.note.gnu.build-id) } :t :n "
     ".text : { *(.text*) } :t /DISCARD/ : { *(.eh_frame) *(.note.gnu.property) } }\\n"
     "PHDRS { t PT_LOAD; n PT_NOTE; }\\n' > late.ld");
  Do("printf '.globl _start\\n_start: hlt\\n' > start.s");
  Do("g++ -nostdlib -static -no-pie -o late start.s filler.s -Wl,-T,late.ld "
     "-Wl,--build-id=0x00112233445566778899aabbccddeeff00112233 2>&1");
  EXPECT_EQ(Hashed("late").build_id, kId);
}

}  // namespace
}  // namespace muster::agent
