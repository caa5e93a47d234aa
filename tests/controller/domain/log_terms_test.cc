#include "controller/domain/log_terms.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/log_limits.h"

namespace muster {
namespace {

using Terms = std::vector<std::string>;

TEST(LogTerms, OfWhatAnEntrySays) {
  v1::AuditEntry entry;
  entry.set_object("request/REQ-7");
  entry.set_actor_id("ID-1");
  entry.set_actor_upn("Soc@x");
  entry.set_ticket("INC1");
  entry.set_transaction_id("tx-1");
  entry.set_verb("request.approve");
  entry.add_subjects("person/ID-2");
  entry.add_subjects("person/id-2");
  entry.add_subjects("app/tox");
  EXPECT_EQ(LogTerms(entry),
            (Terms{"actor/id-1", "actor/soc@x", "app/tox", "object/request/req-7", "person/id-2",
                   "ticket/inc1", "transaction/tx-1", "verb/request.*", "verb/request.approve"}));
}

TEST(LogTerms, OfAnEntryFromBeforeThereWereSubjects) {
  v1::AuditEntry entry;
  entry.set_object("member/tox/p");
  entry.set_actor_id("device/d");
  entry.set_verb("apply");
  EXPECT_EQ(LogTerms(entry), (Terms{"actor/device/d", "app/tox", "device/d", "object/member/tox/p",
                                    "person/p", "verb/apply"}));
  EXPECT_EQ(LogTerms(v1::AuditEntry()), Terms());
}

TEST(LogTerms, AreBounded) {
  v1::AuditEntry entry;
  entry.set_verb("a.b");
  for (size_t i = 0; i < 1'000; ++i) entry.add_subjects(absl::StrCat("person/", i));
  EXPECT_EQ(LogTerms(entry).size(), limits::kMaxLogSubjects + 7);
}

}  // namespace
}  // namespace muster
