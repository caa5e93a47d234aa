// `musterctl audit list` and `audit show`.
#include <gtest/gtest.h>

#include "cli/errors.h"
#include "cli/point_in_time.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {
namespace {

TEST(ParsePointInTime, Forms) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const std::pair<const char*, absl::Time> kCases[] = {
      {"2026-03-01T08:00:00Z", absl::FromUnixSeconds(1'772'352'000)},
      {"2026-03-01T09:00:00+01:00", absl::FromUnixSeconds(1'772'352'000)},
      {"2026-03-01", absl::FromUnixSeconds(1'772'323'200)},
      {"24h", now - absl::Hours(24)},
      {"1d12h", now - absl::Hours(36)},
  };
  for (const auto& [text, want] : kCases) EXPECT_EQ(*ParsePointInTime(text, now), want) << text;
  for (const char* text : {"", "yesterday", "2026-13-01", "2026-03-01 08:00", "0h", "24"}) {
    EXPECT_EQ(ParsePointInTime(text, now).status(),
              absl::InvalidArgumentError(
                  std::string("'") + text +
                  "' is no time: write e.g. 2026-03-01T08:00:00Z, 2026-03-01, or 24h for a day "
                  "before now"));
  }
}

TEST(AuditList, AsksForWhatItWasGiven) {
  FakeController controller;
  controller.Answer(v1::ListAuditResponse());
  const Ran ran =
      RunCtl(&controller, {"audit",    "list",          "--about",       "request/REQ-1",
                           "--object", "request/REQ-1", "--actor",       "a@x",
                           "--person", "b@x",           "--device",      "d",
                           "--app",    "tox",           "--ticket",      "INC1",
                           "--verb",   "request.*",     "--text",        "Lost",
                           "--since",  "2026-03-01",    "--until",       "2026-03-02T08:00:00Z",
                           "--newest", "--no-reads",    "--transaction", "t"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(
      controller.calls,
      std::vector<std::string>{
          R"(ListAudit {"page_size":1000,"cursor":"","object":"request/REQ-1","actor":"a@x",)"
          R"("transaction_id":"t","person":"b@x","device":"d","app":"tox","ticket":"INC1",)"
          R"("verb":"request.*","since":"2026-03-01T00:00:00Z","until":"2026-03-02T08:00:00Z",)"
          R"("text":"Lost","about":"request/REQ-1","newest_first":true,"no_reads":true})"});
}

TEST(AuditList, AWrongTimeIsAUsageError) {
  FakeController controller;
  const Ran ran = RunCtl(&controller, {"audit", "list", "--since", "yesterday"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("'yesterday' is no time"), std::string::npos) << ran.err;
  EXPECT_EQ(controller.calls, std::vector<std::string>());
}

TEST(AuditList, EmptyPagesAreFollowed) {
  FakeController controller;
  v1::ListAuditResponse page;
  page.set_next_cursor("20000..20001");
  controller.Answer(page);
  page.Clear();
  page.add_items()->set_verb("request.approve");
  controller.Answer(page);
  const Ran ran = RunCtl(&controller, {"audit", "list", "-o", "csv"});
  EXPECT_EQ(ran.out, "sequence,at,actor_upn,verb,object,outcome,reason\n0,,,request.approve,,,\n");
  EXPECT_EQ(controller.calls.size(), 2u);
}

TEST(AuditShow, RecordsAreReadable) {
  FakeController controller;
  v1::AuditEntry entry;
  entry.set_sequence(7);
  entry.set_verb("request.approve");
  entry.set_after(R"({"request_id":"REQ-1","state":"APPROVED"})");
  entry.set_query("no json");
  v1::ProveAuditResponse proof;
  proof.set_entry(entry.SerializeAsString());
  controller.Answer(proof);
  const Ran ran = RunCtl(&controller, {"audit", "show", "7", "-o", "json"});
  EXPECT_EQ(controller.calls, std::vector<std::string>{R"(ProveAudit {"sequence":7})"});
  const Json shown = Json::parse(ran.out);
  EXPECT_EQ(shown["sequence"], 7);
  EXPECT_EQ(shown["after"], Json::parse(R"({"request_id":"REQ-1","state":"APPROVED"})"));
  EXPECT_EQ(shown["before"], "");
  EXPECT_EQ(shown["query"], "no json");
}

TEST(AuditShow, ATableForPeople) {
  FakeController controller;
  v1::AuditEntry entry;
  entry.set_sequence(7);
  entry.mutable_at()->set_seconds(1'800'000'000);
  entry.set_actor_upn("soc@x");
  entry.add_roles("soc-approver");
  entry.set_verb("request.approve");
  entry.set_after(R"({"request_id":"REQ-1","approvals":[{"by_upn":"soc@x"}]})");
  entry.add_subjects("request/REQ-1");
  entry.add_subjects("app/tox");
  v1::ProveAuditResponse proof;
  proof.set_entry(entry.SerializeAsString());
  controller.Answer(proof);
  EXPECT_EQ(RunCtl(&controller, {"audit", "show", "7"}).out,
            "sequence:          7\n"
            "at:                2027-01-15T08:00:00Z\n"
            "actor_upn:         soc@x\n"
            "verb:              request.approve\n"
            "after.request_id:  REQ-1\n"
            "roles:             soc-approver\n"
            "subjects:          request/REQ-1, app/tox\n"
            "after.approvals:\n"
            "  by_upn\n"
            "  soc@x\n");
}

TEST(AuditShow, AnEntryWhoseRetentionHasEnded) {
  FakeController controller;
  controller.Answer(v1::ProveAuditResponse());
  const Ran ran = RunCtl(&controller, {"audit", "show", "7"});
  EXPECT_EQ(ran.code, kExitNotFound);
  EXPECT_EQ(ran.err,
            "musterctl: the retention of entry 7 has ended: only its hash is left in the log\n");
}

}  // namespace
}  // namespace muster::cli
