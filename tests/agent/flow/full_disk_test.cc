// The spool's disk is full at any write, for any while: nothing that matters is lost unsaid.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "common/agent_limits.h"
#include "tests/agent/flow/agent_fixture.h"

namespace muster::agent {
namespace {

class FullDiskTest : public AgentTest {
 protected:
  // From the `from`-th write of a report on, `count` of them fail.
  void FillDisk(int from, int count) {
    store_.before_write = [this, from, count](const std::string& name) {
      const bool report =
          absl::StartsWith(name, kSpoolDir) || name == kChainFile || name == kDisarmFile;
      if (!report) return true;
      ++writes_;
      return writes_ < from || writes_ >= from + count;
    };
  }
  void Blocked(uint32_t times) {
    ExecRecord record;
    record.app_id = "chat";
    record.uid = 20002;
    record.verdict = v1::Verdict::BLOCK;
    record.denied = true;
    enforcer_.records.assign(times, record);
    agent_->FlushExecs();
  }
  // What a controller has heard after all.
  struct Heard {
    uint64_t decisions = 0, dropped = 0, reports_dropped = 0;
    std::string disarms, mode;
    int documents = 0;
    std::set<std::string> installed;
  };
  void Hear(Heard& heard) {
    for (const v1::Report& r : TakeReports()) {
      heard.reports_dropped += r.dropped_before();
      heard.dropped += r.exec().dropped();
      for (const v1::ExecReport::Item& item : r.exec().items()) heard.decisions += item.count();
      if (r.has_disarm()) heard.disarms += r.disarm().rearmed() ? "armed " : "disarmed ";
      if (r.has_status()) heard.mode = v1::StatusReport::Mode_Name(r.status().mode());
      if (r.has_policy()) heard.documents = r.policy().documents_size();
      if (r.inventory().full()) heard.installed.clear();
      for (const v1::InventoryItem& item : r.inventory().installed()) {
        heard.installed.insert(absl::StrCat(item.package_id(), "=", item.app_id()));
        if (!item.app_id().empty()) heard.installed.erase(absl::StrCat(item.package_id(), "="));
      }
    }
  }

  int writes_ = 0;
};

TEST_F(FullDiskTest, AtEveryWrite) {
  for (const int count : {1, 2, 5, 1000}) {
    for (int from = 1; from <= 24; ++from) {
      SCOPED_TRACE(absl::StrCat("write ", from, " and ", count - 1, " more"));
      store_.SetFiles({{kAcceptedFile, tenant_.Enrolled().SerializeAsString()}});
      writes_ = 0;
      FillDisk(from, count);
      Restart();
      SendPolicy(true);
      agent_->ProveIfDue();
      Blocked(3);
      Disarm("payroll is blocked", absl::Hours(1));
      agent_->Tick();
      Blocked(4);
      Disarm("works again", absl::Hours(1), 0, true);
      agent_->Tick();
      Blocked(5);
      store_.before_write = nullptr;
      clock_.Advance(absl::Minutes(1));
      Heard heard;
      Blocked(6);
      agent_->Tick();
      Hear(heard);
      EXPECT_EQ(heard.decisions + heard.dropped, 18u);
      EXPECT_EQ(heard.reports_dropped > 0, heard.dropped > 0);
      EXPECT_EQ(heard.disarms, "disarmed armed ");
      EXPECT_EQ(heard.mode, "ENFORCING");
      EXPECT_EQ(heard.documents, 3);
      EXPECT_EQ(heard.installed, std::set<std::string>({"chatapp=chat", "vim="}));
      clock_.Advance(-absl::Minutes(1));
    }
  }
}

// A text of other bytes loses those, not the event.
TEST_F(FullDiskTest, AnEventThatNobodyCouldReadIsMended) {
  TakeReports();
  Disarm("caf\xE9 is blocked", absl::Hours(1));
  Disarm("payroll is blocked", absl::Hours(1));
  agent_->Tick();
  std::string reasons;
  uint64_t lost = 0;
  for (const v1::Report& r : TakeReports()) {
    if (r.has_disarm()) reasons += r.disarm().reason() + "; ";
    lost += r.dropped_before();
  }
  EXPECT_EQ(reasons, "caf\uFFFD is blocked; payroll is blocked; ");
  EXPECT_EQ(lost, 0u);
}

TEST_F(FullDiskTest, MoreEventsThanAreKeptAreCounted) {
  TakeReports();
  FillDisk(1, 1000);
  for (size_t i = 0; i < limits::kMaxUnsavedReports + 3; ++i) {
    Disarm(absl::StrCat("reason ", i), absl::Hours(1));
  }
  store_.before_write = nullptr;
  agent_->Tick();
  const std::vector<v1::Report> reports = TakeReports();
  ASSERT_GE(reports.size(), limits::kMaxUnsavedReports);
  EXPECT_EQ(reports[0].dropped_before(), 3u);
  EXPECT_EQ(reports[0].disarm().reason(), "reason 3");
  EXPECT_EQ(reports[limits::kMaxUnsavedReports - 1].disarm().reason(), "reason 18");
  Restart();
  for (const v1::Report& r : TakeReports()) EXPECT_FALSE(r.has_disarm()) << "told once";
}

}  // namespace
}  // namespace muster::agent
