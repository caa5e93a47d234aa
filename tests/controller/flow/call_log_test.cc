// Reads and refusals as entries, and what every entry says.
#include "controller/flow/call_log.h"

#include <gtest/gtest.h>

#include "controller/flow/audit.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

class CallLogTest : public World {
 protected:
  CallLogTest() { EXPECT_TRUE(Sync().ok()); }

  static Actor Soc() {
    Actor out = Who("soc");
    out.roles = {"soc-approver", "auditor"};
    return out;
  }
  absl::Status Record(absl::string_view method, const google::protobuf::Message& request,
                      const absl::Status& outcome = absl::OkStatus()) {
    before_ = AuditCount();
    return RecordCall(*services_, Soc(), method, request, outcome);
  }
  // What the last Record() wrote, without its times; nothing: "".
  std::string Written() {
    if (AuditCount() == before_) return "";
    v1::AuditRecord stored;
    v1::AuditEntry entry;
    EXPECT_TRUE(stored.ParseFromString((*store_->Read()->Get(AuditKey(before_)))->bytes));
    EXPECT_TRUE(entry.ParseFromString(stored.entry()));
    std::string subjects;
    for (const std::string& subject : entry.subjects()) absl::StrAppend(&subjects, " ", subject);
    return absl::StrCat(entry.verb(), " | ", entry.object(), " |", subjects, " | ", entry.query(),
                        " | ", entry.outcome());
  }

  uint64_t before_ = 0;
};

TEST_F(CallLogTest, AnEntrySaysWhoWithWhichRolesAndByWhatClock) {
  v1::GetPersonRequest in;
  in.set_upn("Alice@agency.test");
  ASSERT_TRUE(Record("GetPerson", in).ok());
  v1::AuditEntry want;
  want.set_sequence(before_);
  *want.mutable_at() = ToProto(clock_.Now());
  want.set_actor_id(IdOf(kSoc));
  want.set_actor_upn("soc@agency.test");
  want.set_signed_in_by("certificate 1");
  want.set_from("test");
  want.set_verb("read.person");
  want.set_object("person/" + IdOf(kAlice));
  want.set_outcome("ok");
  want.add_roles("soc-approver");
  want.add_roles("auditor");
  want.set_time_source("clock of a test");
  want.add_subjects("person/" + IdOf(kSoc));
  want.add_subjects("person/" + IdOf(kAlice));
  want.set_query(R"({"upn":"Alice@agency.test"})");
  const std::vector<v1::AuditEntry> got = Audited("read.person");
  ASSERT_EQ(got.size(), 1u);
  v1::AuditEntry sorted = got[0];
  std::sort(sorted.mutable_subjects()->begin(), sorted.mutable_subjects()->end());
  std::sort(want.mutable_subjects()->begin(), want.mutable_subjects()->end());
  EXPECT_EQ(sorted.DebugString(), want.DebugString());
}

TEST_F(CallLogTest, WhatIsAnEntryAndWhatItIsAbout) {
  const std::string soc = " person/" + IdOf(kSoc), alice = " person/" + IdOf(kAlice);
  v1::GetRequestRequest request;
  request.set_request_id("REQ-000001");
  v1::ListRequestsRequest filtered;
  filtered.set_person_upn("alice@agency.test");
  filtered.set_app_id("whatsapp");
  v1::DecideRequestRequest decide;
  decide.set_request_id("REQ-000001");
  decide.set_reason("r");
  const absl::Status denied = absl::PermissionDeniedError("not you");
  struct Case {
    const char* method;
    const google::protobuf::Message& request;
    absl::Status outcome;
    std::string want;
  };
  const Case kCases[] = {
      {"GetRequest", request, absl::OkStatus(),
       "read.request | request/REQ-000001 | request/REQ-000001" + soc +
           R"( | {"request_id":"REQ-000001"} | ok)"},
      {"GetRequest", request, absl::NotFoundError("none"),
       "read.request | request/REQ-000001 | request/REQ-000001" + soc +
           R"( | {"request_id":"REQ-000001"} | NOT_FOUND: none)"},
      {"GetRequest", request, absl::InvalidArgumentError("bad"), ""},
      {"ListRequests", v1::ListRequestsRequest(), absl::OkStatus(),
       "read.requests |  |" + soc + " | {} | ok"},
      {"ListRequests", filtered, absl::OkStatus(),
       "read.requests |  |" + soc + alice + " app/whatsapp" +
           R"( | {"person_upn":"alice@agency.test","app_id":"whatsapp"} | ok)"},
      {"ApproveRequest", decide, absl::OkStatus(), ""},
      {"ApproveRequest", decide, absl::FailedPreconditionError("late"), ""},
      {"ApproveRequest", decide, denied,
       "request.approve | request/REQ-000001 | request/REQ-000001" + soc +
           R"( | {"request_id":"REQ-000001","reason":"r"} | PERMISSION_DENIED: not you)"},
      {"ListApps", v1::ListAppsRequest(), absl::OkStatus(), ""},
      {"ListApps", v1::ListAppsRequest(), denied,
       "app.list |  |" + soc + " | {} | PERMISSION_DENIED: not you"},
      {"Conjure", v1::ListAppsRequest(), denied, ""},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(Record(c.method, c.request, c.outcome), c.outcome) << c.method;
    EXPECT_EQ(Written(), c.want) << c.method << " " << c.outcome;
  }
}

TEST_F(CallLogTest, WhatCannotBeTakenDownIsNotAnswered) {
  const v1::ListRequestsRequest in;
  store_->FailIn(1);
  EXPECT_EQ(Record("ListRequests", in),
            absl::UnavailableError(
                "not answered, because the audit log could not take down that you asked: crash"));
  EXPECT_EQ(Written(), "");
  store_->FailIn(1);
  const absl::Status denied = absl::PermissionDeniedError("not you");
  EXPECT_EQ(Record("ListRequests", in, denied), denied) << "a refusal stays one";
}

TEST_F(CallLogTest, AHugeQueryIsShortened) {
  v1::ApplyPoliciesRequest in;
  in.add_files()->set_text(std::string(1 << 20, 'x'));
  ASSERT_FALSE(Record("ApplyPolicies", in, absl::PermissionDeniedError("not you")).ok());
  const v1::AuditEntry entry = Audited("apply").at(0);
  const std::string query = ToJson(in);
  EXPECT_EQ(entry.query(), absl::StrCat(R"({"shortened":true,"bytes":)", query.size(),
                                        R"(,"sha256":")", Sha256Hex(query), "\"}"));
}

}  // namespace
}  // namespace muster
