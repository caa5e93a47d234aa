// What the verbs of `musterctl directory` print.
#include <gtest/gtest.h>

#include "cli/errors.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {
namespace {

v1::SyncRun HeldRun() {
  v1::SyncRun run;
  run.set_run_id("RUN-000012");
  run.set_state(v1::SyncRun::HELD);
  run.set_detail("6 of 20 members would lose access");
  run.set_added_count(1);
  run.set_removed_count(3);
  run.set_missing_count(1);
  v1::SyncRun::Change* gone = run.add_removed();
  gone->set_app_id("whatsapp");
  gone->set_person_id("1");
  gone->set_upn("bob@x");
  gone->set_display_name("Bob B");
  gone->set_cause(v1::SyncRun::Change::LEFT_GROUP);
  gone->set_why("left group");
  gone->add_via("WA-Approved");
  gone->add_via("Field");
  v1::SyncRun::Change* missing = run.add_missing();
  missing->set_person_id("2");
  missing->set_cause(v1::SyncRun::Change::DELETED);
  missing->set_why("missing from this read");
  v1::SyncRun::Change* joined = run.add_added();
  joined->set_app_id("whatsapp");
  joined->set_upn("eve@x\x1b[2J");
  joined->set_cause(v1::SyncRun::Change::JOINED);
  joined->set_why("in group via WA-Approved");
  joined->add_via("WA-Approved");
  return run;
}

constexpr char kDiff[] =
    "run_id:         RUN-000012\n"
    "state:          HELD\n"
    "persons_read:   0\n"
    "members_read:   0\n"
    "detail:         6 of 20 members would lose access\n"
    "added_count:    1\n"
    "removed_count:  3\n"
    "missing_count:  1\n"
    "changes:\n"
    "  -  bob@x      Bob B  whatsapp  LEFT_GROUP  left group                WA-Approved > Field\n"
    "  -  2                           DELETED     missing from this read\n"
    "  +  eve@x [2J         whatsapp  JOINED      in group via WA-Approved  WA-Approved\n"
    "  and 2 more removals\n";

TEST(Directory, ARunIsADiff) {
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"directory", "runs", "RUN-000012"}, {"directory", "sync", "--dry-run"}}) {
    FakeController controller;
    controller.Answer(HeldRun());
    const Ran ran = RunCtl(&controller, args);
    EXPECT_EQ(ran.code, kExitOk) << ran.err;
    EXPECT_EQ(ran.out, kDiff);
  }
  FakeController controller;
  controller.Answer(HeldRun());
  const Json json = Json::parse(RunCtl(&controller, {"directory", "runs", "R", "-o", "json"}).out);
  EXPECT_EQ(json.at("removed").at(0).at("cause"), "LEFT_GROUP");
  EXPECT_EQ(json.at("removed").at(0).at("via"), Json::parse(R"(["WA-Approved","Field"])"));
}

TEST(Directory, ARunWithoutChangesSaysSo) {
  FakeController controller;
  v1::SyncRun run;
  run.set_state(v1::SyncRun::APPLIED);
  controller.Answer(run);
  const Ran ran = RunCtl(&controller, {"directory", "sync"});
  EXPECT_NE(ran.out.find("\nchanges:\n  none\n"), std::string::npos) << ran.out;
}

TEST(Directory, MembersSayWhy) {
  FakeController controller;
  v1::ListMembersResponse response;
  v1::Member* member = response.add_items();
  member->mutable_person()->set_upn("bob@x");
  member->mutable_membership()->add_via("cn=WA-Approved,dc=x");
  member->mutable_membership()->add_via("CN=Field,dc=x");
  member->mutable_membership()->set_inactive_because("disabled");
  member->set_grant_id("GR-000001");
  member->set_grant_state(v1::Grant::ACTIVE);
  controller.Answer(response);
  EXPECT_EQ(RunCtl(&controller, {"directory", "members", "whatsapp"}).out,
            "PERSON  NAME  EFFECTIVE  BUT       PATH                 SINCE  REQUEST  GRANT      "
            "STATE   BY MUSTER\n"
            "bob@x         false      disabled  WA-Approved > Field                  GR-000001  "
            "ACTIVE  false\n");
}

TEST(Directory, ExplainMemberReadsLikeAnAnswer) {
  FakeController controller;
  v1::ExplainMemberResponse response;
  for (const char* app : {"signal", "whatsapp"}) {
    v1::MemberExplanation* item = response.add_items();
    item->set_app_id(app);
    item->set_effective(std::string(app) == "signal");
    v1::Explanation::Link* link = item->add_chain();
    link->set_condition("the account is enabled");
    link->set_holds(item->effective());
    link->set_detail("detail");
    if (!item->effective()) item->set_next_step("have it enabled");
  }
  controller.Answer(response);
  EXPECT_EQ(RunCtl(&controller, {"directory", "explain-member", "bob@x"}).out,
            "app:        signal\n"
            "effective:  yes\n"
            "because:\n"
            "  yes  the account is enabled  detail\n"
            "\n"
            "app:        whatsapp\n"
            "effective:  no\n"
            "because:\n"
            "  no  the account is enabled  detail\n"
            "next step: have it enabled\n");
}

TEST(Directory, ErrorsHaveTheirCodes) {
  const std::pair<absl::Status, int> kCases[] = {
      {absl::FailedPreconditionError("RUN-1 is APPLIED"), kExitRejected},
      {absl::AlreadyExistsError("released already"), kExitRejected},
      {absl::NotFoundError("no run 'RUN-1'"), kExitNotFound},
      {absl::UnavailableError("no domain controller answers"), kExitUnavailable},
  };
  for (const auto& [status, code] : kCases) {
    FakeController controller;
    controller.Refuse(status);
    EXPECT_EQ(RunCtl(&controller, {"directory", "release", "RUN-1"}).code, code) << status;
  }
}

}  // namespace
}  // namespace muster::cli
