// What goes into reports: inventory and executions.
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "agent/domain/exec_record.h"
#include "agent/domain/inventory.h"
#include "common/limits.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

v1::InventoryItem Item(const char* id, const char* version, const char* app = "") {
  v1::InventoryItem item;
  item.set_origin(v1::Origin::DPKG);
  item.set_package_id(id);
  item.set_version(version);
  item.set_app_id(app);
  return item;
}

TEST(Inventory, DiffSaysExactlyWhatChanged) {
  const Inventory before = MakeInventory({Item("a", "1"), Item("b", "1"), Item("c", "1")});
  const Inventory now = MakeInventory({Item("a", "1"), Item("b", "2"), Item("d", "1", "chat")});
  v1::InventoryReport want;
  *want.add_installed() = Item("b", "2");
  *want.add_installed() = Item("d", "1", "chat");
  *want.add_removed() = Item("c", "1");
  EXPECT_EQ(DiffInventory(before, now).DebugString(), want.DebugString());
  EXPECT_EQ(DiffInventory(now, now).DebugString(), "");
  const Inventory relabelled =
      MakeInventory({Item("a", "1", "chat"), Item("b", "2"), Item("d", "1", "chat")});
  want.Clear();
  *want.add_installed() = Item("a", "1", "chat");
  EXPECT_EQ(DiffInventory(now, relabelled).DebugString(), want.DebugString());
}

TEST(Inventory, TheSameIdOfTwoOriginsIsTwoItems) {
  v1::InventoryItem snap = Item("slack", "4");
  snap.set_origin(v1::Origin::SNAP);
  const v1::InventoryReport full = FullInventory(MakeInventory({Item("slack", "1"), snap}));
  EXPECT_TRUE(full.full());
  EXPECT_EQ(full.installed_size(), 2);
}

ExecRecord Record(const char* app, std::optional<uint32_t> uid, bool denied,
                  const char* path = "/bin/x") {
  ExecRecord r;
  r.app_id = app;
  r.uid = uid;
  r.verdict = denied ? v1::Verdict::BLOCK : v1::Verdict::ALLOW;
  r.reason = denied ? "NO_GRANT" : "GRANT G";
  r.path = path;
  r.denied = denied;
  r.at = At("2026-03-01T12:00:00Z");
  return r;
}

TEST(AggregateExecs, OneLinePerWhoWhatWhere) {
  const v1::ExecReport got =
      AggregateExecs({Record("chat", 1, true), Record("chat", 1, true), Record("chat", 2, true),
                      Record("chat", 1, false), Record("chat", 1, true, "/bin/y")},
                     3, {{1, "alice"}});
  ASSERT_EQ(got.items_size(), 4);
  EXPECT_EQ(got.dropped(), 3u);
  EXPECT_EQ(got.items(0).DebugString(),
            "app_id: \"chat\"\naccount_name: \"alice\"\nuid: 1\nverdict: \"BLOCK\"\n"
            "reason: \"NO_GRANT\"\npath: \"/bin/x\"\ncount: 2\nfirst_at {\n  seconds: "
            "1772366400\n}\ndenied: true\n");
  EXPECT_EQ(got.items(1).account_name(), "");
  EXPECT_FALSE(got.items(2).denied());
  EXPECT_EQ(got.items(3).path(), "/bin/y");
}

TEST(AggregateExecs, AProcessThatWasGoneIsNotRoots) {
  const v1::ExecReport got = AggregateExecs(
      {Record("chat", std::nullopt, false), Record("chat", 0, false)}, 0, {{0, "root"}});
  ASSERT_EQ(got.items_size(), 2);
  EXPECT_FALSE(got.items(0).has_uid());
  EXPECT_EQ(got.items(0).account_name(), "");
  EXPECT_TRUE(got.items(1).has_uid());
  EXPECT_EQ(got.items(1).account_name(), "root");
}

TEST(AggregateExecs, WhatDoesNotFitIsCounted) {
  std::vector<ExecRecord> records;
  for (uint32_t i = 0; i < limits::kMaxExecItemsPerReport + 5; ++i) {
    records.push_back(Record("chat", i, true));
  }
  const v1::ExecReport got = AggregateExecs(records, 2, {});
  EXPECT_EQ(static_cast<size_t>(got.items_size()), limits::kMaxExecItemsPerReport);
  EXPECT_EQ(got.dropped(), 7u);
}

}  // namespace
}  // namespace muster::agent
