// Notices on a real session bus of another account. Needs root.
#include "agent/adapters/linux/desktop_notice.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/linux/notice_sender.h"
#include "common/agent_limits.h"
#include "common/clock.h"
#include "tests/integration/process.h"
#include "tests/integration/session_bus.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

// Accounts that every Debian has and nobody uses (games, man): a bus serves nobody without one.
constexpr uint32_t kAlice = 5, kBob = 6;
constexpr absl::Duration kSoon = absl::Seconds(20);  // of a loaded machine
constexpr char kHelper[] = MUSTER_BIN_DIR "/muster-notify";

const Notice& Hello() {
  static const Notice notice = {"Chat & Co was blocked", "Reason <b>NO_GRANT</b>. Ask \xc3\xa4."};
  return notice;
}

class DesktopNoticeTest : public ::testing::Test {
 protected:
  std::string RunDir() const { return desktops_.run_user_dir(); }
  std::string Socket(uint32_t uid) const { return desktops_.Socket(uid); }
  std::string Shown(uint32_t uid) const { return desktops_.Shown(uid); }

  // The helper by itself; its exit code and complaint.
  CommandResult Help(uint32_t uid, const std::string& text) {
    CommandOptions options;
    options.uid = uid;
    options.input = text;
    return RunCommand({kHelper, RunDir()}, options);
  }

  TestDesktops desktops_{MUSTER_BIN_DIR};
};

constexpr char kPlain[] =
    "app Muster\ntitle Chat & Co was blocked\nbody Reason <b>NO_GRANT</b>. Ask \xc3\xa4.\n";

TEST_F(DesktopNoticeTest, ArrivesWithTitleAndBody) {
  desktops_.StartDesktop(kAlice, false);
  NoticeSender sender({kHelper, RunDir()});
  sender.Send(kAlice, "", Hello());
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return Shown(kAlice) == kPlain; })) << Shown(kAlice);
  const Notice second = {"Second", "was sent by the same thread"};
  // The first helper may still be on its way out, and a person has one at a time.
  EXPECT_TRUE(WaitUntil(kSoon, [&] {
    sender.Send(kAlice, "", second);
    return absl::StrContains(Shown(kAlice), "title Second\n");
  })) << Shown(kAlice);
}

TEST_F(DesktopNoticeTest, NoNameMakesMarkup) {
  desktops_.StartDesktop(kAlice, true);
  const CommandResult shown = Help(kAlice, "Chat & Co\nReason <b>NO_GRANT</b> & \xc3\xa4");
  EXPECT_EQ(shown.exit_code, 0) << shown;
  EXPECT_EQ(Shown(kAlice),
            "app Muster\ntitle Chat & Co\nbody Reason &lt;b&gt;NO_GRANT&lt;/b&gt; &amp; "
            "\xc3\xa4\n");
}

TEST_F(DesktopNoticeTest, OnlyABusOfThePersonsOwn) {
  desktops_.StartDesktop(kAlice, false);
  desktops_.MakeHome(kBob);
  const auto complaint = [&](const std::string& why) {
    return absl::StrCat("muster-notify: ", Socket(kBob), ": ", why, "\n");
  };
  EXPECT_EQ(Help(kBob, "a\nb").err, complaint("No such file or directory"));
  // Alice's bus under Bob's name: the file is hers; then his, but who listens is she.
  ASSERT_EQ(chmod(absl::StrCat(RunDir(), "/", kAlice).c_str(), 0755), 0);
  ASSERT_EQ(chmod(Socket(kAlice).c_str(), 0777), 0);
  fs::create_hard_link(Socket(kAlice), Socket(kBob));
  EXPECT_EQ(Help(kBob, "a\nb").err, complaint("Operation not permitted"));
  ASSERT_EQ(chown(Socket(kBob).c_str(), kBob, kBob), 0);
  EXPECT_EQ(Help(kBob, "a\nb").err, complaint("Operation not permitted"));
  EXPECT_EQ(Help(kAlice, "a\nb").exit_code, 1) << "her file is his now";
  ASSERT_EQ(chown(Socket(kBob).c_str(), kAlice, kAlice), 0);
  // Links and files are no sockets.
  fs::remove(Socket(kBob));
  fs::create_symlink(Socket(kAlice), Socket(kBob));
  EXPECT_EQ(Help(kBob, "a\nb").err, complaint("Socket operation on non-socket"));
  EXPECT_EQ(Shown(kAlice), "");
  EXPECT_EQ(Help(kAlice, "a\nb").exit_code, 0) << "the bus itself is well";
}

TEST_F(DesktopNoticeTest, TheHelperRefusesRootAndNonsense) {
  EXPECT_EQ(Help(0, "a\nb").exit_code, 2);
  EXPECT_EQ(Help(kAlice, "").exit_code, 1);
  EXPECT_EQ(Help(kAlice, "no second line").exit_code, 1);
  CommandOptions options;
  options.uid = kAlice;
  EXPECT_EQ(RunCommand({kHelper}, options).exit_code, 2);
}

// What the helper finds itself to be, from inside: a script in its place writes it down.
TEST_F(DesktopNoticeTest, TheHelperHasNoRightsAndNothingOpen) {
  desktops_.MakeHome(kAlice);
  const std::string out = absl::StrCat(RunDir(), "/", kAlice, "/out");
  const std::string script = RunDir() + "/script";
  ASSERT_TRUE(WriteWhole(
      script,
      absl::StrCat(
          "#!/bin/sh\nexec >", out,
          "\nprintf 'args %s\\n' \"$*\"\ncat\necho\n"
          "grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|NoNewPrivs|SigBlk):' /proc/self/status\n"
          "env | grep -v -E '^(PWD|_|SHLVL|OLDPWD)='\ncat /proc/$$/oom_score_adj\n"
          "ls -m /proc/self/fd\necho end\n"),
      0755));
  // What must not be handed on: groups, an exemption from the OOM killer, files.
  const gid_t group = 4;
  ASSERT_EQ(setgroups(1, &group), 0);
  std::ofstream("/proc/self/oom_score_adj") << "100";
  const Fd inherited(open("/dev/null", O_RDONLY));  // not close-on-exec, as a library might
  DesktopNotices notices({script, RunDir()});
  ASSERT_TRUE(notices.Show(kAlice, Hello(), absl::UnixEpoch()).ok());
  ASSERT_EQ(setgroups(0, nullptr), 0);
  std::ofstream("/proc/self/oom_score_adj") << "0";
  ASSERT_TRUE(WaitUntil(kSoon, [&] { return absl::EndsWith(ReadWhole(out), "end\n"); }))
      << ReadWhole(out);
  EXPECT_EQ(ReadWhole(out),
            absl::StrCat("args ", RunDir(), "\n", Hello().title, "\n", Hello().body,
                         "\nUid:\t5\t5\t5\t5\nGid:\t65534\t65534\t65534\t65534\n"
                         "Groups:\t \nSigBlk:\t0000000000000000\nCapPrm:\t0000000000000000\n"
                         "CapEff:\t0000000000000000\nNoNewPrivs:\t1\n0\n0, 1, 2, 3\nend\n"));
}

class SlowHelperTest : public DesktopNoticeTest {
 protected:
  void SetUp() override {
    script_ = RunDir() + "/slow";
    ASSERT_TRUE(WriteWhole(script_, "#!/bin/sh\ntrap '' ALRM TERM\nexec sleep 600\n", 0755));
  }
  static absl::Time At(absl::Duration d) { return absl::UnixEpoch() + d; }
  static bool Gone(DesktopNotices& notices, absl::Time now) {
    return WaitUntil(kSoon, [&] {
      EXPECT_EQ(notices.Reap(now), std::vector<std::string>());
      return notices.fds().empty();
    });
  }
  std::string script_;
};

TEST_F(SlowHelperTest, NeverMoreThanFourAndOnePerPersonAndEachHasItsLimit) {
  DesktopNotices notices({script_, RunDir()});
  const size_t max = limits::kMaxNoticeHelpers;
  for (uint32_t n = 0; n < max; ++n) {
    EXPECT_TRUE(notices.Show(kAlice + n, Hello(), At(absl::ZeroDuration())).ok());
    const absl::Status again = notices.Show(kAlice + n, Hello(), At(absl::ZeroDuration()));
    EXPECT_EQ(again.code(), absl::StatusCode::kResourceExhausted) << again;
  }
  EXPECT_EQ(notices.Show(kAlice + 100, Hello(), At(absl::ZeroDuration())).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(notices.deadline(), At(limits::kNoticeHelperTime));
  notices.Reap(At(limits::kNoticeHelperTime - absl::Nanoseconds(1)));
  EXPECT_EQ(notices.fds().size(), max);
  EXPECT_TRUE(Gone(notices, At(limits::kNoticeHelperTime)));
  EXPECT_EQ(notices.deadline(), absl::InfiniteFuture());
  EXPECT_TRUE(notices.Show(kAlice + 100, Hello(), At(absl::ZeroDuration())).ok());
}

TEST_F(SlowHelperTest, NobodyAndRootHaveNoDesktop) {
  DesktopNotices notices({script_, RunDir()});
  for (const uint32_t uid : {0u, 65534u, 0xffffffffu}) {
    EXPECT_EQ(notices.Show(uid, Hello(), absl::UnixEpoch()).code(),
              absl::StatusCode::kFailedPrecondition);
  }
  DesktopNotices without({"", RunDir()});
  EXPECT_EQ(without.Show(kAlice, Hello(), absl::UnixEpoch()).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(SlowHelperTest, AHelperThatCannotStartIsSaidOnce) {
  DesktopNotices notices({RunDir() + "/none", RunDir()});
  std::vector<std::string> said;
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(notices.Show(kAlice, Hello(), absl::UnixEpoch()).ok());
    ASSERT_TRUE(WaitUntil(kSoon, [&] {
      for (std::string& text : notices.Reap(absl::UnixEpoch())) said.push_back(std::move(text));
      return notices.fds().empty();
    }));
  }
  ASSERT_EQ(said.size(), 1u);
  EXPECT_TRUE(absl::StrContains(said[0], RunDir() + "/none cannot be started as another user"));
}

// A bus that takes the connection and never says a word: nobody else waits for it, and its
// helper is gone soon. Another person's notice arrives meanwhile.
TEST_F(DesktopNoticeTest, ABusThatHangsCostsItsLimitAndNobodyElseAnything) {
  desktops_.StartDesktop(kAlice, false);
  desktops_.StartHangingBus(kBob);
  DesktopNotices notices({kHelper, RunDir()});
  const absl::Time start = SystemClock().Now();
  ASSERT_TRUE(notices.Show(kBob, Hello(), start).ok());
  ASSERT_TRUE(notices.Show(kAlice, Hello(), start).ok());
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return Shown(kAlice) == kPlain; }));
  ASSERT_TRUE(WaitUntil(kSoon, [&] {
    notices.Reap(SystemClock().Now());
    return notices.fds().size() <= 1;
  }));
  const absl::Duration alice = SystemClock().Now() - start;
  ASSERT_TRUE(WaitUntil(kSoon, [&] {
    notices.Reap(SystemClock().Now());
    return notices.fds().empty();
  }));
  const absl::Duration bob = SystemClock().Now() - start;
  RecordProperty("alice_ms", static_cast<int>(absl::ToInt64Milliseconds(alice)));
  RecordProperty("bob_ms", static_cast<int>(absl::ToInt64Milliseconds(bob)));
  EXPECT_LT(alice, bob);
  EXPECT_GE(bob, absl::Milliseconds(1500)) << "the bus did not hang";
}

TEST_F(DesktopNoticeTest, EndingTheAgentDoesNotWaitForADesktop) {
  desktops_.StartHangingBus(kBob);
  const absl::Time start = SystemClock().Now();
  {
    NoticeSender sender({kHelper, RunDir()});
    for (int n = 0; n < 100; ++n) sender.Send(kBob, "/dev/pts/none", Hello());
  }
  EXPECT_LT(SystemClock().Now() - start, limits::kNoticeHelperTime);
}

}  // namespace
}  // namespace muster::agent
