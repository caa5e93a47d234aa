#include "agent/domain/web_policy.h"

#include <gtest/gtest.h>

#include "tests/agent/test_tenant.h"

namespace muster::agent {
namespace {

using Hosts = std::vector<std::string>;

// One app with two hosts, and one without a decision.
class WebPolicyTest : public ::testing::Test {
 protected:
  WebPolicyTest() {
    cohort_ = tenant_.Cohort().content;
    cohort_.mutable_apps(0)->add_web_hosts("web.chat.example");
    cohort_.mutable_apps(0)->add_web_hosts("old.chat.example");
    v1::App* other = cohort_.add_apps();
    other->set_id("other");
    other->add_web_hosts("other.example");
  }
  WebDecision Decide(const std::vector<Account>& accounts, bool granted, absl::Time now) {
    const v1::DeviceAssignment assignment = tenant_.Assignment(1, granted);
    PolicyParts parts;
    parts.content = cohort_;
    parts.assignment = &assignment;
    if (deny_) parts.emergency_deny = &*deny_;
    parts.uid_of = {{"alice", 1000}, {"bob", 1001}};
    return DecideWebClients(*PolicyIndex::Build(std::move(parts)), accounts, now);
  }

  TestTenant tenant_{At("2026-03-01T12:00:00Z")};
  v1::CohortContent cohort_;
  std::optional<v1::EmergencyDeny> deny_;
};

const Hosts kBoth = {"old.chat.example", "web.chat.example"};
const Account kAliceAccount = {"alice", 1000, "/bin/bash"};
const Account kBobAccount = {"bob", 1001, "/bin/bash"};
const Account kDaemon = {"daemon", 1, "/bin/sh"};
const Account kService = {"service", 1002, "/usr/sbin/nologin"};
const Account kNobody = {"nobody", 65534, "/bin/sh"};

TEST_F(WebPolicyTest, OpensForTheOnlyPersonOfTheMachineWhoMayUseIt) {
  const absl::Time now = tenant_.now();
  const struct {
    const char* what;
    std::vector<Account> accounts;
    bool granted;
    absl::Time at;
    Hosts want;
  } kCases[] = {
      {"a grant of the only person", {kAliceAccount}, true, now, {}},
      {"accounts that are nobody's", {kDaemon, kAliceAccount, kService, kNobody}, true, now, {}},
      {"listed twice", {kAliceAccount, kAliceAccount}, true, now, {}},
      {"no grant", {kAliceAccount}, false, now, kBoth},
      {"the grant has ended", {kAliceAccount}, true, now + absl::Hours(1), kBoth},
      {"just before it ends", {kAliceAccount}, true, now + absl::Minutes(59), {}},
      {"somebody else's machine", {kBobAccount}, true, now, kBoth},
      {"two persons", {kAliceAccount, kBobAccount}, true, now, kBoth},
      {"a second name for her uid", {kAliceAccount, {"admin", 1000, "/bin/sh"}}, true, now, kBoth},
      {"an account of the directory", {kAliceAccount, {"carol", 1'200'000, ""}}, true, now, kBoth},
      {"nobody at all", {kDaemon}, true, now, kBoth},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Decide(c.accounts, c.granted, c.at).blocked, c.want) << c.what;
  }
}

TEST_F(WebPolicyTest, SaysWhatIsOpen) {
  EXPECT_EQ(Decide({kAliceAccount}, true, tenant_.now()).notes,
            Hosts{"the web client of chat opens for every account of this machine, because alice "
                  "is its only person and may use it"});
  EXPECT_EQ(Decide({kAliceAccount}, false, tenant_.now()).notes, Hosts{});
}

TEST_F(WebPolicyTest, FollowsWhatTheAppIsDeniedBy) {
  const absl::Time now = tenant_.now();
  deny_ = tenant_.Deny(1, {"chat", "other"});
  EXPECT_EQ(Decide({kAliceAccount}, true, now).blocked,
            (Hosts{"old.chat.example", "other.example", "web.chat.example"}));
  EXPECT_EQ(Decide({kAliceAccount, kBobAccount}, true, now + absl::Hours(24)).blocked, kBoth)
      << "the emergency is over";
  deny_.reset();
  cohort_.mutable_trm(0)->set_status(v1::Trm::PERMITTED);
  EXPECT_EQ(Decide({kAliceAccount}, false, now).blocked, kBoth) << "still on the blocklist";
  cohort_.clear_blocklist();
  EXPECT_EQ(Decide({kAliceAccount}, false, now), WebDecision());
  cohort_.mutable_trm(0)->set_status(v1::Trm::PROHIBITED);
  EXPECT_EQ(Decide({kAliceAccount}, true, now).blocked, kBoth);
}

TEST(OnlyPerson, NeedsALoginShell) {
  for (const char* shell : {"/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false"}) {
    EXPECT_EQ(OnlyPerson({{"alice", 1000, shell}}), std::nullopt) << shell;
  }
  for (const char* shell : {"", "/bin/bash", "/usr/bin/zsh", "/opt/notfalse"}) {
    EXPECT_EQ(OnlyPerson({{"alice", 1000, shell}}), (Account{"alice", 1000, shell})) << shell;
  }
  EXPECT_EQ(ParsePasswd("alice:x:1000:1000::/home/alice:/bin/zsh\n"),
            (std::vector<Account>{{"alice", 1000, "/bin/zsh"}}));
}

}  // namespace
}  // namespace muster::agent
