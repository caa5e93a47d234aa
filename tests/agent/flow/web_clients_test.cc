#include "agent/flow/web_clients.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"
#include "tests/agent/flow/agent_fixture.h"
#include "tests/agent/flow/fake_browsers.h"

namespace muster::agent {
namespace {

using Texts = std::vector<std::string>;
using Files = std::map<std::string, std::string>;

constexpr char kChromium[] = "/etc/chromium/policies/managed/zz-muster.json";
constexpr char kChrome[] = "/etc/opt/chrome/policies/managed/zz-muster.json";
constexpr char kEdge[] = "/etc/opt/edge/policies/managed/zz-muster.json";
constexpr char kFirefox[] = "/etc/firefox/policies/policies.json";
constexpr char kAgency[] = R"({"policies":{"DisableTelemetry":true}})";

class WebClientsTest : public ::testing::Test {
 protected:
  WebClientsTest() { Restart(); }
  void Restart() { web_ = std::make_unique<WebClients>(&files_, &store_, &clock_); }
  static WebDecision Block(Texts hosts) { return {std::move(hosts), {}}; }
  // What every file says when these hosts are blocked and nobody else says anything.
  static Files Ours(const Texts& hosts) {
    const std::string chromium = PlanChromium(hosts, {}).text;
    return {{kChromium, chromium},
            {kChrome, chromium},
            {kEdge, chromium},
            {kFirefox, PlanFirefox(hosts, std::nullopt, {}).text}};
  }
  Texts Tampering() const {
    Texts out;
    for (const v1::Tampering& t : web_->status().tampering) out.push_back(t.what());
    return out;
  }

  FakeClock clock_{At("2026-03-01T12:00:00Z")};
  MemoryStateStore store_;
  FakeBrowsers files_;
  std::unique_ptr<WebClients> web_;
};

TEST_F(WebClientsTest, WritesAllFourAndTakesThemAway) {
  web_->Want({});
  EXPECT_EQ(store_.files(), Files{}) << "nothing to block: nothing is touched";
  web_->Want(Block({"web.a.example"}));
  EXPECT_EQ(files_.Texts(), Ours({"web.a.example"}));
  EXPECT_EQ(web_->status().files, (Texts{kChromium, kChrome, kEdge, kFirefox}));
  const int writes = files_.writes;
  web_->Check();
  web_->Want(Block({"web.a.example"}));
  EXPECT_EQ(files_.writes, writes);
  web_->Want(Block({"web.a.example", "web.b.example"}));
  EXPECT_EQ(files_.Texts(), Ours({"web.a.example", "web.b.example"}));
  web_->Want({});
  EXPECT_EQ(files_.Texts(), Files{});
  EXPECT_EQ(web_->status().files, Texts{});
  EXPECT_EQ(web_->status().notes, Texts{});
  EXPECT_EQ(Tampering(), Texts{});
}

TEST_F(WebClientsTest, PutsBackWhatIsEditedAndSaysSo) {
  web_->Want(Block({"web.a.example"}));
  files_.Put(kChromium, "{}");
  files_.Drop(kEdge);
  files_.Put(kFirefox, kAgency);
  files_.MakeUnsound(kChrome);
  web_->Check();
  Files want = Ours({"web.a.example"});
  want[kFirefox] = PlanFirefox({"web.a.example"}, kAgency, {}).text;
  EXPECT_EQ(files_.Texts(), want);
  EXPECT_EQ(Tampering(), (Texts{absl::StrCat(kChromium, " was edited and has been put back"),
                                absl::StrCat(kChrome, " was edited and has been put back"),
                                absl::StrCat(kEdge, " was removed and has been put back"),
                                absl::StrCat(kFirefox, " was edited and has been put back")}));
  // One entry a minute for one file.
  for (int i = 0; i < 3; ++i) {
    files_.Put(kChromium, "{}");
    web_->Check();
  }
  EXPECT_EQ(Tampering().size(), 4u);
  for (size_t i = 0; i < 2 * limits::kMaxTampering; ++i) {
    clock_.Advance(absl::Minutes(1));
    files_.Put(kChromium, absl::StrCat(i));
    web_->Check();
  }
  EXPECT_EQ(Tampering().size(), limits::kMaxTampering);
}

TEST_F(WebClientsTest, KnowsOfAnEditWhileTheAgentWasDown) {
  web_->Want(Block({"web.a.example"}));
  files_.Put(kChromium, "{}");
  Restart();
  web_->Want(Block({"web.a.example", "web.b.example"}));
  EXPECT_EQ(files_.Texts(), Ours({"web.a.example", "web.b.example"}));
  EXPECT_EQ(Tampering(), Texts{absl::StrCat(kChromium, " was edited and has been put back")});
}

TEST_F(WebClientsTest, WhatTheAgencyEditsIsNoTampering) {
  files_.Put(kFirefox, kAgency);
  web_->Want(Block({"web.a.example"}));
  const std::string edited =
      absl::StrCat("\n", files_.Texts()[kFirefox]);  // another layout, the same entries
  files_.Put(kFirefox, edited);
  files_.Put("/etc/chromium/policies/managed/agency.json", R"({"URLBlocklist":["ads.example"]})");
  web_->Check();
  EXPECT_EQ(Tampering(), Texts{});
  EXPECT_EQ(files_.Texts()[kFirefox], edited);
  EXPECT_EQ(web_->status().files[0], absl::StrCat(kChromium, " (with the entries of agency.json)"));
  Restart();
  web_->Want({});
  EXPECT_EQ(files_.Texts(),
            (Files{{kFirefox, "{\n  \"policies\": {\n    \"DisableTelemetry\": true\n  }\n}\n"},
                   {"/etc/chromium/policies/managed/agency.json",
                    R"({"URLBlocklist":["ads.example"]})"}}));
  EXPECT_EQ(Tampering(), Texts{});
}

TEST_F(WebClientsTest, KeepsABrokenFileOfTheAgencyBesideItsOwn) {
  files_.Put(kFirefox, "{ oops");
  web_->Want({});
  EXPECT_EQ(files_.Texts(), (Files{{kFirefox, "{ oops"}}));
  web_->Want(Block({"web.a.example"}));
  Files want = Ours({"web.a.example"});
  want[absl::StrCat(kFirefox, ".before-muster")] = "{ oops";
  EXPECT_EQ(files_.Texts(), want);
}

TEST_F(WebClientsTest, SaysWhatItCannotWrite) {
  files_.broken_dir = "/etc/opt/edge/policies/managed";
  web_->Want(Block({"web.a.example"}));
  Files want = Ours({"web.a.example"});
  want.erase(kEdge);
  EXPECT_EQ(files_.Texts(), want);
  EXPECT_EQ(web_->status().files, (Texts{kChromium, kChrome, kFirefox}));
  EXPECT_EQ(web_->status().notes.at(0), "web clients in Edge: it is a link");
  files_.broken_dir.clear();
  clock_.Advance(absl::Minutes(1));
  web_->Want(Block({"web.a.example"}));
  EXPECT_EQ(files_.Texts(), Ours({"web.a.example"})) << "an event that was lost costs a minute";
}

TEST_F(WebClientsTest, NeverWritesOverWhatItCannotRead) {
  files_.unread = {"/etc/firefox/policies", kFirefoxPolicyFile};
  web_->Want(Block({"web.a.example"}));
  EXPECT_FALSE(files_.Texts().contains(kFirefox));
  EXPECT_EQ(web_->status().notes.at(0),
            "web clients in Firefox: /etc/firefox/policies/policies.json is too large or cannot be "
            "read");
}

TEST_F(WebClientsTest, SaysThatFirefoxReadsItsOwnFileNoMore) {
  files_.Put("/usr/lib/firefox/distribution/policies.json", kAgency);
  web_->Want(Block({"web.a.example"}));
  EXPECT_EQ(web_->status().notes.at(0),
            "Firefox: /usr/lib/firefox/distribution/policies.json is not read any more, because "
            "the one in /etc/firefox stands before it; move its policies there");
}

// Every step fails once, as a crash there would; the next start puts everything right, calls
// nothing tampering, and takes away all of its own and nothing else.
TEST_F(WebClientsTest, HealsAfterACrashAtAnyStep) {
  const WebDecision kSteps[] = {
      Block({"web.a.example"}), Block({"web.a.example", "web.b.example"}), {}};
  int crashes = 0;
  for (int stop_at = 0;; ++stop_at) {
    store_.SetFiles({});
    files_ = FakeBrowsers();
    files_.Put(kFirefox, kAgency);
    int steps = 0;
    bool stopped = false;
    auto go_on = [&] {
      stopped |= steps++ == stop_at;
      return !stopped;
    };
    store_.before_write = [&](const std::string&) { return go_on(); };
    files_.before_write = go_on;
    Restart();
    for (const WebDecision& step : kSteps) {
      web_->Want(step);
      if (!stopped) continue;
      stopped = false;
      Restart();
      ++crashes;
      web_->Want(step);
      Files want = Ours(step.blocked);
      want[kFirefox] = PlanFirefox(step.blocked, kAgency, {}).text;
      if (step.blocked.empty()) {
        want = {{kFirefox, "{\n  \"policies\": {\n    \"DisableTelemetry\": true\n  }\n}\n"}};
      }
      EXPECT_EQ(files_.Texts(), want) << "crash at step " << stop_at;
      EXPECT_EQ(Tampering(), Texts{}) << "crash at step " << stop_at;
    }
    EXPECT_EQ(files_.Texts(),
              (Files{{kFirefox, "{\n  \"policies\": {\n    \"DisableTelemetry\": true\n  }\n}\n"}}))
        << "crash at step " << stop_at;
    if (steps <= stop_at) break;
  }
  EXPECT_EQ(crashes, 18);
}

class AgentWebTest : public AgentTest {
 protected:
  void SetUp() override {
    machine_.accounts = {{"alice", 20001}};
    AgentTest::SetUp();
  }
  bool Blocked() { return files_.Texts().contains(kChromium); }
  void Send(bool granted, uint64_t version) {
    TestCohort cohort = tenant_.Cohort(version);
    cohort.content.mutable_apps(0)->add_web_hosts("web.chat.example");
    AgentTest::Send({tenant_.Sign(tenant_.Assignment(version, granted)), tenant_.Sign(cohort)});
  }
  FakeBrowsers files_;
  WebClients web_{&files_, &store_, &clock_};
  WebClients* web_clients() override { return &web_; }
};

TEST_F(AgentWebTest, FollowsPolicyGrantPersonsAndDisarm) {
  EXPECT_FALSE(Blocked());
  Send(false, 1);
  EXPECT_TRUE(Blocked());
  EXPECT_EQ(Status().browser_files_size(), 4);
  Send(true, 2);
  EXPECT_FALSE(Blocked()) << "the only person of the machine";
  machine_.accounts.push_back({"bob", 20002});
  agent_->OnAccountsChanged();
  EXPECT_TRUE(Blocked()) << "a second one";
  machine_.accounts.pop_back();
  agent_->OnAccountsChanged();
  EXPECT_FALSE(Blocked());
  clock_.Advance(absl::Hours(1));
  agent_->Tick();
  EXPECT_TRUE(Blocked()) << "the grant has ended";
  Disarm("a wrong block", absl::Minutes(30));
  agent_->Tick();  // Disarm wakes the main loop
  EXPECT_FALSE(Blocked());
  clock_.Advance(absl::Minutes(30));
  agent_->Tick();
  agent_->Tick();
  EXPECT_TRUE(Blocked());
  EXPECT_EQ(Status().tampering_size(), 0);
}

TEST_F(AgentWebTest, ReportsAnEdit) {
  Send(false, 1);
  TakeReports();
  files_.Put(kChromium, "{}");
  agent_->OnBrowserFilesChanged();
  EXPECT_TRUE(Blocked());
  const std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 1u);
  ASSERT_EQ(reports[0].status().tampering_size(), 1);
  EXPECT_EQ(reports[0].status().tampering(0).what(),
            absl::StrCat(kChromium, " was edited and has been put back"));
}

}  // namespace
}  // namespace muster::agent
