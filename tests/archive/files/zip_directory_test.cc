#include "archive/files/zip_directory.h"

#include <gtest/gtest.h>

#include <cstring>

#include "common/archive_limits.h"
#include "tests/archive/files/zip_maker.h"

namespace muster::archive {
namespace {

ReadAt Reader(const std::string& bytes) {
  return [&bytes](uint64_t offset, char* out, size_t n) {
    if (offset > bytes.size() || bytes.size() - offset < n) {
      return absl::InvalidArgumentError("beyond the end");
    }
    std::memcpy(out, bytes.data() + offset, n);
    return absl::OkStatus();
  };
}

absl::StatusOr<ZipDirectory> Directory(const std::string& bytes) {
  return ReadZipDirectory(Reader(bytes), bytes.size());
}

// Why it is refused, without "refused zip: "; "ok" when it is not.
std::string Refusal(const std::string& bytes) {
  const absl::Status status = Directory(bytes).status();
  if (status.ok()) return "ok";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_EQ(message.rfind(kZipRefused, 0), 0u) << message;
  return message.substr(sizeof kZipRefused - 1);
}

TEST(ZipDirectory, SaysWhatItHolds) {
  MadeMember text{"a.txt", "hello"};
  text.dos_time = 13 << 11 | 45 << 5 | 15;
  text.dos_date = (2024 - 1980) << 9 | 2 << 5 | 29;
  MadeMember streamed{"b/c.jpg", "abc"};
  streamed.flags |= 8;
  const std::string bytes =
      MakeZip({.members = {text, {.name = "b/", .deflate = false, .mode = 040755}, streamed}});
  const absl::StatusOr<ZipDirectory> got = Directory(bytes);
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->members.size(), 2u);
  EXPECT_EQ(got->stray_bytes, 0u);
  EXPECT_EQ(got->members[0].name, "a.txt");
  EXPECT_EQ(got->members[0].size, 5u);
  EXPECT_EQ(got->members[0].time, absl::CivilSecond(2024, 2, 29, 13, 45, 30));
  EXPECT_EQ(got->members[1].name, "b/c.jpg");
  EXPECT_EQ(got->members[1].time, std::nullopt);
  std::string unpacked;
  EXPECT_TRUE(UnpackMember(Reader(bytes), got->members[1], [&](absl::string_view piece) {
                unpacked += std::string(piece);
              }).ok());
  EXPECT_EQ(unpacked, "abc");
}

TEST(ZipDirectory, BytesOfNoMemberAreCounted) {
  MadeMember second{"b.txt", "b"};
  second.before = std::string(100, 'x');
  const absl::StatusOr<ZipDirectory> got =
      Directory(MakeZip({.members = {{"a.txt", "a"}, second},
                         .prefix = "#!",
                         .before_directory = std::string(30, 'y')}));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->stray_bytes, 132u);
}

TEST(ZipDirectory, NamesThatAreNoPlainPathAreRefused) {
  const std::pair<std::string, std::string> kCases[] = {
      {"/etc/passwd", "the name '/etc/passwd' begins at the root of a file system"},
      {"../a", "the name '../a' leads out of its folder"},
      {"a/../../b", "the name 'a/../../b' leads out of its folder"},
      {"a/..", "the name 'a/..' leads out of its folder"},
      {"./a", "the name './a' is no plain path"},
      {"a//b", "the name 'a//b' is no plain path"},
      {"/", "the name '/' begins at the root of a file system"},
      {"a\\b", "the name 'a\\b' holds a backslash"},
      {"..\\a", "the name '..\\a' holds a backslash"},
      {"C:a", "the name 'C:a' begins with a drive letter"},
      {"c:/a", "the name 'c:/a' begins with a drive letter"},
      {std::string("a\0b", 3), "the name 'a?b' holds a control character"},
      {"a\nb", "the name 'a?b' holds a control character"},
      {"a\x1b[2J", "the name 'a?[2J' holds a control character"},
      {"a\x7f", "the name 'a?' holds a control character"},
      {"a\xc2\x85", "the name 'a?' holds a control character"},
      {"a\xe2\x80\xaegpj.exe", "the name 'a?gpj.exe' holds a mark that hides how it reads"},
      {"a\xff", "the name 'a?' is not UTF-8"},
      {"", "a file in it has no name"},
      {std::string(1'025, 'n'), "the name '" + std::string(80, 'n') + "...' is too long"},
      {"a..b", "ok"},
      {"Q: minutes.pdf", "ok"},
      {"Chat with \xe2\x80\xaa+44 7700 900123\xe2\x80\xac.txt", "ok"},
      {"a\xe2\x80\xadgpj.exe", "the name 'a?gpj.exe' holds a mark that hides how it reads"},
      {"\xd8\xb1\xe2\x80\x8f.txt", "ok"},  // a right-to-left mark stands in honest names
  };
  for (const auto& [name, want] : kCases) {
    EXPECT_EQ(Refusal(MakeZip({.members = {{name, "x"}}})), want);
  }
}

TEST(ZipDirectory, TwoFilesOfOneNameAreRefused) {
  const std::pair<std::string, std::string> kCases[] = {
      {"a.txt", "a.txt"},
      {"a.txt", "A.TXT"},
      {"caf\xc3\xa9.jpg", "cafe\xcc\x81.jpg"},  // composed and not
      {"\xef\xbc\xa1.jpg", "a.jpg"},            // full width
      {"stra\xc3\x9f"
       "e.txt",
       "STRASSE.txt"},
  };
  for (const auto& [one, other] : kCases) {
    EXPECT_EQ(Refusal(MakeZip({.members = {{one, "x"}, {other, "y"}}})),
              "two files in it are named '" + other + "'");
  }
}

TEST(ZipDirectory, WhatIsNoPlainFileIsRefused) {
  const auto with = [](auto change) {
    MadeMember m{"a", "x"};
    change(m);
    return Refusal(MakeZip({.members = {m}}));
  };
  const std::string disguise = "'a' is a link, a device or a folder in disguise";
  EXPECT_EQ(with([](MadeMember& m) { m.mode = 0120777; }), disguise);
  EXPECT_EQ(with([](MadeMember& m) { m.mode = 0020666; }), disguise);
  EXPECT_EQ(with([](MadeMember& m) { m.mode = 0060666; }), disguise);
  EXPECT_EQ(with([](MadeMember& m) { m.mode = 0010666; }), disguise);
  EXPECT_EQ(with([](MadeMember& m) { m.mode = 0040755; }), disguise);
  EXPECT_EQ(with([](MadeMember& m) { m.mode = 0; }), "ok");
  EXPECT_EQ(with([](MadeMember& m) { m.flags |= 1; }), "'a' is encrypted");
  EXPECT_EQ(with([](MadeMember& m) { m.flags |= 1 << 6; }), "'a' is encrypted");
  EXPECT_EQ(with([](MadeMember& m) { m.flags |= 1 << 13; }), "'a' is encrypted");
  EXPECT_EQ(with([](MadeMember& m) { m.method = 99; }),
            "'a' is packed by a method that is not read");
  EXPECT_EQ(with([](MadeMember& m) { m.method = 14; }),
            "'a' is packed by a method that is not read");
  EXPECT_EQ(with([](MadeMember& m) {
              m.name = "a/";
              m.mode = 040755;
            }),
            "the folder 'a/' holds bytes of its own");
}

TEST(ZipDirectory, BombsAreRefused) {
  const auto with = [](auto change) {
    MadeMember m{"a", std::string(2 << 20, '0')};
    change(m);
    return Refusal(MakeZip({.members = {m}}));
  };
  EXPECT_EQ(with([](MadeMember&) {}), "'a' would unpack to more than 200 times its size");
  EXPECT_EQ(with([](MadeMember& m) { m.content.resize(1 << 20); }), "ok");
  EXPECT_EQ(with([](MadeMember& m) { m.deflate = false; }), "ok");
  // A size that only the directory of a large zip can say.
  EXPECT_EQ(with([](MadeMember& m) {
              m.size = 0xffffffff;
              m.extra = LittleEndian(1, 2) + LittleEndian(8, 2) +
                        LittleEndian(limits::kMaxExportBytes + 1, 8);
            }),
            "'a' would unpack to 17179869185 bytes");
  // Many members that are fine alone.
  std::vector<MadeMember> members;
  for (int i = 0; i < 5; ++i) {
    MadeMember m{"m" + std::to_string(i), "x"};
    m.flags |= 8;
    m.packed_bytes = std::string(20 << 20, 'p');
    m.size = uint64_t{0xfffffffe};
    members.push_back(m);
  }
  for (MadeMember& m : members) m.packed_bytes->resize(22 << 20);
  EXPECT_EQ(Refusal(MakeZip({.members = members})),
            "it would unpack to more than 17179869184 bytes");
  members.pop_back();
  EXPECT_EQ(Refusal(MakeZip({.members = members})), "ok");
}

TEST(ZipDirectory, MembersThatShareBytesAreRefused) {
  MadeMember second{"b", "x"};
  second.header = 0;
  second.local_name = "b";
  // The directory of b leads to a's header.
  EXPECT_EQ(Refusal(MakeZip({.members = {{"a", "x"}, second}})), "'b' has two names");
  // Fifield's: the packed bytes of `a` hold the whole of `b`.
  MadeMember inner{"b", "hello"};
  const std::string packed = Deflated(inner.content);
  const std::string whole = LocalHeader(inner, packed, 8) + packed;
  MadeMember outer{"a", whole};
  outer.deflate = false;
  inner.header = 30 + 1;  // in the bytes of a
  EXPECT_EQ(Refusal(MakeZip({.members = {outer, inner}})),
            "'b' shares its bytes with another file");
}

TEST(ZipDirectory, WhatSaysTwoThingsIsRefused) {
  const auto with = [](auto change) {
    MadeMember m{"a", "hello"};
    change(m);
    return Refusal(MakeZip({.members = {m, {"z", "z"}}}));
  };
  EXPECT_EQ(with([](MadeMember& m) { m.local_name = "b"; }), "'a' has two names");
  EXPECT_EQ(with([](MadeMember& m) { m.local_name = "aa"; }), "'a' has two names");
  EXPECT_EQ(with([](MadeMember& m) { m.packed = 3; }), "'a' has two sizes");
  EXPECT_EQ(with([](MadeMember& m) { m.header = 5; }), "'a' is not where its directory says");
  EXPECT_EQ(with([](MadeMember& m) { m.header = 0x7fffffff; }),
            "'a' is not where its directory says");
  EXPECT_EQ(with([](MadeMember& m) {
              m.flags |= 8;
              m.packed = 0x7fffffff;
            }),
            "'a' is not where its directory says");
  EXPECT_EQ(with([](MadeMember& m) { m.header = 0xffffffff; }), "what it says of 'a' is damaged");
  EXPECT_EQ(with([](MadeMember& m) {
              m.deflate = false;
              m.flags |= 8;
              m.size = 4;
            }),
            "'a' says two sizes");
}

TEST(ZipDirectory, AZipThatIsNotWholeIsRefused) {
  const MadeZip zip = {.members = {{"a", "hello"}, {"b", "x"}}};
  const std::string bytes = MakeZip(zip);
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_NE(Refusal(bytes.substr(0, n)), "ok") << n;
    EXPECT_NE(Refusal(bytes.substr(n + 1)), "ok") << n;
  }
  EXPECT_EQ(Refusal(bytes + "x"), "it is cut off: its end is missing");
  MadeZip changed = zip;
  changed.count = 1;
  EXPECT_EQ(Refusal(MakeZip(changed)), "its directory names more files than it says");
  changed.count = 3;
  EXPECT_EQ(Refusal(MakeZip(changed)), "its directory is damaged");
  changed = zip;
  changed.directory_shift = -1;
  EXPECT_EQ(Refusal(MakeZip(changed)), "its directory is not where it says");
  changed.directory_shift = 1;
  EXPECT_EQ(Refusal(MakeZip(changed)), "its directory is not where it says");
  changed = zip;
  changed.comment = MakeZip({});  // a whole zip in the comment
  EXPECT_EQ(Refusal(MakeZip(changed)), "it has two ends");
  changed.comment = "made on a phone";
  EXPECT_EQ(Refusal(MakeZip(changed)), "ok");
}

TEST(UnpackMember, WhatIsNotAsListedIsDamaged) {
  const auto with = [](auto change) {
    MadeMember m{"a", "hello, hello, hello"};
    m.flags |= 8;  // sizes are in the directory alone
    change(m);
    const std::string bytes = MakeZip({.members = {m}});
    const absl::StatusOr<ZipDirectory> directory = Directory(bytes);
    if (!directory.ok()) return std::string(directory.status().message());
    size_t got = 0;
    const absl::Status status = UnpackMember(Reader(bytes), directory->members[0],
                                             [&](absl::string_view b) { got += b.size(); });
    EXPECT_LE(got, directory->members[0].size);
    return std::string(status.message());
  };
  const std::string damaged = "refused zip: 'a' in it is damaged";
  EXPECT_EQ(with([](MadeMember&) {}), "");
  EXPECT_EQ(with([](MadeMember& m) { m.deflate = false; }), "");
  EXPECT_EQ(with([](MadeMember& m) { m.content = ""; }), "");
  EXPECT_EQ(with([](MadeMember& m) { m.crc = 1; }), damaged);
  EXPECT_EQ(with([](MadeMember& m) { m.size = 18; }), damaged);
  EXPECT_EQ(with([](MadeMember& m) { m.size = 20; }), damaged);
  EXPECT_EQ(with([](MadeMember& m) { m.packed_bytes = Deflated(m.content) + "x"; }), damaged);
  EXPECT_EQ(with([](MadeMember& m) { m.packed_bytes = "not deflated"; }), damaged);
  EXPECT_EQ(with([](MadeMember& m) {
              m.packed_bytes = Deflated(m.content);
              m.packed_bytes->pop_back();
            }),
            damaged);
  // It says that it is small, and unpacks to a gigabyte: no more than it says is handed on.
  EXPECT_EQ(with([](MadeMember& m) {
              m.packed_bytes = Deflated(std::string(64 << 20, '0'));
              m.size = 19;
            }),
            damaged);
}

}  // namespace
}  // namespace muster::archive
