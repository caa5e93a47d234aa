// kill -9 of either program at any moment loses no committed decision, and the block holds.
// Real programs, real fanotify on a tmpfs; needs root.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less

class ResilienceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies(laptop_.chat());
    laptop_.Join(tenant_, kAlice);
  }

  Started Alice() { return TryRun({laptop_.chat()}, accounts_.uid(0)); }
  Started Bob() { return TryRun({laptop_.chat()}, accounts_.uid(1)); }
  bool AliceBecomes(Started wanted) {
    return WaitUntil(kSoon, [&] { return Alice() == wanted; });
  }
  bool BobBecomes(Started wanted) {
    return WaitUntil(kSoon, [&] { return Bob() == wanted; });
  }

  Json Device() { return tenant_.Get(kAdmin, {"device", "show", laptop_.device()}); }
  // How many starts of the chat program the controller knows of, by account and outcome.
  int Starts(const std::string& account, bool denied) {
    int count = 0;
    const Json device = Device();
    for (const Json& record : device["recent_execs"]) {
      const Json& item = record["item"];
      if (item.value("path", "") == laptop_.chat() && item.value("account_name", "") == account &&
          item.value("denied", false) == denied) {
        count += item.value("count", 0);
      }
    }
    return count;
  }
  std::vector<std::string> Verbs(const std::string& object) {
    std::vector<std::string> out;
    for (const Json& entry : tenant_.Items({"audit", "list", "--no-reads", "--object", object})) {
      out.push_back(entry.value("verb", ""));
    }
    return out;
  }
  // Dense from 0: no entry was lost, none is there twice.
  void ExpectWholeAuditLog() {
    uint64_t next = 0;
    for (const Json& entry : tenant_.Items({"audit", "list"})) {
      ASSERT_EQ(entry.value("sequence", uint64_t{0}), next++) << entry;
    }
  }

  TestAccounts accounts_{2};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
};

TEST_F(ResilienceTest, TheBlockHoldsWithoutAController) {
  const std::string grant = tenant_.Grant(kAlice);
  ASSERT_TRUE(AliceBecomes(Started::kRan));
  tenant_.KillController();
  ASSERT_TRUE(laptop_.WaitForConnection(false));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Alice(), Started::kRan);
    EXPECT_EQ(Bob(), Started::kBlocked);
  }
  EXPECT_EQ(laptop_.agent().Explain("it-chat", accounts_.name(0)), "ALLOW GRANT " + grant);
  EXPECT_NE(laptop_.agent().Status().value("last_link_error", ""), "");

  tenant_.StartController();
  ASSERT_TRUE(laptop_.WaitForConnection(true));
  EXPECT_EQ(Alice(), Started::kRan);
  EXPECT_EQ(Bob(), Started::kBlocked);
  const Json devices = tenant_.Items({"device", "list"});
  ASSERT_EQ(devices.size(), 1u) << "it resumes without a new enrolment";
  EXPECT_EQ(devices[0].value("device_id", ""), laptop_.device());
  tenant_.Grant(kBob);
  EXPECT_TRUE(BobBecomes(Started::kRan));
  tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
  EXPECT_TRUE(AliceBecomes(Started::kBlocked));
  ExpectWholeAuditLog();
}

TEST_F(ResilienceTest, AnApprovalIsNeverLost) {
  // At once, and after each of the states that follow by themselves.
  const std::vector<std::string> moments = {"", "PROVISIONING", "VERIFYING", "ACTIVE", ""};
  int person = 0;
  for (const std::string& moment : moments) {
    // Alice has a device to verify on; the crew has none.
    const std::string upn = person == 0 ? std::string(kAlice) : CrewUpn(person);
    ++person;
    SCOPED_TRACE(absl::StrCat("killed after ", moment.empty() ? "approve returned" : moment));
    const std::string id = tenant_.Submit(upn);
    const Json said =
        tenant_.Get(kApprover, {"request", "approve", id, "--reason", "The need is documented"});
    EXPECT_EQ(said.value("state", ""), "PROVISIONING");
    if (!moment.empty()) {
      // States may pass unseen; later ones count.
      static const std::vector<std::string> kOrder = {"PROVISIONING", "VERIFYING", "ACTIVE"};
      const auto wanted = std::find(kOrder.begin(), kOrder.end(), moment);
      EXPECT_TRUE(WaitUntil(kSoon, [&] {
        return std::find(kOrder.begin(), kOrder.end(), tenant_.RequestState(id)) >= wanted;
      }));
    }
    tenant_.KillController();
    tenant_.StartController();
    EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.RequestState(id) == "ACTIVE"; }));
    EXPECT_EQ(Verbs("request/" + id),
              (std::vector<std::string>{"request.submit", "request.approve", "request.member-seen",
                                        "request.active"}));
    const Json grants = tenant_.Items({"grant", "list", "--person", upn});
    ASSERT_EQ(grants.size(), 1u);
    EXPECT_EQ(grants[0].value("state", ""), "ACTIVE");
  }
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  const auto members = tenant_.directory().Members(kChatGroup);
  ASSERT_TRUE(members.ok()) << members.status();
  EXPECT_EQ(members->size(), moments.size());
  ExpectWholeAuditLog();
}

TEST_F(ResilienceTest, ARevocationIsNeverLost) {
  for (int round = 0; round < 3; ++round) {
    const std::string grant = tenant_.Grant(kAlice);
    ASSERT_TRUE(AliceBecomes(Started::kRan));
    tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
    if (round == 1) {
      ASSERT_TRUE(AliceBecomes(Started::kBlocked));
    }
    tenant_.KillController();
    tenant_.StartController();
    EXPECT_TRUE(AliceBecomes(Started::kBlocked));
    EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.GrantState(grant) == "REVOKED"; }));
    EXPECT_EQ(*tenant_.directory().Members(kChatGroup), std::set<std::string>{});
  }
  ExpectWholeAuditLog();
}

TEST_F(ResilienceTest, KilledWhileADecisionIsOnItsWay) {
  for (int n = 1; n <= 6; ++n) {
    const std::string id = tenant_.Submit(CrewUpn(n));
    auto approve =
        Program::Start({ProgramPath("musterctl"), "--profile", tenant_.Profile(kApprover),
                        "request", "approve", id, "--reason", "The need is documented"},
                       tenant_.folder() + "/approve.log");
    ASSERT_TRUE(approve.ok()) << approve.status();
    // Musterctl takes some tens of milliseconds to connect: a little later every time.
    const absl::Time until = absl::Now() + absl::Milliseconds(12 * n);
    WaitUntil(kSoon, [&] { return absl::Now() >= until; });
    tenant_.KillController();
    ASSERT_TRUE(WaitUntil(kSoon, [&] { return !(*approve)->Running(); }));
    const int code = (*approve)->Stop();
    tenant_.StartController();
    const std::string state = tenant_.RequestState(id);
    SCOPED_TRACE(absl::StrCat("approve gave ", code, ", the request is ", state));
    if (code == 0) {
      EXPECT_NE(state, "AWAITING_APPROVAL");
    } else {
      EXPECT_EQ(code, 6);
    }
    // Nothing in between: either it was decided and goes on by itself, or it was not.
    if (state == "AWAITING_APPROVAL") {
      EXPECT_EQ(Verbs("request/" + id), std::vector<std::string>{"request.submit"});
      tenant_.Get(kApprover, {"request", "approve", id, "--reason", "Once more"});
    }
    EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.RequestState(id) == "ACTIVE"; }));
  }
  ExpectWholeAuditLog();
}

TEST_F(ResilienceTest, AKilledAgentEnforcesFromItsSavedPolicy) {
  tenant_.Grant(kAlice);
  ASSERT_TRUE(AliceBecomes(Started::kRan));
  tenant_.KillController();
  laptop_.agent().Kill();
  laptop_.StartAgent();  // returns when it answers; nobody could have told it anything
  EXPECT_EQ(Bob(), Started::kBlocked);
  EXPECT_EQ(Alice(), Started::kRan);
  EXPECT_EQ(Bob(), Started::kBlocked);
  const Json status = laptop_.agent().Status();
  EXPECT_EQ(status.value("mode", ""), "ENFORCING");
  EXPECT_EQ(status.value("connected", true), false);
  EXPECT_EQ(status["documents"].size(), 3u);
  tenant_.StartController();
  ASSERT_TRUE(laptop_.WaitForConnection(true));
  tenant_.Grant(kBob);
  EXPECT_TRUE(BobBecomes(Started::kRan));
}

// A copy of the supervisor that waits for an answer to its own execve would hold the gate's
// descriptors, and with them every start of a program, for good.
bool AnyProcessOf(const std::string& state) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream in(entry.path() / "cmdline");
    const std::string line(std::istreambuf_iterator<char>(in), {});
    if (line.find(state) != std::string::npos && line.find("muster-") != std::string::npos) {
      return true;
    }
  }
  return false;
}

TEST_F(ResilienceTest, AnAgentThatIsKilledAgainAndAgainConverges) {
  for (int round = 0; round < 4; ++round) {
    const std::string id = tenant_.Submit(kAlice);
    tenant_.Get(kApprover, {"request", "approve", id, "--reason", "The need is documented"});
    laptop_.agent().Kill();  // perhaps before, perhaps after it has saved the new policy
    ASSERT_TRUE(WaitUntil(kSoon, [&] { return !AnyProcessOf(laptop_.agent().state()); }));
    laptop_.StartAgent();
    EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.RequestState(id) == "ACTIVE"; }));
    EXPECT_TRUE(AliceBecomes(Started::kRan));
    const std::string grant = tenant_.Get(kAdmin, {"request", "show", id}).value("grant_id", "");
    tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
    laptop_.agent().Kill();
    ASSERT_TRUE(WaitUntil(kSoon, [&] { return !AnyProcessOf(laptop_.agent().state()); }));
    laptop_.StartAgent();
    EXPECT_TRUE(AliceBecomes(Started::kBlocked));
    EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.GrantState(grant) == "REVOKED"; }));
  }
  // What the agent reported is one unbroken chain all the same.
  for (const Json& entry : tenant_.Items({"audit", "list"})) {
    EXPECT_NE(entry.value("verb", ""), "report.chain-break") << entry;
    EXPECT_NE(entry.value("verb", ""), "report.dropped") << entry;
  }
}

TEST_F(ResilienceTest, ReportsOfAnOutageArriveAfterIt) {
  tenant_.Grant(kAlice);
  ASSERT_TRUE(AliceBecomes(Started::kRan));
  const auto waiting = [&] { return laptop_.agent().Status().value("reports_waiting", 0); };
  ASSERT_TRUE(
      WaitUntil(kSoon, [&] { return waiting() == 0 && Starts(accounts_.name(0), false) > 0; }))
      << waiting() << " reports wait; " << Device()["recent_execs"];
  const int before = Starts(accounts_.name(1), true);
  const uint64_t seq = Device().value("last_report_seq", uint64_t{0});
  tenant_.KillController();
  ASSERT_TRUE(laptop_.WaitForConnection(false));
  constexpr int kAttempts = 5;
  for (int i = 0; i < kAttempts; ++i) EXPECT_EQ(Bob(), Started::kBlocked);
  laptop_.InstallPackage("toxic", "0.11.1-3+b1");
  ASSERT_TRUE(WaitUntil(kSoon, [&] { return waiting() >= 2; })) << laptop_.agent().Status();
  laptop_.agent().Kill();  // the spool outlives the agent too
  laptop_.StartAgent();
  EXPECT_GE(waiting(), 2);
  tenant_.StartController();
  ASSERT_TRUE(WaitUntil(kSoon, [&] { return waiting() == 0; }));
  EXPECT_EQ(Starts(accounts_.name(1), true), before + kAttempts);
  const Json device = Device();
  EXPECT_GE(device.value("last_report_seq", uint64_t{0}), seq + 2);
  EXPECT_EQ(device.value("reports_dropped", 1), 0);
  ASSERT_EQ(device["apps_installed"].size(), 1u) << device["apps_installed"];
  Json installed = device["apps_installed"][0];
  EXPECT_EQ(installed.erase("first_seen_at"), 1u);
  EXPECT_EQ(installed, (Json{{"origin", "DPKG"},
                             {"package_id", "toxic"},
                             {"version", "0.11.1-3+b1"},
                             {"app_id", "tox"},
                             {"name", ""},
                             {"path", ""},
                             {"signer", ""},
                             {"sha256", ""},
                             {"account_name", ""}}));
  const auto verbs = Verbs("device/" + laptop_.device());
  EXPECT_EQ(std::count(verbs.begin(), verbs.end(), "report.chain-break"), 0);
  EXPECT_EQ(std::count(verbs.begin(), verbs.end(), "app.installed"), 1);
}

TEST_F(ResilienceTest, StoppedWellStartsWell) {
  tenant_.Grant(kAlice);
  ASSERT_TRUE(AliceBecomes(Started::kRan));
  tenant_.StopController();
  laptop_.agent().Stop();
  EXPECT_EQ(Bob(), Started::kRan) << "nobody guards any more";
  laptop_.StartAgent();
  EXPECT_EQ(Bob(), Started::kBlocked);
  tenant_.StartController();
  ASSERT_TRUE(laptop_.WaitForConnection(true));
  EXPECT_EQ(Alice(), Started::kRan);
}

}  // namespace
}  // namespace muster
