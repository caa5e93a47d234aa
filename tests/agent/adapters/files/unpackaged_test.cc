// What no packager brought, and what people may put in its place: links that lead out, pipes,
// files without end, names that are no text.
#include <sys/sysmacros.h>

#include "common/agent_limits.h"
#include "tests/agent/adapters/files/machine_fixture.h"

namespace muster::agent {
namespace {

using Strings = std::vector<std::string>;
const std::string kElf(
    "\x7F"
    "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
    16);
const std::string kAppImage(
    "\x7F"
    "ELF\x02\x01\x01\0AI\x02\0\0\0\0\0",
    16);
constexpr char kEntry[] = "[Desktop Entry]\nType=Application\nName=Chat\nExec=/opt/x/chat\n";
constexpr char kWebEntry[] =
    "[Desktop Entry]\nType=Application\nName=WhatsApp Web\n"
    "Exec=/usr/bin/chromium --app-id=hnpfjngllnobngcgfapefoaidbinmjnm\n";
constexpr char kUnpackagedId[] = "hnpfjngllnobngcgfapefoaidbinmjnm";

class UnpackagedTest : public MachineTest {
 protected:
  void SetUp() override {
    MachineTest::SetUp();
    fs::create_directories(dir_ + "/home/alice");
    Put("passwd", absl::StrCat("alice:x:", getuid(), ":0::/:/bin/sh\n"));
  }
  InventoryRead Files() { return Machine().ReadInventory(kFilesSource); }
};

TEST_F(UnpackagedTest, EveryKindInItsPlace) {
  Put("opt/chat/bin/chat", kElf, 0755);
  Put("opt/chat/bin/data", "text", 0755);
  Put("opt/chat/lib/x/y/too-deep", kElf, 0755);
  Put("opt/chat/readme", kElf, 0644);
  Put("applications/chat.desktop", kEntry);
  Put("applications/chat.txt", kEntry);
  Put("home/alice/Chat.AppImage", kAppImage, 0644);
  Put("home/alice/program", kElf, 0755);  // the home itself is searched for AppImages alone
  Put("home/alice/Downloads/Get.AppImage", kAppImage, 0644);
  Put("home/alice/bin/script", "#!/bin/sh\n", 0755);
  Put("home/alice/.local/bin/tool", kElf, 0700);
  Put("home/alice/.local/share/Telegram/Telegram", kElf, 0755);
  Put("home/alice/.local/share/applications/mine.desktop",
      std::string(kEntry) + "X-AppImage-Version=7\n");
  const InventoryRead read = Files();
  EXPECT_EQ(read.sources, unsigned{kFilesSource});
  EXPECT_EQ(Lines(read),
            (Strings{"DESKTOP_ENTRY /applications/chat.desktop ", "UNPACKAGED /opt/chat/bin/chat ",
                     "APPIMAGE /home/alice/Chat.AppImage  @alice",
                     "UNPACKAGED /home/alice/bin/script  @alice",
                     "UNPACKAGED /home/alice/.local/bin/tool  @alice",
                     "APPIMAGE /home/alice/Downloads/Get.AppImage  @alice",
                     "UNPACKAGED /home/alice/.local/share/Telegram/Telegram  @alice",
                     "DESKTOP_ENTRY /home/alice/.local/share/applications/mine.desktop 7 @alice"}));
  EXPECT_EQ(read.stamps.size(), 6u);
  EXPECT_EQ(read.stamps.at(dir_ + "/opt/chat/bin/chat"),
            *Machine().Stat(dir_ + "/opt/chat/bin/chat"));
  EXPECT_EQ(read.items[0].name(), "Chat");
  EXPECT_EQ(read.items[0].path(), "/opt/x/chat");
  EXPECT_EQ(read.notes, Strings{});
}

TEST_F(UnpackagedTest, WhatDpkgOwnsIsDpkgs) {
  Put("opt/chat/chat", kElf, 0755);
  Put("applications/chat.desktop", kEntry);
  LocalMachine machine = Machine();
  EXPECT_EQ(machine.ReadInventory(kAllSources).items.size(), 2u);
  Put("dpkg/info/chatapp.list", dir_ + "/opt/chat/chat\n" + dir_ + "/applications/chat.desktop\n");
  Put("dpkg/status", "Package: chatapp\nStatus: install ok installed\nVersion: 1\n");
  const InventoryRead read = machine.ReadInventory(kDpkgSource);
  EXPECT_EQ(read.sources, unsigned{kDpkgSource | kFilesSource});
  EXPECT_EQ(Lines(read), (Strings{"DPKG chatapp 1"}));
  EXPECT_TRUE(read.stamps.empty());
}

TEST_F(UnpackagedTest, WebAppsOfChromiumAndFirefox) {
  const std::string chromium = "home/alice/.config/chromium/Default/";
  Put(chromium + "Preferences", R"({"web_apps":{"extension_ids":{"https://web.whatsapp.com/":
      {"extension_id":"hnpfjngllnobngcgfapefoaidbinmjnm"}}}})");
  Put(chromium + "Web Applications/Manifest Resources/" + kUnpackagedId + "/Icons/1.png", "x");
  Put("home/alice/.local/share/applications/chrome-" + std::string(kUnpackagedId) +
          "-Default.desktop",
      kWebEntry);
  const std::string edge = "home/alice/.config/microsoft-edge/Profile 1/";
  Put(edge + "Preferences", "{}");
  Put(edge + "Web Applications/Manifest Resources/aaaabbbbccccddddeeeeffffgggghhhh/x", "x");
  Put("home/alice/.mozilla/firefox/abc.default/prefs.js", "");
  Put("home/alice/.mozilla/firefox/abc.default/taskbartabs/taskbartabs.json",
      R"({"taskbarTabs":[{"id":"1","startUrl":"https://discord.com/app"}]})");
  Put("home/alice/.mozilla/firefox/Crash Reports/x", "");
  const InventoryRead read = Files();
  EXPECT_EQ(Lines(read), (Strings{"WEB_APP web.whatsapp.com  @alice",
                                  "WEB_APP aaaabbbbccccddddeeeeffffgggghhhh  @alice",
                                  "WEB_APP discord.com  @alice"}));
  EXPECT_EQ(read.items[0].name(), "WhatsApp Web");
}

// Each of these would hang, crash or mislead a reader that trusts names.
TEST_F(UnpackagedTest, HostileHomesCostNothing) {
  const std::string home = dir_ + "/home/alice", apps = home + "/.local/share/applications";
  Put("outside/secret.desktop", kEntry);
  Put("outside/program", kElf, 0755);
  Put("home/alice/.local/share/applications/good.desktop", kEntry);
  Put("home/alice/.local/share/applications/huge.desktop", kEntry);
  ASSERT_EQ(truncate((apps + "/huge.desktop").c_str(), off_t{1} << 30), 0);  // 1 GB
  ASSERT_EQ(mkfifo((apps + "/pipe.desktop").c_str(), 0644), 0);
  ASSERT_EQ(mkfifo((home + "/Pipe.AppImage").c_str(), 0755), 0);
  fs::create_symlink(dir_ + "/outside/secret.desktop", apps + "/link.desktop");
  fs::create_directory_symlink(".", home + "/.local/share/loop");
  fs::create_symlink("b", home + "/a");
  fs::create_symlink("a", home + "/b");
  fs::create_directory_symlink(dir_ + "/outside", home + "/bin");
  fs::create_directories(home + "/.local/bin");
  fs::create_symlink(dir_ + "/outside/program", home + "/.local/bin/program");
  Put("home/alice/.local/share/applications/\xFF\xFE.desktop",
      "[Desktop Entry]\nType=Application\nName=\xFF\nExec=\xFE\n");
  fs::create_directories(home + "/.config");
  fs::create_directory_symlink(dir_ + "/outside", home + "/.config/chromium");
  fs::create_directory_symlink(dir_ + "/outside", dir_ + "/home/mallory");
  if (geteuid() == 0) {  // only root makes devices, but a restored archive may hold one
    ASSERT_EQ(mknod((apps + "/device.desktop").c_str(), S_IFCHR | 0644, makedev(1, 5)), 0);
  }
  const InventoryRead read = Files();
  EXPECT_EQ(Lines(read),
            (Strings{"DESKTOP_ENTRY /home/alice/.local/share/applications/good.desktop  @alice",
                     "DESKTOP_ENTRY /home/alice/.local/share/applications/\xEF\xBF\xBD\xEF\xBF\xBD"
                     ".desktop  @alice"}));
  EXPECT_EQ(read.items[1].name(), "\xEF\xBF\xBD");
  EXPECT_EQ(read.items[1].path(), "\xEF\xBF\xBD");
  v1::InventoryItem back;
  EXPECT_TRUE(back.ParseFromString(read.items[1].SerializeAsString()));
}

TEST_F(UnpackagedTest, AFloodOfNamesIsSaidAndBounded) {
  for (size_t i = 0; i < limits::kMaxNamesPerFolder + 10; ++i) {
    Put(absl::StrCat("home/alice/Downloads/", i), "");
  }
  Put("home/bob/Chat.AppImage", kAppImage);
  const InventoryRead read = Files();
  EXPECT_EQ(Lines(read), (Strings{"APPIMAGE /home/bob/Chat.AppImage  @alice"}))
      << "the owner's name, not the folder's";
  EXPECT_EQ(read.notes, (Strings{"inventory: the home of alice has more than is looked at"}));
}

// One home's programs must not crowd a report out.
TEST_F(UnpackagedTest, AHomeHasItsShareOfAReport) {
  for (int i = 0; i < 600; ++i)
    Put(absl::StrCat("home/alice/bin/", std::string(200, 'p'), i), "#!", 0755);
  const InventoryRead read = Files();
  size_t bytes = 0;
  for (const v1::InventoryItem& item : read.items) bytes += item.ByteSizeLong();
  EXPECT_LE(bytes, limits::kMaxHomeItemBytes);
  EXPECT_GT(bytes, limits::kMaxHomeItemBytes / 2);
  EXPECT_EQ(read.stamps.size(), read.items.size());
  EXPECT_EQ(read.notes, (Strings{"inventory: the home of alice has more than is looked at"}));
}

// A flatpak that its owner turned to the system's programs must not make them an app's.
TEST_F(UnpackagedTest, ALinkOutOfAFlatpakIsNotFollowed) {
  Put("outside/files/bin/sh", kElf, 0755);
  const std::string app = dir_ + "/home/alice/.local/share/flatpak/app/com.whatsapp.W";
  fs::create_directories(app + "/x/y");
  fs::create_directory_symlink(dir_ + "/outside", app + "/x/y/active");
  fs::create_directory_symlink("x/y", app + "/current");
  EXPECT_EQ(Machine().ProgramFiles(v1::Origin::FLATPAK, "com.whatsapp.W"), Strings{});
  EXPECT_TRUE(Machine().ReadInventory(kFlatpakSource).items.empty());
}

TEST_F(UnpackagedTest, AHashIsOfTheVeryFile) {
  Put("home/alice/x", "abc");
  const std::string path = dir_ + "/home/alice/x";
  LocalMachine machine = Machine();
  const FileStamp stamp = *machine.Stat(path);
  EXPECT_EQ(machine.HashExactly(path, stamp)->sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  fs::remove(path);
  fs::create_symlink("/etc/passwd", path);
  EXPECT_EQ(machine.HashExactly(path, stamp).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(machine.Stat(path), std::nullopt) << "in a home a link may lead anywhere";
}

TEST_F(UnpackagedTest, OnlyChangedListsAreReadAgain) {
  for (int i = 0; i < 50; ++i) {
    Put(absl::StrCat("dpkg/info/p", i, ".list"), absl::StrCat("/usr/bin/p", i, "\n"));
  }
  DpkgFiles files(dir_ + "/dpkg/info");
  const std::set<std::string> asked = {"/usr/bin/p7", "/usr/bin/new"};
  EXPECT_EQ(files.Owners(asked), (std::map<std::string, std::string>{{"/usr/bin/p7", "p7"}}));
  EXPECT_EQ(files.lists_read(), 50u);
  files.Owners(asked);
  EXPECT_EQ(files.lists_read(), 50u);
  Put("dpkg/info/new.list", "/usr/bin/new\n");
  fs::remove(dir_ + "/dpkg/info/p7.list");
  EXPECT_EQ(files.Owners(asked), (std::map<std::string, std::string>{{"/usr/bin/new", "new"}}));
  EXPECT_EQ(files.lists_read(), 51u);
  files.Owners({"/usr/bin/p8"});  // never asked before
  EXPECT_EQ(files.lists_read(), 101u);
}

}  // namespace
}  // namespace muster::agent
