#include "controller/domain/log_subjects.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/log_limits.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {
namespace {

using Subjects = std::vector<std::string>;

TEST(LogSubjects, OfAnObject) {
  const std::pair<const char*, Subjects> kCases[] = {
      {"request/REQ-1", {"request/REQ-1"}},
      {"grant/GRT-1", {"grant/GRT-1"}},
      {"device/d", {"device/d"}},
      {"hold/HOLD-1", {"hold/HOLD-1"}},
      {"run/RUN-1", {"run/RUN-1"}},
      {"trm/whatsapp", {"app/whatsapp"}},
      {"member/whatsapp/a@x", {"app/whatsapp", "person/a@x"}},
      {"role/auditor/a@x", {"person/a@x"}},
      {"export/p/whatsapp/chat/hash", {"person/p", "app/whatsapp"}},
      {"obligation/p/whatsapp/d/-", {"person/p", "app/whatsapp", "device/d"}},
      {"attestation/p", {"person/p"}},
      {"document/assignment/d@12", {"device/d"}},
      {"document/cohort/linux@3", {}},
      {"policies", {}},
      {"request", {}},
      {"request/", {}},
      {"", {}},
  };
  for (const auto& [object, want] : kCases) {
    LogSubjects subjects;
    subjects.AddObject(object);
    EXPECT_EQ(subjects.get(), want) << object;
  }
}

TEST(LogSubjects, OfAnActor) {
  const std::pair<const char*, Subjects> kCases[] = {
      {"p", {"person/p"}}, {"device/d", {"device/d"}}, {"muster", {}}, {"", {}}};
  for (const auto& [actor, want] : kCases) {
    LogSubjects subjects;
    subjects.AddActor(actor);
    EXPECT_EQ(subjects.get(), want) << actor;
  }
}

TEST(LogSubjects, OfARecordAtAnyDepthEachOnce) {
  v1::RequestResponse record;
  record.mutable_request()->set_request_id("REQ-2");
  record.mutable_request()->set_person_id("p");
  record.mutable_request()->set_app_id("whatsapp");
  record.mutable_request()->set_device_id("d");
  record.mutable_request()->set_grant_id("GRT-2");
  record.mutable_request()->set_duplicate_of("REQ-1");
  record.mutable_request()->set_justification("person_id");
  LogSubjects subjects;
  subjects.AddObject("request/REQ-2");
  subjects.AddRecord(record);
  EXPECT_EQ(subjects.get(), (Subjects{"request/REQ-2", "app/whatsapp", "person/p", "device/d",
                                      "grant/GRT-2", "request/REQ-1"}));
  v1::Hold hold;
  hold.set_hold_id("HOLD-1");
  hold.add_person_ids("p");
  hold.add_person_ids("q");
  LogSubjects held;
  held.AddRecord(hold);
  EXPECT_EQ(held.get(), (Subjects{"hold/HOLD-1", "person/p", "person/q"}));
}

TEST(LogSubjects, OfAQuery) {
  const auto id_of = [](const std::string& upn) { return upn == "a@x" ? "p" : upn; };
  v1::ExplainRequest explain;
  explain.set_person_upn("a@x");
  explain.set_device_id("d");
  explain.set_app_id("tox");
  LogSubjects explained;
  explained.AddQuery(explain, id_of);
  EXPECT_EQ(explained.get(), (Subjects{"person/p", "device/d", "app/tox"}));
  v1::ListAuditRequest list;
  list.set_object("request/REQ-1");
  list.set_actor("gone@x");
  list.set_person("a@x");
  list.set_device("d");
  list.set_app("tox");
  list.set_about("grant/GRT-1");
  LogSubjects listed;
  listed.AddQuery(list, id_of);
  EXPECT_EQ(listed.get(), (Subjects{"request/REQ-1", "person/gone@x", "person/p", "device/d",
                                    "app/tox", "grant/GRT-1"}));
}

TEST(LogSubjects, AreBounded) {
  v1::SyncRun run;
  for (size_t i = 0; i < 3 * limits::kMaxLogSubjects; ++i) {
    run.add_added()->set_person_id(absl::StrCat("p", i));
  }
  LogSubjects subjects;
  subjects.Add("person", std::string(limits::kMaxLogSubjectBytes, 'x'));
  EXPECT_EQ(subjects.get(), Subjects()) << "too long to be anything's name";
  subjects.AddRecord(run);
  ASSERT_EQ(subjects.get().size(), limits::kMaxLogSubjects);
  EXPECT_EQ(subjects.get().front(), "person/p0");
  EXPECT_EQ(subjects.get().back(), "person/p63");
}

}  // namespace
}  // namespace muster
