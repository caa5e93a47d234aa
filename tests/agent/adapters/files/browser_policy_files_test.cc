#include "agent/adapters/files/browser_policy_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"
#include "tests/support/temp_dir.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

constexpr char kDir[] = "/etc/chromium/policies/managed";

class BrowserPolicyFilesTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& path) const { return absl::StrCat(root_.path(), path); }
  void Put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(Path(path)).parent_path());
    std::ofstream(Path(path)) << text;
    chmod(Path(path).c_str(), 0644);
  }
  mode_t ModeOf(const std::string& path) const {
    struct stat st = {};
    EXPECT_EQ(stat(Path(path).c_str(), &st), 0) << path;
    return st.st_mode & 07777;
  }
  Texts NamesIn(const std::string& dir) const {
    Texts out;
    for (const auto& entry : fs::directory_iterator(Path(dir))) {
      out.push_back(entry.path().filename());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  TempDir root_;
  BrowserPolicyFiles files_{root_.path()};
};

TEST_F(BrowserPolicyFilesTest, WritesForEverybodyToReadWhateverTheUmask) {
  EXPECT_EQ(files_.Read(kDir)->files.size(), 0u);
  const mode_t before = umask(0077);
  EXPECT_EQ(files_.Write(kDir, "zz-muster.json", "one"), absl::OkStatus());
  EXPECT_EQ(files_.Write(kDir, "zz-muster.json", "two"), absl::OkStatus());
  umask(before);
  EXPECT_EQ(ModeOf("/etc"), 0755u);
  EXPECT_EQ(ModeOf(kDir), 0755u);
  EXPECT_EQ(ModeOf(absl::StrCat(kDir, "/zz-muster.json")), 0644u);
  EXPECT_EQ(NamesIn(kDir), Texts{"zz-muster.json"}) << "Chromium reads whatever lies there";
  EXPECT_EQ(NamesIn("/etc/chromium/policies"), Texts{"managed"});
  const auto read = files_.Read(kDir);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->files.at("zz-muster.json").text, "two");
  EXPECT_TRUE(read->files.at("zz-muster.json").sound);
  EXPECT_EQ(files_.Remove(kDir, "zz-muster.json"), absl::OkStatus());
  EXPECT_EQ(files_.Remove(kDir, "zz-muster.json"), absl::OkStatus());
  EXPECT_EQ(files_.Remove("/nowhere", "x"), absl::OkStatus());
  EXPECT_EQ(NamesIn(kDir), Texts{});
}

TEST_F(BrowserPolicyFilesTest, TellsWhatABrowserCannotReadOrSomebodyElseCanWrite) {
  const std::string path = absl::StrCat(kDir, "/a.json");
  Put(path, "a");
  for (const auto& [mode, sound] : {std::pair<mode_t, bool>{0644, true},
                                    {0444, true},
                                    {0640, false},
                                    {0600, false},
                                    {0664, false},
                                    {0646, false}}) {
    chmod(Path(path).c_str(), mode);
    EXPECT_EQ(files_.Read(kDir)->files.at("a.json").sound, sound) << std::oct << mode;
  }
  chmod(Path(path).c_str(), 0644);
  chmod(Path("/etc/chromium/policies/managed").c_str(), 0700);
  EXPECT_FALSE(files_.Read(kDir)->files.at("a.json").sound) << "nobody may enter its directory";
  EXPECT_EQ(files_.Write(kDir, "a.json", "a"), absl::OkStatus());
  EXPECT_TRUE(files_.Read(kDir)->files.at("a.json").sound);
  Put("/etc/elsewhere", "b");
  fs::create_symlink(Path("/etc/elsewhere"), Path(absl::StrCat(kDir, "/b.json")));
  EXPECT_EQ(files_.Read(kDir)->files.at("b.json").text, "b") << "browsers follow it too";
  EXPECT_FALSE(files_.Read(kDir)->files.at("b.json").sound);
  EXPECT_EQ(files_.Write(kDir, "b.json", "c"), absl::OkStatus());
  EXPECT_EQ(std::ifstream(Path("/etc/elsewhere")).get(), 'b') << "the link goes, not its target";
  if (geteuid() == 0) {
    EXPECT_EQ(chown(Path(path).c_str(), 4711, 4711), 0);
    EXPECT_FALSE(files_.Read(kDir)->files.at("a.json").sound) << "somebody else's file";
  }
}

TEST_F(BrowserPolicyFilesTest, WalksNoLinkAndNoDirectoryOfOthers) {
  fs::create_directories(Path("/home/mallory/managed"));
  fs::create_directories(Path("/etc/chromium/policies"));
  fs::create_directory_symlink(Path("/home/mallory/managed"), Path(kDir));
  const std::string link = absl::StrCat(
      Path(kDir), " is not a directory, or a symbolic link to one; make it a directory");
  EXPECT_EQ(files_.Read(kDir).status(), absl::FailedPreconditionError(link));
  EXPECT_EQ(files_.Write(kDir, "zz-muster.json", "x"), absl::FailedPreconditionError(link));
  EXPECT_EQ(files_.Remove(kDir, "zz-muster.json"), absl::FailedPreconditionError(link));
  EXPECT_EQ(NamesIn("/home/mallory/managed"), Texts{});

  fs::remove(Path(kDir));
  fs::create_directories(Path(kDir));
  for (const char* dir : {"/etc/chromium", "/etc/chromium/policies/managed"}) {
    chmod(Path(dir).c_str(), 0777);
    const absl::Status want = absl::FailedPreconditionError(absl::StrCat(
        Path(dir), " can be changed by others than root; give it to root with mode 0755"));
    EXPECT_EQ(files_.Write(kDir, "zz-muster.json", "x"), want);
    EXPECT_EQ(files_.Read(kDir).status(), want);
    chmod(Path(dir).c_str(), 0755);
  }
  EXPECT_EQ(files_.Write(kDir, "zz-muster.json", "x"), absl::OkStatus());
}

TEST_F(BrowserPolicyFilesTest, ReadsWithinBounds) {
  Put(absl::StrCat(kDir, "/large.json"), std::string(limits::kMaxBrowserPolicyBytes + 1, ' '));
  Put(absl::StrCat(kDir, "/small.json"), "s");
  fs::create_directory(Path(absl::StrCat(kDir, "/folder")));
  EXPECT_EQ(mkfifo(Path(absl::StrCat(kDir, "/fifo")).c_str(), 0644), 0);
  const auto read = files_.Read(kDir);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->unread, Texts{"large.json"});
  EXPECT_EQ(read->files.size(), 1u);
  for (size_t i = 0; i < limits::kMaxBrowserPolicyFiles; ++i) {
    Put(absl::StrCat(kDir, "/", i), "");
  }
  EXPECT_EQ(files_.Read(kDir).status(), absl::ResourceExhaustedError(absl::StrCat(
                                            kDir, " has more than 256 entries; tidy it up")));
}

TEST_F(BrowserPolicyFilesTest, WatchesEveryDirectoryOnTheWay) {
  const auto watches = files_.Watches();
  using Watch = std::pair<std::string, std::string>;
  for (const Watch& want : {Watch{Path("/etc/firefox/policies"), ""},
                            {Path("/etc/firefox"), "policies"},
                            {Path("/etc"), "firefox"},
                            {Path(""), "etc"}}) {
    EXPECT_NE(std::find(watches.begin(), watches.end(), want), watches.end()) << want.first;
  }
  const auto machine = BrowserPolicyFiles("/").Watches();
  EXPECT_NE(std::find(machine.begin(), machine.end(), Watch("/etc", "chromium")), machine.end());
}

}  // namespace
}  // namespace muster::agent
