// What musterctl refuses: each with its own exit code and words, in musterd's log where it got
// that far, and with nothing changed.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

struct Refusal {
  std::string role;
  std::vector<std::string> args;
  int code;
  std::string says;    // a piece of the message that no other refusal has
  bool logged = true;  // false: refused before anything was sent
};

class BadInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies("/opt/it-chat/chat");
  }

  size_t Refusals() const {
    const std::string log = ReadWhole(tenant_.log());
    size_t count = 0;
    for (size_t at = 0; (at = log.find(" refused: ", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  void ExpectRefused(const std::vector<Refusal>& refusals) {
    const Json before = tenant_.Everything();
    for (const Refusal& r : refusals) {
      std::string words;
      for (const std::string& arg : r.args) absl::StrAppend(&words, " ", arg.substr(0, 80));
      SCOPED_TRACE(words);
      const size_t logged = Refusals();
      const size_t audited = tenant_.AuditedChanges();
      const Answer answer = tenant_.Ask(r.role, r.args);
      EXPECT_EQ(answer.code(), r.code) << answer;
      EXPECT_TRUE(absl::StrContains(answer.command.err, r.says)) << answer;
      EXPECT_EQ(answer.command.out, "");
      EXPECT_EQ(Refusals(), logged + (r.logged ? 1 : 0));
      EXPECT_EQ(tenant_.AuditedChanges(), audited);
    }
    EXPECT_EQ(tenant_.Everything(), before);
  }

  static std::vector<std::string> SubmitArgs(const std::string& upn, const std::string& app) {
    static int tickets = 0;
    return {"request",         "submit", "--person", upn,
            "--app",           app,      "--ticket", absl::StrCat("RITM", 1000 + tickets++),
            "--justification", "Need"};
  }
  static std::vector<std::string> With(std::vector<std::string> args,
                                       const std::vector<std::string>& more) {
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }

  TestTenant tenant_{DirectoryKind::kLdif, "it-alice", "it-bob"};
};

TEST_F(BadInputTest, ThingsThatAreNotThere) {
  const std::string grant = "GR-999", request = "REQ-999";
  ExpectRefused({
      {kServiceDesk, SubmitArgs(kAlice, "whatsap"), 5, "no app 'whatsap' in the catalogue"},
      {kServiceDesk, SubmitArgs("carol@mdm.test", "it-chat"), 5, "no person 'carol@mdm.test'"},
      {kServiceDesk, With(SubmitArgs(kAlice, "it-chat"), {"--device", "dev-0"}), 5,
       "no device 'dev-0'"},
      {kApprover, {"request", "approve", request, "--reason", "x"}, 5, "no request 'REQ-999'"},
      {kApprover, {"request", "deny", request, "--reason", "x"}, 5, "no request 'REQ-999'"},
      {kAdmin, {"request", "show", request}, 5, "no request 'REQ-999'"},
      {kApprover, {"grant", "revoke", grant, "--reason", "x"}, 5, "no grant 'GR-999'"},
      {kAdmin, {"grant", "show", grant}, 5, "no grant 'GR-999'"},
      {kAdmin, {"directory", "release", "RUN-999"}, 5, "no run 'RUN-999'"},
      {kAdmin, {"directory", "discard", "RUN-999"}, 5, "no run 'RUN-999'"},
      {kAdmin, {"directory", "members", "whatsap"}, 5, "no app 'whatsap'"},
      {kAdmin, {"device", "show", "dev-0"}, 5, "no device 'dev-0'"},
      {kAdmin, {"device", "retire", "dev-0", "--reason", "lost"}, 5, "no device 'dev-0'"},
      {kAdmin,
       {"device", "token", "--platform", "linux", "--owner", "carol@mdm.test"},
       5,
       "no person 'carol@mdm.test'"},
      {kAdmin,
       {"explain", "--person", kAlice, "--device", "dev-0", "--app", "it-chat"},
       5,
       "no device 'dev-0'"},
      {kAdmin, {"person", "show", "carol@mdm.test"}, 5, "no person 'carol@mdm.test'"},
      {kAdmin, {"app", "show", "whatsap"}, 5, "no app 'whatsap'"},
      {kAdmin,
       {"trm", "set", "whatsap", "RESTRICTED", "--decision", "TRM-9", "--reason", "x"},
       5,
       "no app 'whatsap'"},
  });
}

TEST_F(BadInputTest, DecisionsThatMayNotBeMade) {
  const std::string waiting = tenant_.Submit(kAlice);
  const std::string granted = tenant_.Grant(kBob);
  const std::string done = tenant_.Items({"request", "list", "--person", kBob})[0]["request_id"];
  const std::string denied = tenant_.Submit(CrewUpn(1));
  tenant_.Get(kApprover, {"request", "deny", denied, "--reason", "No need"});
  const std::string for_approver = tenant_.Submit("soc@mdm.test");
  const std::string by_approver =
      tenant_.Get(kApprover, SubmitArgs(CrewUpn(2), "it-chat")).value("request_id", "");
  const std::string revoked = tenant_.Grant(CrewUpn(3));
  tenant_.Get(kApprover, {"grant", "revoke", revoked, "--reason", "No need any more"});
  ASSERT_TRUE(
      WaitUntil(absl::Seconds(150), [&] { return tenant_.GrantState(revoked) == "REVOKED"; }));
  const auto decide = [](const char* verb, const std::string& id) {
    return std::vector<std::string>{"request", verb, id, "--reason", "Because"};
  };
  ExpectRefused({
      {kApprover, decide("approve", by_approver), 4, "soc@mdm.test filed " + by_approver},
      {kApprover, decide("approve", for_approver), 4, "would benefit from " + for_approver},
      {kServiceDesk, decide("approve", waiting), 4,
       "`request approve` needs the role soc-approver; tsd@mdm.test has service-desk"},
      {kApprover, With(decide("approve", waiting), {"--revision", "1"}), 3,
       waiting + " has changed since revision 1"},
      {kServiceDesk, {"request", "escalate", waiting, "--to", "boss"}, 2, "'boss' is no role"},
      {kServiceDesk, {"request", "escalate", denied}, 3, "there is no decision to wait for"},
      {kServiceDesk,
       {"request", "answer", waiting, "--answer", "x"},
       3,
       waiting + " is AWAITING_APPROVAL and cannot be answered"},
      {kServiceDesk,
       {"request", "duplicate", waiting, "--of", waiting, "--reason", "x"},
       3,
       "a duplicate of itself"},
      {kServiceDesk,
       {"request", "duplicate", waiting, "--of", denied, "--reason", "x"},
       3,
       "a duplicate is for the same person"},
      {kServiceDesk,
       {"request", "training", denied, "--version", "2026-1"},
       3,
       denied + " is DENIED"},
      {kApprover, {"grant", "recertify", granted, "--reason", "x"}, 3, "it is due from"},
      {kApprover, {"grant", "resume", granted, "--reason", "x"}, 3, "it is not suspended"},
      {kApprover,
       {"grant", "review", granted, "--reason", "x"},
       3,
       "only a BREAK_GLASS grant can be"},
      {kApprover, decide("approve", done), 3, done + " is ACTIVE and cannot be approved"},
      {kSecond, decide("approve", done), 3, done + " is ACTIVE and cannot be approved"},
      {kApprover, decide("deny", done), 3, done + " is ACTIVE and cannot be denied"},
      {kServiceDesk, decide("cancel", done), 3, done + " is ACTIVE and cannot be cancelled"},
      {kSecond, decide("approve", denied), 3, denied + " is DENIED and cannot be approved"},
      {kApprover, decide("deny", denied), 3, denied + " is DENIED and cannot be denied"},
      {kApprover, decide("cancel", waiting), 4, "only tsd@mdm.test or alice@mdm.test can cancel"},
      {kServiceDesk, SubmitArgs(kAlice, "it-chat"), 3,
       absl::StrCat("already has ", waiting, " (AWAITING_APPROVAL)")},
      {kServiceDesk, SubmitArgs(kBob, "it-chat"), 3,
       absl::StrCat("already has grant ", granted, " (ACTIVE)")},
      {kApprover,
       {"grant", "revoke", revoked, "--reason", "x"},
       3,
       revoked + " is already REVOKED"},
  });
}

TEST_F(BadInputTest, ArgumentsThatMakeNoSense) {
  const std::string waiting = tenant_.Submit(kAlice);
  const std::vector<std::string> submit = SubmitArgs(kBob, "it-chat");
  std::vector<std::string> control = submit;
  control.back() = "see \x1b]0;owned\x07";
  const std::string long_text(10'000, 'x');
  std::vector<std::string> oversized = submit;
  oversized.back() = long_text;
  std::vector<std::string> blank = submit;
  blank.back() = "  ";
  std::vector<std::string> long_ticket = submit;
  long_ticket[7] = std::string(129, '7');
  ExpectRefused({
      {kApprover, {"request", "approve", waiting}, 2, "--reason is required", false},
      {kApprover, {"request", "approve", waiting, "--reason", " "}, 2, "must not be empty", false},
      {kApprover, {"request", "approve", waiting, "--reason", long_text}, 2, "reason"},
      {kServiceDesk, oversized, 2, "justification"},
      {kServiceDesk, blank, 2, "must not be empty", false},
      {kServiceDesk, long_ticket, 2, "ticket"},
      {kServiceDesk, With(submit, {"--term", "366d"}), 2, "at most 365 days"},
      {kServiceDesk, With(submit, {"--break-glass", "--term", "73h"}), 2, "at most 72 hours"},
      {kServiceDesk, control, 2, "the justification holds a control character"},
      {kServiceDesk, With(submit, {"--duty-location", "\x1b[2J"}), 2, "the duty location"},
      {kServiceDesk, With(submit, {"--term", "0d"}), 2, "--term", false},
      {kServiceDesk, With(submit, {"--term", "-5d"}), 2, "--term", false},
      {kServiceDesk, With(submit, {"--term", "a while"}), 2, "--term", false},
      {kServiceDesk, {"request", "submit", "--person", kBob}, 2, "is required", false},
      {kServiceDesk, {"request", "list", "--state", "PENDING"}, 2, "'PENDING' is none of", false},
      {kServiceDesk, {"request", "list", "--limit", "100000"}, 2, "--limit", false},
      {kServiceDesk, {"request", "list", "--cursor", "grant/"}, 2, "not one of this list's"},
      {kServiceDesk, {"request", "annihilate", waiting}, 2, "musterctl request --help", false},
      {kServiceDesk, {"conjure"}, 2, "musterctl --help", false},
      {kServiceDesk, {}, 2, "subcommand is required", false},
      {kServiceDesk, With(submit, {"--colour", "red"}), 2, "--colour", false},
      {kServiceDesk, {"app", "list", "-o", "xml"}, 2, "'xml' is none of", false},
      {kAdmin, {"device", "token", "--platform", "amiga", "--owner", kBob}, 2, "'amiga'", false},
      {kAdmin,
       {"device", "token", "--platform", "linux", "--owner", kBob, "--ttl", "8d"},
       2,
       "at most 7 days"},
      {kAdmin,
       {"trm", "set", "it-chat", "TOLERATED", "--decision", "T", "--reason", "x"},
       2,
       "TOLERATED",
       false},
      {kAdmin,
       {"trm", "set", "it-chat", "PERMITTED", "--reason", "x"},
       2,
       "--decision is required",
       false},
  });
}

TEST_F(BadInputTest, RequestsThatTheTrmOfficeRulesOut) {
  tenant_.Get(kAdmin, {"trm", "set", "briar", "RESTRICTED", "--decision", "T-1", "--reason", "x"});
  ExpectRefused({
      {kServiceDesk, SubmitArgs(kAlice, "wickr"), 3, "wickr is PERMITTED and not blocked"},
      {kServiceDesk, SubmitArgs(kAlice, "briar"), 3, "no approval group is configured for briar"},
  });
  // A prohibited app: the request is kept, as DENIED.
  const Answer denied = tenant_.Ask(kServiceDesk, SubmitArgs(kAlice, "signal"));
  EXPECT_EQ(denied.code(), 3) << denied;
  EXPECT_EQ(denied.json.value("state", ""), "DENIED");
  EXPECT_EQ(denied.json.value("reason_code", ""), "TRM_PROHIBITED");
  EXPECT_TRUE(absl::StrContains(denied.command.err, "only the TRM office can change that"))
      << denied;
  EXPECT_EQ(tenant_.Items({"request", "list", "--state", "denied"}).size(), 1u);
  // What was filed while it was allowed cannot be approved once it is not.
  const std::string waiting = tenant_.Submit(kAlice);
  tenant_.Get(kAdmin,
              {"trm", "set", "it-chat", "PROHIBITED", "--decision", "T-2", "--reason", "x"});
  ExpectRefused({{kApprover,
                  {"request", "approve", waiting, "--reason", "x"},
                  3,
                  "it-chat is now PROHIBITED"}});
}

TEST_F(BadInputTest, DryRunsWriteNothing) {
  const std::string waiting = tenant_.Submit(kAlice);
  const std::string grant = tenant_.Grant(kBob);
  const std::string list = tenant_.folder() + "/short.yaml";
  WriteWhole(list, "apps:\n  - signal\n");
  const std::string policies = absl::StrCat(MUSTER_SOURCE_DIR, "/policies");
  const std::vector<std::pair<std::string, std::vector<std::string>>> calls = {
      {kServiceDesk, With(SubmitArgs(CrewUpn(1), "it-chat"), {"--dry-run"})},
      {kServiceDesk, {"request", "training", waiting, "--version", "2", "--dry-run"}},
      {kServiceDesk, {"request", "escalate", waiting, "--dry-run"}},
      {kSecond, {"request", "approve", waiting, "--reason", "x", "--dry-run"}},
      {kSecond, {"request", "deny", waiting, "--reason", "x", "--dry-run"}},
      {kSecond, {"request", "more-info", waiting, "--question", "x", "--dry-run"}},
      {kSecond, {"grant", "revoke", grant, "--reason", "x", "--dry-run"}},
      {kSecond, {"grant", "suspend", grant, "--reason", "x", "--dry-run"}},
      {kAdmin,
       {"trm", "set", "it-chat", "PROHIBITED", "--decision", "T", "--reason", "x", "--dry-run"}},
      {kAdmin, {"blocklist", "apply", "-f", list, "--dry-run"}},
      {kAdmin, {"apply", "-f", policies, "--prune", "--dry-run"}},
      {kAdmin, {"device", "token", "--platform", "linux", "--owner", kBob, "--dry-run"}},
  };
  const Json before = tenant_.Everything();
  for (const auto& [role, args] : calls) {
    SCOPED_TRACE(args[0] + " " + args[1]);
    const Json answer = tenant_.Get(role, args);
    const Json impact = answer.contains("impact") ? answer["impact"] : answer;
    EXPECT_EQ(impact.value("dry_run", false), true) << answer;
    EXPECT_FALSE(impact.value("changes", Json::array()).empty()) << answer;
    EXPECT_EQ(tenant_.Everything(), before);
  }
  // Nobody gets a verdict from `simulate` that `apply` would not give them.
  const Json simulated =
      tenant_.Get(kServiceDesk, {"simulate", "-f", policies, "--prune"})["items"];
  EXPECT_EQ(tenant_.Everything(), before);
  ASSERT_EQ(simulated.size(), 1u) << simulated;
  EXPECT_EQ(simulated[0]["app_id"], "it-chat");
  EXPECT_EQ(simulated[0]["person_upn"], "");
  EXPECT_EQ(simulated[0]["change"], "gains");  // it is no longer in the catalogue
}

TEST_F(BadInputTest, ATicketStandsForOneRequest) {
  const std::vector<std::string> first = SubmitArgs(kAlice, "it-chat");
  const std::string id = tenant_.Get(kServiceDesk, first)["request_id"];
  std::vector<std::string> again = SubmitArgs(kBob, "it-chat");
  again[7] = first[7];
  ExpectRefused({{kServiceDesk, again, 3,
                  absl::StrCat("ticket ", first[7], " of service-desk is already ", id)}});
  // Another system may use the same id; and it is free once nothing came of the request.
  EXPECT_EQ(tenant_.Get(kServiceDesk, With(again, {"--ticket-source", "jira"}))["ticket"],
            first[7]);
  tenant_.Get(kApprover, {"request", "deny", id, "--reason", "No need"});
  EXPECT_EQ(tenant_.Get(kServiceDesk, first)["state"], "AWAITING_APPROVAL");
}

TEST_F(BadInputTest, TextOfARequestRunsNowhere) {
  std::vector<std::string> formula = SubmitArgs(kAlice, "it-chat");
  formula[7] = "=HYPERLINK(\"http://x\")";
  tenant_.Get(kServiceDesk, formula);
  const CommandResult csv =
      RunCommand({ProgramPath("musterctl"), "--profile", tenant_.Profile(kServiceDesk), "-o", "csv",
                  "request", "list"});
  EXPECT_TRUE(absl::StrContains(csv.out, "\"'=HYPERLINK(\"\"http://x\"\")\"")) << csv;
}

// A folder of policy files of which one is wrong.
struct BadFile {
  std::string path, text;
  std::string says;  // "file:line:column: error: ..." or a piece of it
};

TEST_F(BadInputTest, BrokenPolicyFilesLeaveTheOldPolicy) {
  const std::string catalogue =
      "id: it-other\nname: Other\nidentities:\n  - platform: linux\n    dpkg: it-other\n"
      "    verified: no\n";
  const std::string path = "catalogue/it-other.yaml";
  const std::string deep = absl::StrCat(std::string(40, '['), std::string(40, ']'), "\n");
  const BadFile files[] = {
      {path, "id: it-other\nname: Other\nname: Again\n", path + ":3:1: error: "},
      {path, catalogue + "colour: red\n", path + ":7:1: error: "},
      {path, absl::StrReplaceAll(catalogue, {{"it-other\nname", "it-another\nname"}}),
       path + ":1:5: error: "},
      {path, absl::StrReplaceAll(catalogue, {{"platform: linux", "platform: amiga"}}),
       path + ":4:15: error: "},
      {path, "id: &x it-other\nname: *x\n", path + ":1:5: error: "},
      {path, "id: it-other\nname: " + deep, path + ":2:"},
      {path, "id: [unclosed\n", path + ":"},
      {path, "", path},
      {path, catalogue + "note: " + std::string(300'000, 'x') + "\n", path},
      {"trm.yaml",
       "trm:\n  - app: nosuch\n    status: RESTRICTED\n    decision: T\n"
       "    decided_at: 2026-01-15\n    author: a\n    reason: r\n",
       "trm.yaml:2:"},
      {"trm.yaml",
       "trm:\n  - app: it-chat\n    status: MAYBE\n    decision: T\n"
       "    decided_at: 2026-01-15\n    author: a\n    reason: r\n",
       "trm.yaml:3:13: error: "},
      {"blocklist.yaml", "apps:\n  - signal\n  - nosuch\n", "blocklist.yaml:3:5: error: "},
      {"blocklist.yaml", "apps: []\n", "blocklist.yaml"},
  };
  const Json before = tenant_.Everything();
  const Json policy = tenant_.Get(kAdmin, {"policy", "show"})["items"];
  int n = 0;
  for (const BadFile& file : files) {
    SCOPED_TRACE(absl::StrCat(file.path, ": ", file.text.substr(0, 120)));
    const std::string folder = absl::StrCat(tenant_.folder(), "/bad-", ++n);
    fs::create_directories(folder + "/catalogue");
    // Beside a good one, which must not be taken either.
    WriteWhole(folder + "/catalogue/it-good.yaml",
               absl::StrReplaceAll(catalogue, {{"it-other", "it-good"}}));
    WriteWhole(folder + "/" + file.path, file.text);
    const Answer answer = tenant_.Ask(kAdmin, {"apply", "-f", folder});
    EXPECT_EQ(answer.code(), 2) << answer;
    EXPECT_TRUE(absl::StrContains(answer.command.err, file.says)) << answer;
    EXPECT_EQ(tenant_.Everything(), before);
  }
  EXPECT_EQ(tenant_.Get(kAdmin, {"policy", "show"})["items"], policy);
  const Answer nothing = tenant_.Ask(kAdmin, {"apply", "-f", tenant_.folder() + "/tenant"});
  EXPECT_EQ(nothing.code(), 2) << nothing;
}

}  // namespace
}  // namespace muster
