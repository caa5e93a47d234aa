// Bags of version 1.0 with every kind of damage, by accident and by design.
#include <sys/stat.h>

#include <functional>
#include <random>

#include "absl/strings/ascii.h"
#include "common/archive_limits.h"
#include "tests/archive/files/bag_fixture.h"

namespace muster::archive {
namespace {

TEST_F(BagTest, EachByteOfAPackedBagCounts) {
  std::string chat = "1/2/26, 10:00 - A: ";
  for (int i = 0; i < 30; ++i) absl::StrAppend(&chat, "word", i, " ");
  ASSERT_TRUE(Pack("bag", chat).ok());
  std::filesystem::remove(Path("in.txt"));
  std::mt19937 random(7);
  for (const auto& [name, bytes] : All()) {
    for (size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1u << random() % 8));
      Write(name, damaged);
      const auto bag = ValidateBag(Path("bag"));
      // A tag manifest may say the same in other bytes: valid, but not as it was packed.
      const bool told = bag.ok() ? !bag->as_packed && name.find("tagmanifest") != std::string::npos
                                 : !BagCodeOf(bag.status()).empty();
      EXPECT_TRUE(told) << name << " at " << at << ": " << bag.status();
    }
    for (const std::string& other : {bytes + "x", bytes + "\n", bytes.substr(1),
                                     bytes.substr(0, bytes.size() - 1), std::string()}) {
      Write(name, other);
      const auto bag = ValidateBag(Path("bag"));
      EXPECT_FALSE(bag.ok() && bag->as_packed) << name;
    }
    std::filesystem::remove(Path(name));
    const auto bag = ValidateBag(Path("bag"));
    EXPECT_FALSE(bag.ok() && bag->as_packed) << name << " removed";
    Write(name, bytes);
  }
  const auto bag = ValidateBag(Path("bag"));
  EXPECT_TRUE(bag.ok() && bag->as_packed) << "all is as it was";
}

const std::map<std::string, std::string> kTwo = {{"data/a.txt", "aaa"}, {"data/d/b.txt", "bb"}};

// What somebody does to the bag "bag" of two files, and what is said of it.
struct Damage {
  const char* name;
  std::function<void(const std::function<std::string(const std::string&)>& read,
                     const std::function<void(const std::string&, const std::string&)>& write)>
      act;
  bool sealed;  // the tag manifests are made anew
  const char* want;
};

TEST_F(BagTest, EachDamageHasItsCode) {
  namespace fs = std::filesystem;
  const std::string both[] = {"bag/manifest-sha256.txt", "bag/manifest-sha512.txt"};
  const auto sum = [](const std::string& text) { return Sum("sha256", text); };
  const std::string a = sum("aaa"), b = sum("bb");
  const Damage kDamages[] = {
      {"none", [](auto, auto) {}, false, "OK"},
      {"a file altered", [](auto, auto write) { write("bag/data/a.txt", "aab"); }, false,
       "BAG_CHECKSUM"},
      {"a file longer", [](auto, auto write) { write("bag/data/a.txt", "aaaa"); }, false,
       "BAG_CHECKSUM"},
      {"a file added", [](auto, auto write) { write("bag/data/c.txt", ""); }, false,
       "BAG_INCOMPLETE"},
      {"a hidden file added", [](auto, auto write) { write("bag/data/d/.c", ""); }, false,
       "BAG_INCOMPLETE"},
      {"a file removed", [&](auto, auto) { fs::remove(Path("bag/data/a.txt")); }, false,
       "BAG_INCOMPLETE"},
      {"a file renamed",
       [&](auto, auto) { fs::rename(Path("bag/data/a.txt"), Path("bag/data/c.txt")); }, false,
       "BAG_INCOMPLETE"},
      {"two files swapped",
       [](auto, auto write) {
         write("bag/data/a.txt", "bb");
         write("bag/data/d/b.txt", "aaa");
       },
       false, "BAG_CHECKSUM"},
      {"no payload folder", [&](auto, auto) { fs::remove_all(Path("bag/data")); }, false,
       "BAG_INCOMPLETE"},
      {"no declaration", [&](auto, auto) { fs::remove(Path("bag/bagit.txt")); }, true,
       "BAG_MALFORMED"},
      {"no manifest",
       [&](auto, auto) {
         for (const std::string& name : both) fs::remove(Path(name));
       },
       true, "BAG_MALFORMED"},
      {"another version",
       [](auto, auto write) {
         write("bag/bagit.txt", "BagIt-Version: 2.0\nTag-File-Character-Encoding: UTF-8\n");
       },
       true, "BAG_VERSION"},
      {"a size that is a lie",
       [](auto, auto write) { write("bag/bag-info.txt", "Payload-Oxum: 6.2\n"); }, true,
       "BAG_SIZE"},
      {"a number that is a lie",
       [](auto, auto write) { write("bag/bag-info.txt", "Payload-Oxum: 5.3\n"); }, true,
       "BAG_SIZE"},
      {"a size that is none",
       [](auto, auto write) { write("bag/bag-info.txt", "Payload-Oxum: five\n"); }, true,
       "BAG_MALFORMED"},
      {"the true size", [](auto, auto write) { write("bag/bag-info.txt", "Payload-Oxum: 5.2\n"); },
       true, "OK"},
      {"manifests that disagree",
       [](auto read, auto write) {
         std::string text = read("bag/manifest-sha512.txt");
         text[0] = text[0] == '0' ? '1' : '0';
         write("bag/manifest-sha512.txt", text);
       },
       true, "BAG_CHECKSUM"},
      {"a second manifest that lacks a file",
       [&](auto, auto write) {
         write("bag/manifest-sha512.txt", Sum("sha512", "aaa") + "  data/a.txt\n");
       },
       true, "BAG_INCOMPLETE"},
      {"a file named twice",
       [](auto read, auto write) {
         const std::string text = read("bag/manifest-sha256.txt");
         write("bag/manifest-sha256.txt", text + text.substr(0, text.find('\n') + 1));
       },
       true, "BAG_MALFORMED"},
      {"a checksum of another length",
       [](auto read, auto write) {
         write("bag/manifest-sha256.txt", read("bag/manifest-sha512.txt"));
       },
       true, "BAG_MALFORMED"},
      {"a checksum that nobody knows",
       [](auto, auto write) { write("bag/manifest-crc32.txt", ""); }, true, "BAG_MALFORMED"},
      {"a manifest that is no text",
       [](auto, auto write) { write("bag/manifest-sha256.txt", "\xFF\xFE"); }, true,
       "BAG_MALFORMED"},
      {"a manifest with a byte order mark",
       [](auto read, auto write) {
         write("bag/manifest-sha256.txt", "\xEF\xBB\xBF" + read("bag/manifest-sha256.txt"));
       },
       true, "BAG_MALFORMED"},
      {"CRLF",
       [&](auto, auto write) {
         write("bag/manifest-sha256.txt", a + "  data/a.txt\r\n" + b + "  data/d/b.txt\r\n");
       },
       true, "OK"},
      {"trailing spaces",
       [&](auto, auto write) {
         write("bag/manifest-sha256.txt", a + "  data/a.txt \n" + b + "  data/d/b.txt\n");
       },
       true, "BAG_INCOMPLETE"},
      {"uppercase hex, '*' and './'",
       [&](auto, auto write) {
         write("bag/manifest-sha256.txt",
               absl::AsciiStrToUpper(a) + " *data/a.txt\n" + b + "  ./data/d/b.txt\n");
       },
       true, "OK"},
      {"a manifest that leads out",
       [&](auto, auto write) { write("bag/manifest-sha256.txt", a + "  ../in.txt\n"); }, true,
       "BAG_PATH"},
      {"a manifest that names a tag file",
       [&](auto, auto write) { write("bag/manifest-sha256.txt", a + "  bagit.txt\n"); }, true,
       "BAG_PATH"},
      {"a tag manifest that names the payload",
       [&](auto read, auto write) {
         write("bag/tagmanifest-sha256.txt",
               read("bag/tagmanifest-sha256.txt") + a + "  data/a.txt\n");
       },
       false, "BAG_MALFORMED"},
      {"a fetch list, though all is there",
       [](auto, auto write) { write("bag/fetch.txt", "http://h/a - data/a.txt\n"); }, true,
       "BAG_INCOMPLETE"},
      {"a fetch list that leads out",
       [](auto, auto write) { write("bag/fetch.txt", "http://h/a - ../../a\n"); }, true,
       "BAG_PATH"},
      {"names that differ in case alone", [](auto, auto write) { write("bag/data/A.txt", "aaa"); },
       false, "BAG_PATH"},
      {"names that differ in composition alone",
       [](auto, auto write) {
         write("bag/data/\xC3\xA9", "");
         write("bag/data/e\xCC\x81", "");
       },
       false, "BAG_PATH"},
      {"a link to a file",
       [&](auto, auto) {
         fs::remove(Path("bag/data/a.txt"));
         fs::create_symlink(Path("in.txt"), Path("bag/data/a.txt"));
       },
       false, "BAG_PATH"},
      {"a link to a folder",
       [&](auto, auto) { fs::create_directory_symlink("/", Path("bag/data/root")); }, false,
       "BAG_PATH"},
      {"a link for a tag file",
       [&](auto, auto) {
         fs::rename(Path("bag/bagit.txt"), Path("declared.txt"));
         fs::create_symlink(Path("declared.txt"), Path("bag/bagit.txt"));
       },
       false, "BAG_PATH"},
      {"a pipe", [&](auto, auto) { EXPECT_EQ(mkfifo(Path("bag/data/p").c_str(), 0600), 0); }, false,
       "BAG_PATH"},
      {"a backslash", [](auto, auto write) { write("bag/data/..\\c", ""); }, false, "BAG_PATH"},
      {"folders without end",
       [](auto, auto write) {
         std::string path = "bag/data/";
         for (size_t i = 0; i <= limits::kMaxBagDepth; ++i) path += "d/";
         write(path + "f", "");
       },
       false, "BAG_OVERSIZE"},
      {"a tag file without end",
       [](auto, auto write) {
         write("bag/bag-info.txt", std::string(limits::kMaxTagFileBytes + 1, 'a'));
       },
       true, "BAG_OVERSIZE"},
  };
  for (const Damage& damage : kDamages) {
    fs::remove_all(Path("bag"));
    Write("in.txt", "aaa");
    MakeBag("bag", kTwo);
    damage.act([this](const std::string& name) { return Read(name); },
               [this](const std::string& name, const std::string& text) { Write(name, text); });
    if (damage.sealed) Seal("bag");
    EXPECT_EQ(Code("bag"), damage.want) << damage.name;
  }
}

TEST_F(BagTest, TooManyFilesAreRefused) {
  MakeBag("bag", {});
  for (size_t i = 0; i <= limits::kMaxBagFiles; ++i) Write(absl::StrCat("bag/data/", i), "");
  EXPECT_EQ(Code("bag"), "BAG_OVERSIZE");
}

TEST_F(BagTest, NamesThatNeedEncodingAreFound) {
  MakeBag("bag", {{"data/100%", "a"}, {"data/a\nb", "b"}, {"data/%25", "c"}});
  EXPECT_EQ(Code("bag"), "OK");
}

TEST_F(BagTest, WhatIsNoFolderIsNoBag) {
  Write("file", "x");
  EXPECT_EQ(Code("file"), "BAG_PATH");
  EXPECT_EQ(ValidateBag(Path("none")).status().code(), absl::StatusCode::kNotFound);
  MakeBag("bag", kTwo);
  std::filesystem::create_directory_symlink(Path("bag"), Path("link"));
  EXPECT_EQ(Code("link"), "BAG_PATH");
  EXPECT_EQ(Code("bag"), "OK");
  const auto fd = OpenBagFile(Path("bag"), "data/a.txt");
  ASSERT_TRUE(fd.ok());
  close(*fd);
  EXPECT_EQ(BagCodeOf(OpenBagFile(Path("bag"), "../in.txt").status()), "BAG_PATH");
}

}  // namespace
}  // namespace muster::archive
