// Apps that share one runtime, as real folders: only the blocked app's copy is the app.
#include "agent/flow/companions.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "agent/adapters/files/local_machine.h"
#include "agent/flow/candidates.h"
#include "tests/agent/elf_image.h"
#include "tests/agent/flow/agent_fixture.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

// An ELF file of this build; `code` is what the loader would load.
std::string Program(const std::string& build_id, const std::string& code) {
  ElfImage image;
  image.notes = image.BuildIdNote(build_id);
  image.sections = {{".text", 1, 6, code}};
  return image.Bytes();
}

constexpr char kRuntimeId[] = "runtime of 2026-";
constexpr char kChatId[] = "chat of 2026-03-";

class CompanionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/muster-companions-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    dir_ = dir;
    fs::create_directories(dir_ + "/dpkg/info");
    MachinePaths paths;
    paths.dpkg_admindir = dir_ + "/dpkg";
    machine_ = std::make_unique<LocalMachine>(paths);
    companions_ = std::make_unique<Companions>(machine_.get());
    PolicyParts parts;
    for (const char* id : {"chat", "talk"}) {
      v1::App* app = parts.content.add_apps();
      app->set_id(id);
      v1::AppIdentity* identity = app->add_identities();
      identity->set_platform(v1::Platform::LINUX);
      identity->set_origin(v1::Origin::DPKG);
      identity->set_package_id(std::string(id) + "-desktop");
    }
    policy_ = PolicyIndex::Build(std::move(parts));
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string Put(const std::string& name, const std::string& text) {
    const std::string path = dir_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::trunc) << text;
    chmod(path.c_str(), 0755);
    return path;
  }
  // An Electron app in a folder; its program.
  std::string PutElectron(const std::string& folder, const std::string& name,
                          const std::string& asar) {
    Put(folder + "/resources/app.asar", asar);
    return Put(folder + "/" + name, Program(kRuntimeId, "electron"));
  }
  bool LearnFrom(const std::string& path, AppIndex app) {
    const absl::StatusOr<HashedFile> hashed = machine_->Hash(path);
    EXPECT_TRUE(hashed.ok()) << hashed.status();
    return Learn(*policy_, {hashed->stamp, app, path}, *hashed, companions_->RuntimeOf(path), now_,
                 *machine_, learned_, notes_);
  }
  // The app of a file by its contents, with all that was learned.
  std::optional<AppIndex> AppOf(const std::string& path) {
    const CandidateIndex index(FindCandidates(*policy_, {}, learned_, *machine_).parts);
    const absl::StatusOr<HashedFile> hashed = machine_->Hash(path);
    EXPECT_TRUE(hashed.ok()) << hashed.status();
    return AppOfContents(*policy_, index, {hashed->stamp.size, hashed->sha256, hashed->build_id},
                         path, *companions_, *machine_);
  }
  void Copy(const std::string& from, const std::string& to) {
    fs::create_directories(dir_ + "/home");
    fs::copy(dir_ + "/" + from, dir_ + "/" + to, fs::copy_options::recursive);
  }

  const absl::Time now_ = At("2026-03-01T12:00:00Z");
  std::string dir_;
  std::unique_ptr<LocalMachine> machine_;
  std::unique_ptr<Companions> companions_;
  std::shared_ptr<const PolicyIndex> policy_;
  v1::LearnedHashes learned_;
  std::vector<std::string> notes_;
};

TEST_F(CompanionsTest, OnlyTheBlockedAppsCopyOfASharedRuntimeMatches) {
  const std::string chat = PutElectron("opt/Chat", "chat-desktop", "chat's code");
  EXPECT_TRUE(LearnFrom(chat, 0));
  EXPECT_TRUE(notes_.empty());
  Copy("opt/Chat", "home/copy");
  fs::rename(dir_ + "/home/copy/chat-desktop", dir_ + "/home/copy/editor");
  const std::string repacked = Put("home/copy/repacked", Program(kRuntimeId, "electron, signed"));
  // The same runtime, byte for byte.
  const std::string editor = PutElectron("opt/Editor", "editor", "an editor");
  // As long as the blocked app's, with other bytes.
  const std::string mail = PutElectron("opt/Mail", "mail", "mail's code");
  const std::string bare = Put("home/bare/electron", Program(kRuntimeId, "electron"));
  EXPECT_EQ(AppOf(chat), 0);
  EXPECT_EQ(AppOf(dir_ + "/home/copy/editor"), 0) << "copied and renamed";
  EXPECT_EQ(AppOf(repacked), 0) << "other bytes of the same build, beside the app";
  EXPECT_EQ(AppOf(editor), std::nullopt);
  EXPECT_EQ(AppOf(mail), std::nullopt);
  EXPECT_EQ(AppOf(bare), std::nullopt) << "a runtime alone is no app";
}

TEST_F(CompanionsTest, ALinkToTheAppsCodeIsTheAppsCode) {
  LearnFrom(PutElectron("opt/Chat", "chat-desktop", "chat's code"), 0);
  const std::string run = Put("home/x/run", Program(kRuntimeId, "electron"));
  fs::create_directories(dir_ + "/home/x/resources");
  fs::create_symlink(dir_ + "/opt/Chat/resources/app.asar", dir_ + "/home/x/resources/app.asar");
  EXPECT_EQ(AppOf(run), 0);
  Put("opt/Chat/resources/app.asar", "other code!");
  EXPECT_EQ(AppOf(run), std::nullopt) << "what was read of a file is not kept past its change";
}

TEST_F(CompanionsTest, TwoBlockedAppsOnOneRuntimeAreToldApart) {
  const std::string chat = PutElectron("opt/Chat", "chat", "chat's code");
  const std::string talk = PutElectron("opt/Talk", "talk", "talk's");
  EXPECT_TRUE(LearnFrom(chat, 0));
  EXPECT_TRUE(LearnFrom(talk, 1));
  Copy("opt/Chat", "home/1");
  Copy("opt/Talk", "home/2");
  EXPECT_EQ(AppOf(dir_ + "/home/1/chat"), 0);
  EXPECT_EQ(AppOf(dir_ + "/home/2/talk"), 1);
  const CandidateIndex index(FindCandidates(*policy_, {}, learned_, *machine_).parts);
  const absl::StatusOr<HashedFile> asar = machine_->Hash(dir_ + "/opt/Talk/resources/app.asar");
  EXPECT_EQ(index.FindDataFile(asar->stamp.size, asar->sha256), 1);
}

TEST_F(CompanionsTest, AnUpdateOnTheSameRuntimeIsKnownBesideTheOld) {
  const std::string chat = PutElectron("opt/Chat", "chat", "version 1");
  EXPECT_TRUE(LearnFrom(chat, 0));
  Copy("opt/Chat", "home/old");
  Put("opt/Chat/resources/app.asar", "version 2!");
  EXPECT_TRUE(LearnFrom(chat, 0));
  EXPECT_FALSE(LearnFrom(chat, 0)) << "once";
  EXPECT_EQ(learned_.items_size(), 2);
  EXPECT_EQ(AppOf(chat), 0);
  EXPECT_EQ(AppOf(dir_ + "/home/old/chat"), 0);
}

TEST_F(CompanionsTest, HelpersBelowARuntimeAreAsSharedAsItIs) {
  PutElectron("opt/Chat", "chat", "chat's code");
  const std::string native = "resources/app.asar.unpacked/node_modules/x/build/Release/x.node";
  for (const std::string& file : {std::string("chrome-sandbox"), native}) {
    const std::string helper = Put("opt/Chat/" + file, Program("helper of 2026-0", "helper"));
    EXPECT_TRUE(LearnFrom(helper, 0)) << file;
    PutElectron("opt/Editor", "editor", "an editor");
    EXPECT_EQ(AppOf(helper), 0) << file;
    EXPECT_EQ(AppOf(Put("opt/Editor/" + file, Program("helper of 2026-0", "helper"))), std::nullopt)
        << file;
    learned_.Clear();
  }
}

TEST_F(CompanionsTest, HowAFolderIsRecognised) {
  struct Case {
    std::vector<const char*> files;
    const char* kind;
    const char* companion;
    bool generic;
  };
  const Case kCases[] = {
      {{}, "", "", false},
      {{"resources/app.asar"}, "Electron", "resources/app.asar", false},
      {{"resources/app/package.json"}, "Electron", "resources/app/package.json", false},
      {{"icudtl.dat", "resources.pak", "resources/app.asar"},
       "Electron",
       "resources/app.asar",
       false},
      {{"icudtl.dat", "chrome_100_percent.pak"}, "Chromium", "", false},
      {{"icudtl.dat"}, "", "", false},
      {{"package.json"}, "", "", false},
      {{"icudtl.dat", "nw_100_percent.pak", "package.nw"}, "NW.js", "package.nw", false},
      {{"icudtl.dat", "nw_100_percent.pak", "package.json"}, "NW.js", "package.json", false},
      {{"icudtl.dat", "nw_100_percent.pak"}, "NW.js", "", true},
      {{"../lib/modules"}, "Java", "", true},
      {{"../lib/runtime/lib/libjli.so"}, "Java", "", true},
  };
  for (size_t i = 0; i < std::size(kCases); ++i) {
    const Case& c = kCases[i];
    const std::string folder = "opt/" + std::to_string(i) + "/bin/";
    const std::string program = Put(folder + "app", "program");
    for (const char* file : c.files) {
      Put(fs::path(folder + file).lexically_normal().string(), "data");
    }
    const Runtime got = companions_->RuntimeOf(program);
    EXPECT_EQ(got.kind, c.kind) << i;
    EXPECT_EQ(got.companion ? got.companion->path : "", c.companion) << i;
    EXPECT_EQ(got.generic, c.generic) << i;
    EXPECT_EQ(got.folder, c.kind[0] == '\0' ? "" : fs::path(program).parent_path().string()) << i;
  }
}

TEST_F(CompanionsTest, WhatARuntimeWithoutACompanionLeavesOpenIsSaid) {
  Put("opt/Chat/icudtl.dat", "icu");
  Put("opt/Chat/resources.pak", "pak");
  const std::string chat = Put("opt/Chat/chat", Program(kChatId, "chat"));
  const std::string helper = Put("opt/Chat/chrome-sandbox", Program("sandbox of 2026-", "helper"));
  EXPECT_TRUE(LearnFrom(chat, 0));
  EXPECT_FALSE(LearnFrom(helper, 0));
  ASSERT_EQ(learned_.items_size(), 1);
  EXPECT_EQ(learned_.items(0).build_id(), "");
  EXPECT_EQ(AppOf(Put("home/copy", Program(kChatId, "chat"))), 0);
  EXPECT_EQ(AppOf(Put("home/altered", Program(kChatId, "chat, altered"))), std::nullopt);
  EXPECT_EQ(AppOf(helper), std::nullopt);
  Put("opt/Talk/lib/modules", "classes");
  EXPECT_FALSE(LearnFrom(Put("opt/Talk/bin/talk", Program("launcher of 2026", "java")), 1));
  EXPECT_EQ(notes_, (std::vector<std::string>{
                        "chat: " + dir_ +
                            "/opt/Chat holds a Chromium runtime; an altered copy of its programs "
                            "is not blocked",
                        "chat: " + dir_ +
                            "/opt/Chat holds a Chromium runtime that other apps share and nothing "
                            "of the app's own; copies of its programs are not blocked",
                        "talk: " + dir_ +
                            "/opt/Talk/bin holds a Java runtime that other apps share and nothing "
                            "of the app's own; copies of its programs are not blocked"}));
}

TEST_F(CompanionsTest, ABuildIdIsTheAppUnlessAnotherPackageOwnsTheFile) {
  EXPECT_TRUE(LearnFrom(Put("usr/bin/chat", Program(kChatId, "chat")), 0));
  const std::string stripped = Put("home/stripped", Program(kChatId, "c"));
  const std::string other = Put("usr/bin/other", Program(kChatId, "chat as another packs it"));
  const std::string own = Put("usr/lib/chat/helper", Program(kChatId, "chat once more"));
  Put("dpkg/info/other.list", "/.\n" + other + "\n");
  Put("dpkg/info/chat-desktop.list", "/.\n" + own + "\n");
  EXPECT_EQ(AppOf(stripped), 0);
  EXPECT_EQ(AppOf(own), 0);
  EXPECT_EQ(AppOf(other), std::nullopt);
  EXPECT_EQ(AppOf(Put("home/else", Program("something else..", "chat"))), std::nullopt);
}

TEST_F(CompanionsTest, TheBuildIdOfALauncherIsNotLearned) {
  const std::string launcher = Program("launcher of 2026", "boot");
  EXPECT_TRUE(LearnFrom(Put("usr/bin/chat", launcher + "chat's archive"), 0));
  EXPECT_EQ(AppOf(Put("home/copy", launcher + "chat's archive")), 0);
  EXPECT_EQ(AppOf(Put("home/other", launcher + "another archive")), std::nullopt);
  EXPECT_EQ(AppOf(Put("home/launcher", launcher)), std::nullopt);
}

TEST_F(CompanionsTest, WhatAnEarlierRunLearnedIsCompleted) {
  const std::string chat = PutElectron("opt/Chat", "chat", "chat's code");
  const std::string plain = Put("usr/bin/chat-cli", Program(kChatId, "chat"));
  const std::string editor = PutElectron("opt/Editor", "editor", "an editor");
  Put("opt/Java/lib/modules", "classes");
  const std::string java = Put("opt/Java/bin/java", Program("launcher of 2026", "java"));
  for (const std::string& path : {chat, plain, java}) {
    const absl::StatusOr<HashedFile> hashed = machine_->Hash(path);
    v1::LearnedHashes::Item* item = learned_.add_items();
    item->set_app_id("chat");
    item->set_size(hashed->stamp.size);
    item->set_sha256(hashed->sha256);
  }
  EXPECT_EQ(AppOf(editor), 0) << "as it was: a wrong block";
  for (const std::string& path : {chat, plain, java}) {
    EXPECT_TRUE(LearnFrom(path, 0)) << path;
    EXPECT_FALSE(LearnFrom(path, 0)) << path;
  }
  EXPECT_EQ(learned_.items_size(), 2);
  EXPECT_EQ(AppOf(chat), 0);
  EXPECT_EQ(AppOf(editor), std::nullopt);
  EXPECT_EQ(AppOf(java), std::nullopt);
  EXPECT_EQ(AppOf(Put("home/stripped", Program(kChatId, "c"))), 0);
}

// A package that ships the same runtime is no reason to learn nothing, and its file is its own.
TEST_F(CompanionsTest, ARuntimeThatAnotherPackageShipsIsLearnedWithItsCompanion) {
  const std::string chat = PutElectron("opt/Chat", "chat", "chat's code");
  const std::string editor = PutElectron("opt/Editor", "editor", "an editor");
  Put("dpkg/info/editor.md5sums", machine_->Hash(editor)->md5 + "  " + editor.substr(1) + "\n");
  EXPECT_TRUE(LearnFrom(chat, 0));
  EXPECT_TRUE(notes_.empty());
  Copy("opt/Chat", "home/copy");
  EXPECT_EQ(AppOf(dir_ + "/home/copy/chat"), 0);
  const CandidateIndex index(FindCandidates(*policy_, {}, learned_, *machine_).parts);
  EXPECT_EQ(index.Look(*machine_->Stat(editor), editor).known, CandidateIndex::Known::kNo)
      << "the editor is not even hashed";
}

TEST_F(AgentTest, WhatLacksItsBuildIdIsLearnedAgainAfterAnUpdateOfTheAgent) {
  SendPolicy(false);
  agent_->Work();
  v1::LearnedHashes learned;
  ASSERT_TRUE(learned.ParseFromString(store_.files().at(kLearnedFile)));
  ASSERT_EQ(learned.items_size(), 1);
  EXPECT_EQ(learned.items(0).build_id(), "");
  machine_.hashes["/usr/bin/chat"].build_id = "id0";
  Restart();
  EXPECT_EQ(enforcer_.state.candidates->FindBuildId("id0", "/tmp/repacked"), std::nullopt);
  agent_->Work();
  EXPECT_EQ(enforcer_.state.candidates->FindBuildId("id0", "/tmp/repacked"), 0);
  Restart();
  EXPECT_EQ(enforcer_.state.candidates->FindBuildId("id0", "/tmp/repacked"), 0);
}

}  // namespace
}  // namespace muster::agent
