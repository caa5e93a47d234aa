// An app that is open for exports only, on a real kernel: it runs inside its window, for its
// person, and nowhere else.
#include "agent/adapters/files/home_exports.h"
#include "agent/adapters/files/repository_folder.h"
#include "agent/flow/archivist.h"
#include "common/archive_limits.h"
#include "tests/agent/adapters/linux/fanotify_fixture.h"

namespace muster::agent {
namespace {

class ExportWindowTest : public FanotifyTest {
 protected:
  void SetUp() override {
    FanotifyTest::SetUp();
    exports_ = std::make_unique<HomeExports>(base_ + "/home", base_ + "/passwd", base_);
    StartWithArchivist();
    Send({tenant_.Sign(tenant_.Cohort()), tenant_.Sign(Assignment(true))});
  }
  void TearDown() override {
    FanotifyTest::TearDown();
    archiving_.reset();
  }
  void StartWithArchivist() {
    agent_.reset();
    enforcer_.reset();
    Archivist::Parts parts;
    parts.device_id = kTestDevice;
    parts.tenant = kTestTenant;
    parts.store = &store_;
    parts.clock = &clock_;
    parts.folders = exports_.get();
    parts.repository = &repository_;
    parts.random_salt = RandomSalt;
    parts.wake = [] {};
    archiving_ = std::make_unique<Archivist>(std::move(parts));
    archivist_ = archiving_.get();
    StartAgent();
  }
  v1::DeviceAssignment Assignment(bool overdue) {
    v1::DeviceAssignment out = tenant_.Assignment(++version_, true);
    out.mutable_entitlements(0)->set_suspended_archive_overdue(overdue);
    return out;
  }
  v1::ControlReply Open(uint32_t uid) {
    v1::ControlRequest request;
    request.mutable_archive_open()->set_app_id("chat");
    return Ask(request, uid);
  }

  std::unique_ptr<HomeExports> exports_;
  RepositoryFolder repository_;
  std::unique_ptr<Archivist> archiving_;
};

TEST_F(ExportWindowTest, TheAppRunsInsideItsWindowAndNotAfter) {
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm);
  EXPECT_EQ(Open(kBob).exit_code(), 3u);
  EXPECT_EQ(Open(0).exit_code(), 5u);
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm);

  const v1::ControlReply opened = Open(kAlice);
  ASSERT_EQ(opened.error(), "");
  EXPECT_EQ(FromProto(opened.window().until()), clock_.Now() + limits::kExportWindow);
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
  EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
  EXPECT_EQ(RunForged(kBob, kAlice, app_), 126);
  const pid_t running = Sleeper(kAlice);

  clock_.Advance(limits::kExportWindow - absl::Seconds(1));
  EXPECT_LE(agent_->Tick(), clock_.Now() + absl::Seconds(1));
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
  EXPECT_EQ(kill(running, 0), 0);

  // The end: what runs is ended, and nothing starts.
  clock_.Advance(absl::Seconds(1));
  agent_->Tick();
  int status = 0;
  EXPECT_EQ(waitpid(running, &status, 0), running);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm);
}

TEST_F(ExportWindowTest, ARestartKeepsTheWindowAndItsEnd) {
  const absl::Time until = clock_.Now() + limits::kExportWindow;
  ASSERT_EQ(Open(kAlice).error(), "");
  clock_.Advance(absl::Minutes(10));
  // accepted.pb of the fixture is the one of an enrolment: the policy comes again.
  StartWithArchivist();
  Send({tenant_.Sign(tenant_.Cohort()), tenant_.Sign(Assignment(true))});
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
  EXPECT_EQ(FromProto(Open(kAlice).window().until()), until);
  clock_.Set(until);
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm) << "also before the worker has noticed";
}

TEST_F(ExportWindowTest, AStrongerWordClosesIt) {
  ASSERT_EQ(Open(kAlice).error(), "");
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
  Send({tenant_.Sign(tenant_.Deny(1, {"chat"}))});
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm);
  EXPECT_EQ(Open(kAlice).exit_code(), 3u);
}

TEST_F(ExportWindowTest, WhatIsBlockedOrAllowedNeedsNoWindow) {
  Send({tenant_.Sign(Assignment(false))});
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
  EXPECT_EQ(Open(kAlice).exit_code(), 3u);
  Send({tenant_.Sign(tenant_.Assignment(++version_, false))});
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm);
  EXPECT_EQ(Open(kAlice).exit_code(), 3u);
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm);
}

}  // namespace
}  // namespace muster::agent
