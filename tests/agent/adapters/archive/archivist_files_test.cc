// The archivist over real homes, the real reading process, real bags and a real repository. Needs
// root: files belong to another account.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "agent/adapters/files/held_export.h"
#include "agent/adapters/files/home_exports.h"
#include "agent/adapters/files/repository_folder.h"
#include "agent/flow/archivist.h"
#include "archive/files/bag_files.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

constexpr uint32_t kUid = 54'321;
// What must stay on the device.
const Lines kPlanted = {"Zebra rendezvous", "Quentin Planted", "+1 202 555 0143", "Heron Circle"};

std::string ReadWhole(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

class ArchivistFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(geteuid(), 0u) << "this test needs root";
    char name[] = "/tmp/muster-archive-XXXXXX";
    root_ = mkdtemp(name);
    chmod(root_.c_str(), 0755);
    fs::create_directories(Home());
    fs::create_directories(Repository() / "incoming");
    ASSERT_EQ(chown(Home().c_str(), kUid, kUid), 0);
    std::ofstream(root_ / "passwd")
        << "alice:x:" << kUid << ":" << kUid << "::" << Home().string() << ":/bin/bash\n";
    exports_ = std::make_unique<HomeExports>(root_ / "home", root_ / "passwd", MUSTER_BIN_DIR);
    Archivist::Parts parts;
    parts.device_id = kTestDevice;
    parts.tenant = kTestTenant;
    parts.store = &store_;
    parts.clock = &clock_;
    parts.folders = exports_.get();
    parts.repository = &repository_;
    parts.random_salt = RandomSalt;
    parts.wake = [] {};
    archivist_ = std::make_unique<Archivist>(std::move(parts));
    ASSERT_TRUE(archivist_
                    ->Start([this](v1::Report body) {
                      reports_.push_back(body.archive());
                      return true;
                    })
                    .ok());
    TestCohort cohort = tenant_.Cohort();
    v1::ArchiveSettings* settings = cohort.content.mutable_archive();
    settings->set_time_zone("UTC");
    settings->set_folder("Documents/Chat exports");
    settings->set_repository(Repository());
    const v1::DeviceAssignment assignment = tenant_.Assignment(1, true);
    PolicyParts policy;
    policy.content = cohort.content;
    policy.assignment = &assignment;
    policy.uid_of = {{"alice", kUid}};
    archivist_->SetPolicy(PolicyIndex::Build(std::move(policy)));
    archivist_->Step();  // makes the folder
  }
  ~ArchivistFilesTest() override { fs::remove_all(root_); }

  fs::path Home() const { return root_ / "home" / "alice"; }
  fs::path Folder() const { return Home() / "Documents" / "Chat exports"; }
  fs::path Repository() const { return root_ / "records"; }
  void Drop(const std::string& name, const std::string& text, uint32_t owner = kUid) const {
    std::ofstream(Folder() / name) << text;
    ASSERT_EQ(chown((Folder() / name).c_str(), owner, owner), 0);
  }
  static std::string Chat() {
    return "01/02/2026, 08:00 - Messages and calls are end-to-end encrypted.\n"
           "01/02/2026, 08:01 - Quentin Planted: Zebra rendezvous at noon\n"
           "25/02/2026, 09:30 - +1 202 555 0143: agreed\n";
  }
  void Work() {
    archivist_->Step();
    clock_.Advance(limits::kExportSettleTime);
    archivist_->Step();
  }

  fs::path root_;
  SystemClock system_;
  FakeClock clock_{system_.Now()};
  TestTenant tenant_{clock_.Now()};
  MemoryStateStore store_;
  RepositoryFolder repository_;
  std::unique_ptr<HomeExports> exports_;
  std::unique_ptr<Archivist> archivist_;
  std::vector<v1::ArchiveReport> reports_;
};

TEST_F(ArchivistFilesTest, FromAFolderToABagWithoutAWordLeavingTheDevice) {
  struct stat st = {};
  ASSERT_EQ(stat(Folder().c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, kUid);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
  Drop("WhatsApp Chat with Heron Circle.txt", Chat());
  Work();
  ASSERT_EQ(reports_.size(), 1u);
  ASSERT_EQ(reports_[0].exports_size(), 1);
  const v1::ExportSeen& seen = reports_[0].exports(0);
  EXPECT_EQ(seen.export_sha256(), Sha256Hex(Chat()));
  EXPECT_EQ(seen.messages(), 2u);
  EXPECT_EQ(seen.participants(), 2u);
  EXPECT_EQ(seen.participant_keys_size(), 2);
  EXPECT_EQ(TimeText(FromProto(seen.last_at())), "2026-02-25T09:30:00Z");
  const auto bag = archive::ValidateBag(Repository() / "incoming" / seen.bag_id());
  ASSERT_TRUE(bag.ok()) << bag.status();
  EXPECT_EQ(bag->payload_oxum, seen.payload_oxum());
  EXPECT_EQ(bag->tagmanifest_sha256, seen.tagmanifest_sha256());
  EXPECT_EQ(archive::FindInfo(bag->info, archive::kInfoChat), "Heron Circle");
  EXPECT_EQ(ReadWhole(Repository() / "salts" / "id-alice").size(), limits::kSaltBytes);
  EXPECT_EQ(ReadWhole(Folder() / "WhatsApp Chat with Heron Circle.txt"), Chat());
  std::string wire;
  for (const v1::ArchiveReport& report : reports_) wire += report.SerializeAsString();
  for (const std::string& planted : kPlanted) {
    EXPECT_FALSE(absl::StrContains(wire, planted)) << planted;
    EXPECT_FALSE(absl::StrContains(store_.files().at(kArchiveFile), planted) &&
                 planted != "Heron Circle")
        << planted;
  }
  EXPECT_FALSE(absl::StrContains(wire, ReadWhole(Repository() / "salts" / "id-alice")));
}

// A crash between the bag and the state: what is there is taken for what it is.
TEST_F(ArchivistFilesTest, ABagOfAnEarlierTryIsTakenOver) {
  Drop("chat.txt", Chat());
  int left = 2;  // the salt, the export; not that it is packed
  store_.before_write = [&](const std::string&) { return left-- > 0; };
  Work();
  store_.before_write = nullptr;
  clock_.Advance(limits::kMaxPackPause);
  Work();
  ASSERT_FALSE(reports_.empty());
  const v1::ExportSeen& seen = reports_.back().exports(0);
  EXPECT_FALSE(seen.bag_id().empty());
  EXPECT_EQ(std::distance(fs::directory_iterator(Repository() / "incoming"), {}), 1);
}

TEST_F(ArchivistFilesTest, NothingLeadsOutOfTheFolder) {
  const fs::path secret = root_ / "secret.txt";
  std::ofstream(secret) << Chat();
  chmod(secret.c_str(), 0600);
  fs::create_symlink(secret, Folder() / "link.txt");
  fs::create_hard_link(secret, Folder() / "hard.txt");
  mkfifo((Folder() / "pipe.txt").c_str(), 0666);
  fs::create_directory_symlink(root_, Folder() / "chat");
  Drop("foreign.txt", Chat(), 1);
  Work();
  Work();
  for (const v1::ArchiveReport& report : reports_) EXPECT_EQ(report.exports_size(), 0);
  // A link in the place of the folder itself.
  fs::remove_all(Home() / "Documents");
  fs::create_directory_symlink(root_, Home() / "Documents");
  std::ofstream(root_ / "x.txt") << Chat();
  Work();
  for (const v1::ArchiveReport& report : reports_) EXPECT_EQ(report.exports_size(), 0);
  EXPECT_EQ(archivist_->View(kUid)->problems_size(), 1);
}

TEST_F(ArchivistFilesTest, AHomeAnywhereIsFoundByWhoOwnsIt) {
  const fs::path far = root_ / "srv" / "people" / "alice";
  fs::create_directories(far);
  ASSERT_EQ(chown(far.c_str(), kUid, kUid), 0);
  const auto passwd = [&](const fs::path& home) {
    std::ofstream(root_ / "passwd")
        << "alice:x:" << kUid << ":" << kUid << "::" << home.string() << ":/bin/bash\n";
  };
  passwd(far);
  const FolderLook look = exports_->Look("Chats", {{"alice", kUid}});
  ASSERT_EQ(look.folders.size(), 1u);
  EXPECT_TRUE(fs::is_directory(far / "Chats"));
  EXPECT_FALSE(fs::exists(Home() / "Chats"));
  // What belongs to somebody else is not taken for it, nor changed.
  const fs::path foreign = root_ / "foreign";
  fs::create_directories(foreign);
  for (const fs::path& other : {foreign, fs::path("/"), root_ / "none"}) {
    passwd(other);
    EXPECT_EQ(exports_->Look("Chats", {{"alice", kUid}}).folders.size(), 1u) << other;
    EXPECT_FALSE(fs::exists(other / "Chats")) << other;
  }
  EXPECT_TRUE(fs::is_directory(Home() / "Chats"));  // what she owns where homes are
}

// One person's flood of names is theirs alone.
TEST_F(ArchivistFilesTest, NobodysManyFilesHideAnothersExport) {
  constexpr uint32_t kOther = kUid + 1;
  const fs::path bob = root_ / "home" / "bob";
  fs::create_directories(bob / "Chats");
  for (const fs::path& path : {bob, bob / "Chats"}) {
    ASSERT_EQ(chown(path.c_str(), kOther, kOther), 0);
  }
  std::ofstream(bob / "Chats" / "chat.txt") << Chat();
  ASSERT_EQ(chown((bob / "Chats" / "chat.txt").c_str(), kOther, kOther), 0);
  HomeExports exports(root_ / "home", root_ / "passwd", MUSTER_BIN_DIR, 100);
  exports.Look("Chats", {{"alice", kUid}});
  for (int i = 0; i < 120; ++i) {
    const fs::path path = Home() / "Chats" / absl::StrCat("root's ", i);
    ASSERT_EQ(mknod(path.c_str(), S_IFREG | 0600, 0), 0);
  }
  const FolderLook look = exports.Look("Chats", {{"alice", kUid}, {"bob", kOther}});
  ASSERT_EQ(look.files.size(), 1u);
  EXPECT_EQ(look.files[0].path, "chat.txt");
  // They are root's: so many problems, of which a few are said.
  EXPECT_LE(look.problems.size(), limits::kMaxArchiveProblems + 1);
}

TEST_F(ArchivistFilesTest, WhatIsNoExportIsSaidByItsCode) {
  Drop("notes.txt", "buy milk\n");
  Drop("broken.zip", "PK\x03\x04 and then nothing");
  Work();
  ASSERT_EQ(reports_.size(), 1u);
  Lines codes;
  for (const v1::UnreadableExport& u : reports_[0].unreadable()) codes.push_back(u.code());
  EXPECT_EQ(codes, (Lines{"ZIP_REFUSED", "NOT_AN_EXPORT"}));
}

TEST_F(ArchivistFilesTest, AShareThatIsNotMountedIsNoShare) {
  fs::remove(Repository() / "incoming");
  Drop("chat.txt", Chat());
  Work();
  EXPECT_TRUE(fs::is_empty(Repository()) || !fs::exists(Repository() / "incoming"));
  fs::create_directories(Repository() / "incoming");
  clock_.Advance(limits::kSaltRetry);
  Work();
  Work();
  ASSERT_FALSE(reports_.empty());
  EXPECT_FALSE(reports_.back().exports(0).bag_id().empty());
}

TEST_F(ArchivistFilesTest, OnlyAReadableRegularFileCanBeSubmitted) {
  Drop("chat.txt", Chat());
  const std::string path = Folder() / "chat.txt";
  const auto hold = [&](int fd) {
    return HoldSubmitted(Fd(fd), "chat.txt", MUSTER_BIN_DIR).status().code();
  };
  EXPECT_EQ(hold(open(path.c_str(), O_RDONLY)), absl::StatusCode::kOk);
  EXPECT_EQ(hold(open(path.c_str(), O_PATH)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(hold(open(path.c_str(), O_WRONLY)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(hold(open("/", O_RDONLY)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(hold(open("/dev/null", O_RDONLY)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(hold(-1), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace muster::agent
