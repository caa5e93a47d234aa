// From a decision to what its person is told, over the agent itself.
#include "agent/flow/notifier.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/flow/agent_fixture.h"

namespace muster::agent {
namespace {

struct Sent {
  uint32_t uid = 0;
  std::string terminal;
  Notice notice;
  bool operator==(const Sent&) const = default;
};
std::ostream& operator<<(std::ostream& os, const Sent& s) {
  return os << s.uid << " [" << s.terminal << "] " << s.notice.title << " | " << s.notice.body;
}

class FakeChannel final : public NoticeChannel {
 public:
  void Send(uint32_t uid, const std::string& terminal, const Notice& notice) override {
    sent.push_back({uid, terminal, notice});
  }
  std::vector<Sent> sent;
};

class NotifierTest : public AgentTest {
 protected:
  void SetUp() override {
    notices_ = &channel_;
    AgentTest::SetUp();
  }
  static ExecRecord Stopped(uint32_t uid, const std::string& reason) {
    ExecRecord out;
    out.app_id = "chat";
    out.uid = uid;
    out.verdict = v1::Verdict::BLOCK;
    out.reason = reason;
    out.path = "/usr/bin/chat\x1b[2J";
    out.denied = true;
    out.terminal = "/dev/pts/3";
    return out;
  }
  std::vector<Sent> Flush(const std::vector<ExecRecord>& records) {
    enforcer_.records = records;
    agent_->FlushExecs();
    return std::exchange(channel_.sent, {});
  }

  FakeChannel channel_;
};

constexpr char kBob[] =
    "Reason NO_GRANT: you have no approval for it. Ask the service desk. Policy "
    "cohort/linux version 4. Why in full: muster-agent explain chat";

TEST_F(NotifierTest, ThePersonIsToldOnce) {
  SendPolicy(true, 4);
  const std::vector<Sent> want = {{20002, "/dev/pts/3", {"Chat was blocked", kBob}}};
  const ExecRecord bob = Stopped(20002, "NO_GRANT");
  EXPECT_EQ(Flush({bob, bob}), want);
  EXPECT_EQ(Flush({bob}), std::vector<Sent>());
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Flush({bob}), want);
}

TEST_F(NotifierTest, OnlyWhatWasStopped) {
  SendPolicy(true, 4);
  ExecRecord ran = Stopped(20002, "NO_GRANT");
  ran.denied = false;  // disarmed, or monitor mode
  ExecRecord nobody = Stopped(20002, "NO_GRANT");
  nobody.uid.reset();
  ExecRecord killed = Stopped(20001, "NO_GRANT");
  killed.denied = false;
  killed.killed = true;
  killed.terminal = "";
  const std::vector<Sent> got = Flush({ran, nobody, killed});
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].uid, 20001u);
  EXPECT_EQ(got[0].terminal, "");
  EXPECT_EQ(got[0].notice.title, "Chat was ended");
}

TEST_F(NotifierTest, NoOtherRowsWordsStandUnderAReason) {
  SendPolicy(true, 4);
  // Alice may; the process's login uid and real uid disagreed, so it was judged as nobody's.
  EXPECT_EQ(Flush({Stopped(20001, "NO_GRANT")}),
            (std::vector<Sent>{{20001, "/dev/pts/3", {"Chat was blocked", kBob}}}));
  // Decided by a policy that is gone.
  EXPECT_EQ(Flush({Stopped(20002, "TRM_PROHIBITED")}),
            (std::vector<Sent>{{20002,
                                "/dev/pts/3",
                                {"Chat was blocked",
                                 "Reason TRM_PROHIBITED: it is prohibited here. Ask the service "
                                 "desk what to do. Policy cohort/linux version 4. Why in full: "
                                 "muster-agent explain chat"}}}));
}

TEST_F(NotifierTest, AnEmergencyDenyNamesItsOwnVersion) {
  SendPolicy(true, 4);
  Send({tenant_.Sign(tenant_.Deny(9, {"chat"}))});
  const std::vector<Sent> got = Flush({Stopped(20001, "EMERGENCY_DENY")});
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].notice.body,
            "Reason EMERGENCY_DENY. The agency "
            "has stopped chat for everybody for now; no approval lifts that. Ask the service desk "
            "what to use instead. Policy emergency-deny version 9. Why in full: muster-agent "
            "explain chat");
}

TEST_F(NotifierTest, WithoutAPolicyTheIdIsTheName) {
  const std::vector<Sent> got = Flush({Stopped(20002, "NO_GRANT")});
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].notice,
            (Notice{"chat was blocked",
                    "Reason NO_GRANT: you have no approval for it. Ask the service desk what to "
                    "do. Why in full: muster-agent explain chat"}));
}

TEST(Notifier, WithoutAChannelNothingHappens) {
  ExecRecord record;
  record.uid = 1;
  record.denied = true;
  Notifier(nullptr).Notify({record}, nullptr, {}, absl::UnixEpoch());
}

}  // namespace
}  // namespace muster::agent
