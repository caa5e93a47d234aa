// The audit log as officers see it: what entries say, who looked, who was refused, and the search.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

using Names = std::vector<std::string>;

constexpr absl::Duration kPatience = absl::Seconds(60);

class AuditTrailTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies("/opt/it-chat/chat");
  }
  // The entries of one page: one call, and nothing is left over.
  Json List(Names args) {
    args.insert(args.begin(), {"audit", "list", "--limit", "1000"});
    const Json page = tenant_.Get(kRecords, args);
    EXPECT_EQ(page.value("next_cursor", "?"), "");
    return page["items"];
  }
  static Names Verbs(const Json& entries) {
    Names out;
    for (const Json& entry : entries) out.push_back(entry.value("verb", ""));
    return out;
  }

  TestTenant tenant_{DirectoryKind::kLdif, "it-alice", "it-bob"};
};

TEST_F(AuditTrailTest, OneRequestsWholeLifeInOneCall) {
  const std::string other = tenant_.Submit(kBob);
  const std::string grant = tenant_.Grant(kAlice);
  const std::string request = tenant_.Get(kAdmin, {"grant", "show", grant}).value("request_id", "");
  tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return tenant_.GrantState(grant) == "REVOKED"; }));
  const Json whole = List({"--about", "request/" + request, "--no-reads"});
  Names verbs = Verbs(whole);
  std::erase(verbs, "grant.waiting");
  EXPECT_EQ(verbs, (Names{"request.submit", "request.approve", "member.add", "grant.activate",
                          "request.member-seen", "request.active", "grant.revoke",
                          "grant.absent-from-group", "grant.revoked"}));
  EXPECT_FALSE(absl::StrContains(whole.dump(), other));
  const std::string ticket = tenant_.Get(kAdmin, {"request", "show", request}).value("ticket", "");
  EXPECT_EQ(List({"--about", ticket, "--no-reads"}), whole);
  EXPECT_EQ(List({"--about", "grant/" + grant, "--no-reads"}), whole);
  Json backwards = List({"--about", "request/" + request, "--no-reads", "--newest"});
  std::reverse(backwards.begin(), backwards.end());
  EXPECT_EQ(backwards, whole);
  // With the reads it says as well who looked at it.
  EXPECT_GT(List({"--about", "request/" + request}).size(), whole.size());
}

TEST_F(AuditTrailTest, WhoLookedAtWhom) {
  tenant_.Get(kServiceDesk, {"person", "show", kAlice});
  EXPECT_EQ(tenant_.Ask(kServiceDesk, {"request", "show", "REQ-999999"}).code(), 5);
  const Json seen = List({"--person", kAlice, "--verb", "read.person", "--actor", "tsd@mdm.test"});
  ASSERT_EQ(seen.size(), 1u) << seen;
  const Json& entry = seen[0];
  EXPECT_EQ(entry["actor_upn"], "tsd@mdm.test");
  EXPECT_EQ(entry["roles"], Json{"service-desk"});
  EXPECT_TRUE(absl::StartsWith(entry.value("signed_in_by", ""), "certificate ")) << entry;
  EXPECT_NE(entry.value("from", ""), "");
  EXPECT_TRUE(absl::StartsWith(entry.value("object", ""), "person/")) << entry;
  EXPECT_EQ(entry["query"], absl::StrCat("{\"upn\":\"", kAlice, "\"}"));
  EXPECT_EQ(entry["outcome"], "ok");
  EXPECT_TRUE(absl::StartsWith(entry.value("time_source", ""), "system clock, ")) << entry;
  const Json missed = List({"--object", "request/REQ-999999"});
  ASSERT_EQ(missed.size(), 1u) << missed;
  EXPECT_TRUE(absl::StartsWith(missed[0].value("outcome", ""), "NOT_FOUND: ")) << missed;
  // Searching is looking, too.
  const Json searched = List({"--actor", "rim@mdm.test", "--verb", "read.audit"});
  EXPECT_TRUE(absl::StrContains(searched.dump(), "REQ-999999")) << searched;
  // The agency's own decisions are nobody's secret: no entry.
  const size_t before = List({"--actor", "tsd@mdm.test"}).size();
  tenant_.Get(kServiceDesk, {"app", "list"});
  EXPECT_EQ(List({"--actor", "tsd@mdm.test"}).size(), before);
}

TEST_F(AuditTrailTest, WhoWasRefused) {
  const std::string request = tenant_.Submit(kAlice);
  const Json before = tenant_.Everything();
  EXPECT_EQ(
      tenant_.Ask(kServiceDesk, {"request", "approve", request, "--reason", "I may not"}).code(),
      4);
  EXPECT_EQ(tenant_.Ask(kServiceDesk, {"audit", "list"}).code(), 4);
  // Whoever asks does not decide: refused by the rule, not by the role.
  const std::string own =
      tenant_
          .Get(kApprover,
               {"request", "submit", "--person", kBob, "--app", "it-chat", "--ticket", "INC0969999",
                "--justification", "For my own use", "--training-acknowledged", "2026-1"})
          .value("request_id", "");
  EXPECT_EQ(tenant_.Ask(kApprover, {"request", "approve", own, "--reason", "Mine"}).code(), 4);
  const std::pair<Names, Names> kCases[] = {
      {{"--object", "request/" + request, "--verb", "request.approve"}, {"request.approve"}},
      {{"--object", "request/" + own, "--verb", "request.approve"}, {"request.approve"}},
      {{"--actor", "tsd@mdm.test", "--verb", "read.audit"}, {"read.audit"}},
  };
  for (const auto& [filter, verbs] : kCases) {
    const Json entries = List(filter);
    EXPECT_EQ(Verbs(entries), verbs);
    for (const Json& entry : entries) {
      EXPECT_TRUE(absl::StartsWith(entry.value("outcome", ""), "PERMISSION_DENIED: ")) << entry;
    }
  }
  EXPECT_EQ(tenant_.RequestState(request), "AWAITING_APPROVAL");
  EXPECT_EQ(tenant_.RequestState(own), "AWAITING_APPROVAL");
  EXPECT_EQ(tenant_.Everything()["grant"], before["grant"]);
}

TEST_F(AuditTrailTest, TimesAndTexts) {
  const std::string request = tenant_.Submit(kAlice);
  const auto found = [&](Names more) {
    more.insert(more.end(), {"--object", "request/" + request, "--no-reads"});
    return Verbs(List(more));
  };
  EXPECT_EQ(found({"--since", "1h"}), Names{"request.submit"});
  EXPECT_EQ(found({"--until", "1h"}), Names{});
  EXPECT_EQ(found({"--since", "2020-01-01", "--until", "2099-01-01"}), Names{"request.submit"});
  EXPECT_EQ(found({"--text", "LIAISON with a partner"}), Names{"request.submit"});
  EXPECT_EQ(found({"--text", "no such words"}), Names{});
  const std::pair<Names, std::string> kWrong[] = {
      {{"--since", "yesterday"}, "'yesterday' is no time"},
      {{"--since", "1h", "--until", "2h"}, "'until' is before 'since'"},
      {{"--verb", "req*"}, "the verb 'req*' cannot be looked for"},
      {{"--cursor", "x"}, "the cursor is not one of this search's"},
  };
  for (const auto& [args, says] : kWrong) {
    Names all = {"audit", "list"};
    all.insert(all.end(), args.begin(), args.end());
    const Answer answer = tenant_.Ask(kRecords, all);
    EXPECT_EQ(answer.code(), 2) << answer;
    EXPECT_TRUE(absl::StrContains(answer.command.err, says)) << answer;
  }
}

}  // namespace
}  // namespace muster
