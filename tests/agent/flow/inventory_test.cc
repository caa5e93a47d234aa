// The inventory over time: first days, hashes, the daily look, and what an installation of
// something else leaves alone.
#include <gtest/gtest.h>

#include "common/agent_limits.h"
#include "muster/v1/device.pb.h"
#include "tests/agent/flow/agent_fixture.h"

namespace muster::agent {
namespace {

constexpr char kImage[] = "/home/alice/Chat.AppImage";

class InventoryTest : public AgentTest {
 protected:
  void AddImage(const FileStamp& stamp, const char* sha256) {
    v1::InventoryItem image = MakeItem(v1::Origin::APPIMAGE, kImage, "");
    image.set_path(kImage);
    image.set_account_name("alice");
    std::erase_if(machine_.inventory,
                  [](const auto& i) { return i.origin() == v1::Origin::APPIMAGE; });
    machine_.inventory.push_back(image);
    machine_.item_stamps[kImage] = stamp;
    machine_.hashes[kImage] = {stamp, sha256, "m"};
  }
  FileStamp Changed(absl::Time at, uint64_t ino = 77) {
    return {{1, ino}, 5, 1, absl::ToUnixNanos(at)};
  }
  // The hash that the last report of the AppImage gave; "-" when none was sent.
  std::string Reported(std::string* app = nullptr) {
    std::string out = "-";
    for (const v1::Report& r : TakeReports()) {
      for (const v1::InventoryItem& i : r.inventory().installed()) {
        if (i.package_id() != kImage) continue;
        out = i.sha256();
        if (app != nullptr) *app = i.app_id();
      }
    }
    return out;
  }
  absl::Time FirstSeen(const std::string& id) {
    v1::DeviceInventory stored;
    EXPECT_TRUE(stored.ParseFromString(store_.files().at(kInventoryFile)));
    for (const v1::InventoryItem& i : stored.items()) {
      if (i.package_id() == id) return FromProto(i.first_seen_at());
    }
    return absl::InfinitePast();
  }
};

TEST_F(InventoryTest, AFirstDayOutlivesARestart) {
  const absl::Time start = clock_.Now();
  agent_->Tick();
  EXPECT_EQ(FirstSeen("vim"), start);
  clock_.Advance(absl::Hours(1));
  machine_.inventory.push_back(Item("htop", "3"));
  Restart();
  agent_->Tick();
  EXPECT_EQ(FirstSeen("vim"), start);
  EXPECT_EQ(FirstSeen("htop"), start + absl::Hours(1));
}

TEST_F(InventoryTest, ADamagedMemoryCostsTheFirstDaysOnly) {
  ASSERT_TRUE(store_.Write(kInventoryFile, "\xFF damaged").ok());
  Restart();
  TakeReports();
  agent_->Tick();
  EXPECT_EQ(FirstSeen("vim"), clock_.Now());
}

TEST_F(InventoryTest, SavingWaitsWhileMuchChanges) {
  agent_->Tick();
  const std::string before = store_.files().at(kInventoryFile);
  machine_.inventory.push_back(Item("htop", "3"));
  agent_->OnInventoryChanged(kDpkgSource);
  agent_->Tick();
  EXPECT_EQ(store_.files().at(kInventoryFile), before);
  clock_.Advance(limits::kInventorySaveInterval);
  agent_->Tick();
  EXPECT_NE(store_.files().at(kInventoryFile), before);
}

TEST_F(InventoryTest, HashesFollowTheFirstReportAndComeOncePerContents) {
  TakeReports();
  AddImage(Changed(clock_.Now() - absl::Hours(1)), "h1");
  agent_->OnInventoryChanged(kFilesSource);
  EXPECT_EQ(Reported(), "") << "the report does not wait for the hash";
  agent_->Tick();
  EXPECT_EQ(Reported(), "h1");
  machine_.hashes.clear();  // nothing may be read again
  agent_->OnInventoryChanged(kFilesSource);
  agent_->Tick();
  EXPECT_EQ(Reported(), "-");
  clock_.Advance(absl::Minutes(2));
  agent_->Tick();
  Restart();
  EXPECT_EQ(Reported(), "h1") << "known from the earlier run";
  // Other contents, while the agent was away.
  AddImage(Changed(clock_.Now() + absl::Minutes(1), 78), "h2");
  clock_.Advance(absl::Minutes(2));
  Restart();
  EXPECT_EQ(Reported(), "");
  agent_->Tick();
  EXPECT_EQ(Reported(), "h2");
}

TEST_F(InventoryTest, AFileThatCannotBeReadIsTriedOnce) {
  AddImage(Changed(clock_.Now()), "h1");
  machine_.hashes.clear();
  agent_->OnInventoryChanged(kFilesSource);
  agent_->Tick();
  AddImage(Changed(clock_.Now()), "h1");
  agent_->Tick();
  EXPECT_EQ(Reported(), "") << "the same file";
  AddImage(Changed(clock_.Now() + absl::Seconds(1)), "h1");
  agent_->OnInventoryChanged(kFilesSource);
  agent_->Tick();
  EXPECT_EQ(Reported(), "h1");
}

TEST_F(InventoryTest, AHashNamesTheApp) {
  TestCohort policy = tenant_.Cohort();
  v1::AppIdentity* file = policy.content.mutable_apps(0)->add_identities();
  file->set_platform(v1::Platform::LINUX);
  file->set_file_hash("abab");
  Send({tenant_.Sign(tenant_.Assignment(1, false)), tenant_.Sign(policy)});
  AddImage(Changed(clock_.Now()), "abab");
  agent_->OnInventoryChanged(kFilesSource);
  agent_->Tick();
  std::string app;
  EXPECT_EQ(Reported(&app), "abab");
  EXPECT_EQ(app, "chat");
  EXPECT_EQ(Status().catalogued_installed_size(), 2);
}

TEST_F(InventoryTest, OnceADayEverythingIsReadAndReported) {
  TakeReports();
  machine_.sources_read.clear();
  clock_.Advance(limits::kFullInventoryInterval - absl::Seconds(1));
  EXPECT_LE(agent_->Tick(), clock_.Now() + absl::Seconds(1));
  EXPECT_TRUE(machine_.sources_read.empty());
  clock_.Advance(absl::Seconds(1));
  agent_->Tick();
  EXPECT_EQ(machine_.sources_read, (std::vector<unsigned>{kAllSources}));
  const std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_TRUE(reports[0].inventory().full());
  EXPECT_EQ(reports[0].inventory().installed_size(), 2);
  agent_->Tick();
  EXPECT_TRUE(TakeReports().empty());
}

TEST_F(InventoryTest, WhatIsInForceStaysWhenSomethingElseIsInstalled) {
  SendPolicy(false);
  agent_->Work();
  const auto in_force = enforcer_.state.candidates;
  const int kills = enforcer_.kills;
  machine_.inventory.push_back(Item("htop", "3"));
  agent_->OnInventoryChanged(kDpkgSource);
  EXPECT_EQ(enforcer_.state.candidates, in_force);
  EXPECT_EQ(enforcer_.kills, kills);
  machine_.stamps["/usr/bin/chat"] = Stamp(11, 100);  // the app itself was installed anew
  agent_->OnInventoryChanged(kDpkgSource);
  EXPECT_NE(enforcer_.state.candidates, in_force);
  EXPECT_EQ(enforcer_.kills, kills + 1);
}

TEST_F(InventoryTest, NotesAreShown) {
  machine_.inventory_notes = {"inventory: flatpak's library could not read it"};
  agent_->OnInventoryChanged();
  ASSERT_EQ(Status().warnings_size(), 1);
  EXPECT_EQ(Status().warnings(0), machine_.inventory_notes[0]);
  machine_.inventory_notes.clear();
  agent_->OnInventoryChanged();
  EXPECT_EQ(Status().warnings_size(), 0);
}

}  // namespace
}  // namespace muster::agent
