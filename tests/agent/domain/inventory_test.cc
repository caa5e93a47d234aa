// Items that came, stayed and went, and which app they are.
#include "agent/domain/inventory.h"

#include <gtest/gtest.h>

#include "agent/domain/inventory_label.h"
#include "common/agent_limits.h"
#include "common/limits.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

v1::InventoryItem Of(v1::Origin::Kind origin, const char* id, const char* version = "1",
                     const char* account = "") {
  v1::InventoryItem item = MakeItem(origin, id, version);
  item.set_account_name(account);
  return item;
}

TEST(InventoryItems, TextsAreCleanAndBounded) {
  const v1::InventoryItem item = MakeItem(v1::Origin::UNPACKAGED, "/opt/\xFF", "1\n2");
  EXPECT_EQ(item.package_id(), "/opt/\xEF\xBF\xBD");
  EXPECT_EQ(item.version(),
            "1\xEF\xBF\xBD"
            "2");
  EXPECT_EQ(MakeItem(v1::Origin::DPKG, std::string(9'999, 'x'), "").package_id().size(),
            limits::kMaxPathBytes);
}

TEST(InventoryItems, OneAppInTwoHomesIsTwo) {
  const Inventory two = MakeInventory({Of(v1::Origin::FLATPAK, "org.signal.Signal", "1", "alice"),
                                       Of(v1::Origin::FLATPAK, "org.signal.Signal", "1", "bob"),
                                       Of(v1::Origin::FLATPAK, "org.signal.Signal", "2", "bob")});
  EXPECT_EQ(two.size(), 2u);
}

TEST(InventoryItems, EachOriginHasOneSource) {
  EXPECT_EQ(SourceOf(v1::Origin::DPKG), kDpkgSource);
  EXPECT_EQ(SourceOf(v1::Origin::RPM), kRpmSource);
  EXPECT_EQ(SourceOf(v1::Origin::FLATPAK), kFlatpakSource);
  EXPECT_EQ(SourceOf(v1::Origin::SNAP), kSnapSource);
  for (const v1::Origin::Kind k : {v1::Origin::APPIMAGE, v1::Origin::DESKTOP_ENTRY,
                                   v1::Origin::UNPACKAGED, v1::Origin::WEB_APP}) {
    EXPECT_EQ(SourceOf(k), kFilesSource);
  }
}

TEST(DiffInventory, HashAndSignerAreChangesAndTheFirstDayIsNone) {
  const v1::InventoryItem item = Of(v1::Origin::APPIMAGE, "/home/a/x");
  v1::InventoryItem hashed = item, signed_by = item, seen = item;
  hashed.set_sha256("aa");
  signed_by.set_signer("flatpak:flathub");
  *seen.mutable_first_seen_at() = ToProto(At("2026-03-01T12:00:00Z"));
  const Inventory before = MakeInventory({item});
  EXPECT_EQ(DiffInventory(before, MakeInventory({hashed})).installed_size(), 1);
  EXPECT_EQ(DiffInventory(before, MakeInventory({signed_by})).installed_size(), 1);
  EXPECT_EQ(DiffInventory(before, MakeInventory({seen})).installed_size(), 0);
}

TEST(ReplaceInventory, OnlyWhatWasReadAndFirstDaysStay) {
  const absl::Time day1 = At("2026-03-01T12:00:00Z"), day2 = day1 + absl::Hours(24),
                   day3 = day2 + absl::Hours(24);
  Inventory items, gone;
  EXPECT_TRUE(Replace(
      {kAllSources,
       {Of(v1::Origin::DPKG, "vim"), Of(v1::Origin::DPKG, "nano"), Of(v1::Origin::SNAP, "slack")},
       {},
       {}},
      day1, items, gone));
  items.begin()->second.set_app_id("editor");  // nano
  EXPECT_FALSE(Replace({kDpkgSource, {Of(v1::Origin::DPKG, "nano"), Of(v1::Origin::DPKG, "vim")}},
                       day2, items, gone));
  EXPECT_EQ(items.size(), 3u) << "the snap was not looked at";
  EXPECT_EQ(items.begin()->second.app_id(), "editor");
  EXPECT_TRUE(Replace({kDpkgSource, {Of(v1::Origin::DPKG, "nano", "2")}}, day2, items, gone));
  EXPECT_EQ(items.size(), 2u);
  EXPECT_EQ(FromProto(items.begin()->second.first_seen_at()), day1);
  // An upgrade takes a package away for a moment: it was there before.
  EXPECT_TRUE(Replace({kDpkgSource, {Of(v1::Origin::DPKG, "vim"), Of(v1::Origin::DPKG, "new")}},
                      day3, items, gone));
  EXPECT_EQ(FromProto(items.at(KeyOf(Of(v1::Origin::DPKG, "vim"))).first_seen_at()), day1);
  EXPECT_EQ(FromProto(items.at(KeyOf(Of(v1::Origin::DPKG, "new"))).first_seen_at()), day3);
  EXPECT_EQ(gone.size(), 1u);
}

class LabelTest : public ::testing::Test {
 protected:
  LabelTest() {
    PolicyParts parts;
    v1::App* app = parts.content.add_apps();
    app->set_id("chat");
    app->add_web_hosts("web.chat.example");
    v1::AppIdentity* package = app->add_identities();
    package->set_platform(v1::Platform::LINUX);
    package->set_origin(v1::Origin::FLATPAK);
    package->set_package_id("org.chat.Chat");
    v1::AppIdentity* file = app->add_identities();
    file->set_platform(v1::Platform::LINUX);
    file->set_file_hash("abab");
    v1::AppIdentity* path = app->add_identities();
    path->set_platform(v1::Platform::LINUX);
    path->add_paths("/opt/chat/chat");
    policy_ = PolicyIndex::Build(std::move(parts));
    v1::LearnedHashes::Item* known = learned_.add_items();
    known->set_sha256("cdcd");
    known->set_app_id("chat");
    known = learned_.add_items();
    known->set_sha256("efef");
    known->set_app_id("left the catalogue");
  }
  std::shared_ptr<const PolicyIndex> policy_;
  v1::LearnedHashes learned_;
};

TEST_F(LabelTest, ByWhatProvesIt) {
  struct Case {
    v1::Origin::Kind origin;
    const char *id, *sha256, *want;
  };
  const Case kCases[] = {
      {v1::Origin::FLATPAK, "org.chat.Chat", "", "chat"},
      {v1::Origin::SNAP, "org.chat.Chat", "", ""},
      {v1::Origin::APPIMAGE, "/home/a/editor", "abab", "chat"},
      {v1::Origin::UNPACKAGED, "/home/a/bin/x", "cdcd", "chat"},
      {v1::Origin::UNPACKAGED, "/home/a/bin/x", "efef", ""},
      {v1::Origin::UNPACKAGED, "/home/a/bin/x", "", ""},
      {v1::Origin::UNPACKAGED, "/opt/chat/chat", "", "chat"},
      {v1::Origin::DESKTOP_ENTRY, "/opt/chat/chat", "", ""},
      {v1::Origin::WEB_APP, "web.chat.example", "", "chat"},
      {v1::Origin::WEB_APP, "eu.web.chat.example", "", "chat"},
      {v1::Origin::WEB_APP, "myweb.chat.example", "", ""},
      {v1::Origin::WEB_APP, "chat.example", "", ""},
      {v1::Origin::WEB_APP, "web.chat.example.evil.example", "", ""},
  };
  for (const Case& c : kCases) {
    v1::InventoryItem item = MakeItem(c.origin, c.id, "1");
    item.set_path(c.id);
    item.set_sha256(c.sha256);
    EXPECT_EQ(AppOfItem(*policy_, learned_, item), c.want) << item.ShortDebugString();
  }
}

}  // namespace
}  // namespace muster::agent
