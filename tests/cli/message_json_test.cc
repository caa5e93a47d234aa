#include "cli/message_json.h"

#include <gtest/gtest.h>

#include "muster/v1/admin_service.pb.h"
#include "muster/v1/policy.pb.h"

namespace muster::cli {
namespace {

TEST(MessageJson, PrintsScalarsAndListsAlwaysAndUnsetMessagesNever) {
  EXPECT_EQ(CompactJson(MessageJson(v1::RetireDeviceRequest())),
            R"({"device_id":"","reason":"","dry_run":false})");
  EXPECT_EQ(CompactJson(MessageJson(v1::GrantResponse())), "{}");
  EXPECT_EQ(CompactJson(MessageJson(v1::ListTrmResponse())), R"({"items":[],"next_cursor":""})");
}

TEST(MessageJson, WritesTimesDurationsEnumsAndNumbers) {
  v1::SubmitRequestRequest submit;
  submit.mutable_term()->set_seconds(180 * 86'400);
  EXPECT_EQ(MessageJson(submit)["term"], "180d");

  v1::AuditEntry entry;
  entry.set_sequence(18'446'744'073'709'551'615U);
  entry.mutable_at()->set_seconds(1'767'225'600);
  EXPECT_EQ(MessageJson(entry)["sequence"].dump(), "18446744073709551615");
  EXPECT_EQ(MessageJson(entry)["at"], "2026-01-01T00:00:00Z");
  entry.mutable_at()->set_nanos(250'000'000);
  EXPECT_EQ(MessageJson(entry)["at"], "2026-01-01T00:00:00.250Z");

  v1::Trm trm;
  trm.set_app_id("whatsapp");
  trm.set_status(v1::Trm::RESTRICTED);
  EXPECT_EQ(
      CompactJson(MessageJson(trm)),
      R"({"app_id":"whatsapp","status":"RESTRICTED","decision_id":"","author":"","reason":""})");
  trm.set_status(static_cast<v1::Trm::Status>(77));  // a newer controller's
  EXPECT_EQ(MessageJson(trm)["status"].dump(), "77");
}

TEST(MessageJson, WritesBytesAsHexMapsSortedAndListsNested) {
  v1::Signature signature;
  signature.set_sig(std::string("\x00\xff\x10", 3));
  EXPECT_EQ(CompactJson(MessageJson(signature)), R"({"key_id":"","sig":"00ff10"})");

  v1::DirectoryStatus status;
  (*status.mutable_groups())["whatsapp"] = "cn=b";
  (*status.mutable_groups())["signal"] = "cn=a";
  EXPECT_EQ(CompactJson(MessageJson(status)["groups"]), R"({"signal":"cn=a","whatsapp":"cn=b"})");

  v1::Explanation explanation;
  explanation.set_verdict(v1::Verdict::BLOCK);
  explanation.set_reason("NO_GRANT");
  auto* link = explanation.add_chain();
  link->set_condition("a grant is live");
  link->set_detail("none");
  explanation.set_next_step("ask");
  EXPECT_EQ(CompactJson(MessageJson(explanation)),
            R"({"verdict":"BLOCK","reason":"NO_GRANT","chain":[{"condition":"a grant is live",)"
            R"("holds":false,"detail":"none"}],"next_step":"ask"})");
}

TEST(MessageJson, OneofShowsOnlyTheMemberThatIsSet) {
  v1::Report report;
  report.mutable_policy();
  EXPECT_EQ(
      CompactJson(MessageJson(report)),
      R"({"device_id":"","seq":0,"prev_sha256":"","dropped_before":0,"policy":{"documents":[],"canaries":[]}})");
}

TEST(Lifted, PutsTheObjectsOwnFieldsFirst) {
  v1::AppView view;
  view.mutable_app()->set_id("tox");
  view.set_trm(v1::Trm::PROHIBITED);
  view.set_blocklisted(true);
  EXPECT_EQ(CompactJson(Lifted(MessageJson(view), "app")),
            R"({"id":"tox","name":"","publisher":"","note":"","identities":[],"web_hosts":[],)"
            R"("trm":"PROHIBITED","blocklisted":true})");
  EXPECT_EQ(CompactJson(Lifted(MessageJson(v1::AppView()), "app")),
            R"({"trm":"UNSPECIFIED","blocklisted":false})");
}

TEST(CompactJson, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(CompactJson(Json("a\xff")), "\"a\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace muster::cli
