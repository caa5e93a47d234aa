// What is installed is noticed and stored by the controller within a second, whatever brought it.
// Real programs; needs root.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPatience = absl::Seconds(150);  // of a loaded machine; usually far less
const std::string kAppImage(
    "\x7F"
    "ELF\x02\x01\x01\0AI\x02\0\0\0\0\0",
    16);

class InventoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies(laptop_.chat());
    for (const char* folder : {"/home/carol/Downloads", "/home/carol/.local/share/applications",
                               "/opt/tool", "/applications"}) {
      fs::create_directories(tenant_.folder() + folder);
    }
    laptop_.Join(tenant_, kAlice);
  }
  Json Item(const std::string& package_id) {
    const Json device = tenant_.Get(kAdmin, {"device", "show", laptop_.device()});
    for (const Json& item : device["inventory"]) {
      if (item.value("package_id", "") == package_id) return item;
    }
    return nullptr;
  }
  // The least of three times from a change until the controller shows it: the machine of a test
  // may be busy, the agent may not be slow.
  absl::Duration Noticed(const std::function<std::string(int)>& change) {
    absl::Duration best = absl::InfiniteDuration();
    for (int i = 0; i < 3; ++i) {
      const absl::Time start = absl::Now();
      const std::string id = change(i);
      EXPECT_TRUE(WaitUntil(kPatience, [&] { return !Item(id).is_null(); })) << id;
      best = std::min(best, absl::Now() - start);
    }
    return best;
  }
  std::string Put(const std::string& name, absl::string_view text, mode_t mode = 0644) {
    EXPECT_TRUE(WriteWhole(absl::StrCat(tenant_.folder(), "/", name), text, mode));
    return absl::StrCat(tenant_.folder(), "/", name);
  }

  TestAccounts accounts_{2};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
};

TEST_F(InventoryTest, EveryKindIsNoticedWithinASecond) {
  EXPECT_LE(Noticed([&](int i) {
              const std::string name = absl::StrCat("package-", i);
              laptop_.InstallPackage(name, "1");
              return name;
            }),
            absl::Seconds(1));
  EXPECT_LE(Noticed([&](int i) {
              return Put(absl::StrCat("home/carol/Downloads/Chat", i, ".AppImage"), kAppImage);
            }),
            absl::Seconds(1));
  EXPECT_LE(Noticed([&](int i) { return Put(absl::StrCat("opt/tool/x", i), "#!/bin/sh\n", 0755); }),
            absl::Seconds(1));
  EXPECT_LE(Noticed([&](int i) {
              return Put(absl::StrCat("home/carol/.local/share/applications/", i, ".desktop"),
                         "[Desktop Entry]\nType=Application\nName=Chat\nExec=/x/chat\n");
            }),
            absl::Seconds(1));
  EXPECT_LE(Noticed([&](int i) {
              const std::string snap = absl::StrCat(tenant_.folder(), "/snap/chat", i);
              fs::create_directories(snap + "/1");
              fs::create_directory_symlink("1", snap + "/current");
              return absl::StrCat("chat", i);
            }),
            absl::Seconds(1));
}

TEST_F(InventoryTest, AnAppImageIsHashedAndItsFirstDayStays) {
  const std::string path = Put("home/carol/Downloads/Chat.AppImage", kAppImage);
  ASSERT_TRUE(WaitUntil(kPatience, [&] {
    const Json item = Item(path);
    return item.is_object() && item.contains("sha256");
  }));
  const Json first = Item(path);
  EXPECT_EQ(first.value("origin", ""), "APPIMAGE");
  EXPECT_EQ(first.value("path", ""), path);
  EXPECT_EQ(first.value("name", ""), "Chat.AppImage");
  EXPECT_NE(first.value("first_seen_at", ""), "");
  Put("home/carol/Downloads/Chat.AppImage", kAppImage + "another version");
  ASSERT_TRUE(WaitUntil(kPatience, [&] {
    const std::string hash = Item(path).value("sha256", "");
    return hash != "" && hash != first.value("sha256", "");
  }));
  EXPECT_EQ(Item(path).value("first_seen_at", ""), first.value("first_seen_at", ""));
  fs::remove(path);
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return Item(path).is_null(); }));
}

}  // namespace
}  // namespace muster
