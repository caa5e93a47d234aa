#include "bridge/adapters/yaml/key_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/support/temp_dir.h"

namespace muster::bridge {
namespace {

namespace fs = std::filesystem;

TEST(KeyFile, IsOfTheSuperuserOrOnesOwnAndHidden) {
  constexpr uid_t kSelf = 1'001, kOther = 1'002;
  struct Row {
    uid_t owner;
    mode_t mode;
    const char* want;  // how it goes on behind the path; "": it is taken
  };
  const Row kRows[] = {
      {kSelf, S_IFREG | 0600, ""},
      {0, S_IFREG | 0640, ""},
      {kSelf, S_IFREG | 0400, ""},
      {kOther, S_IFREG | 0600, " holds a key and belongs to another user: chown root k"},
      {kSelf, S_IFREG | 0604, " holds a key that others can read or change: chmod g-w,o-rwx k"},
      {0, S_IFREG | 0602, " holds a key that others can read or change: chmod g-w,o-rwx k"},
      {0, S_IFREG | 0601, " holds a key that others can read or change: chmod g-w,o-rwx k"},
      {0, S_IFREG | 0660, " holds a key that others can read or change: chmod g-w,o-rwx k"},
      {kSelf, S_IFDIR | 0700, " is no file"},
      {kSelf, S_IFIFO | 0600, " is no file"},
  };
  for (const Row& row : kRows) {
    struct stat info {};
    info.st_uid = row.owner;
    info.st_mode = row.mode;
    const absl::Status got = CheckKeyFile("k", info, kSelf);
    EXPECT_EQ(got.message(), *row.want == '\0' ? "" : absl::StrCat("k", row.want));
    EXPECT_EQ(got.ok(), *row.want == '\0');
  }
}

class KeyFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& text, unsigned mode) {
    std::ofstream(dir_.File("k")) << text;
    fs::permissions(dir_.File("k"), fs::perms(mode));
    return dir_.File("k");
  }
  TempDir dir_;
};

TEST_F(KeyFileTest, IsReadWholeUpToItsBound) {
  const std::string text = "-----BEGIN\nlines\n-----END\n";
  const std::string file = Write(text, 0600);
  EXPECT_EQ(*ReadKeyFile(file, text.size()), text);
  EXPECT_EQ(ReadKeyFile(file, text.size() - 1).status(),
            absl::ResourceExhaustedError(
                absl::StrCat(file, " has more than ", text.size() - 1, " bytes")));
}

// Certbot's live/ and systemd's credentials are links: what they lead to is what is checked.
TEST_F(KeyFileTest, ALinkIsFollowed) {
  const std::string link = dir_.File("link");
  fs::create_symlink(Write("key", 0600), link);
  const auto key = ReadKeyFile(link, 100);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(*key, "key");
  Write("key", 0644);
  EXPECT_EQ(ReadKeyFile(link, 100).status(),
            absl::FailedPreconditionError(absl::StrCat(
                link, " holds a key that others can read or change: chmod g-w,o-rwx ", link)));
}

TEST_F(KeyFileTest, WhatIsNoFileIsRefused) {
  EXPECT_EQ(ReadKeyFile(dir_.path(), 100).status(),
            absl::InvalidArgumentError(absl::StrCat(dir_.path(), " is no file")));
  // Nobody writes into it, and nobody waits for that.
  ASSERT_EQ(mkfifo(dir_.File("pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadKeyFile(dir_.File("pipe"), 100).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadKeyFile(dir_.File("none"), 100).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadKeyFile(Write("key", 0644), 100).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace muster::bridge
