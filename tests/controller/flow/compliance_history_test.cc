// Figures over time: written on their day, once, by office, and thinned out with age.
#include "controller/flow/compliance_history.h"

#include <gtest/gtest.h>

#include "common/archive_limits.h"
#include "controller/flow/audit.h"
#include "tests/controller/flow/world.h"
#include "tests/support/days.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;
class ComplianceHistoryTest : public World {
 protected:
  void Owe(const std::string& person, const std::string& office,
           v1::Obligation::State state = v1::Obligation::ACCRUING, const std::string& chat = "aa") {
    v1::Obligation o;
    o.set_person_id(person);
    o.set_person_upn(person + "@agency.test");
    o.set_office(office);
    o.set_app_id("whatsapp");
    o.set_device_id("d");
    o.set_chat_key(chat);
    o.set_state(state);
    o.set_level(v1::Evidence::E3_RECEIPTED);
    o.set_compliant(true);
    Mutation mutation;
    Put(mutation, ObligationKey(person, "whatsapp", "d", chat), o);
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  void Zone(const std::string& name) {
    v1::RetentionPolicy policy;
    policy.set_time_zone(name);
    Mutation mutation;
    Put(mutation, kRetentionKey, policy);
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  void Audit(const std::string& verb, int times = 1) {
    Mutation mutation;
    for (int i = 0; i < times; ++i) {
      mutation.audit.push_back(
          MakeAuditEntry(*services_, MusterItself(), {.verb = verb, .object = "obligation/x"}));
    }
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  Lines Days() { return *KeyTails(*store_->Read(), kFiguresPrefix); }
  absl::Status Tick() { return RunComplianceHistory(*services_); }
  Lines Months(const std::string& office = "") {
    Lines out;
    const auto months = FiguresByMonth(*store_->Read(), office, absl::InfinitePast(),
                                       absl::InfiniteFuture(), absl::UTCTimeZone());
    for (const v1::ComplianceFigures& m : *months) {
      out.push_back(absl::StrCat(m.group(), " ", m.compliant(), "/", m.obligations()));
    }
    return out;
  }
};

// The world's clock begins on 2027-01-15, 08:00 UTC.
TEST_F(ComplianceHistoryTest, OncePerDayAndOfficeAndNeverAfterwards) {
  ASSERT_TRUE(Tick().ok());
  EXPECT_EQ(Days(), Lines());  // nobody has anything to archive
  Owe("a", "Field/East");
  Owe("b", "");
  ASSERT_TRUE(Tick().ok());
  EXPECT_EQ(Days().size(), 2u);
  Owe("a", "Field/East", v1::Obligation::UNKNOWN);
  const int commits = store_->commits();
  ASSERT_TRUE(Tick().ok());
  EXPECT_EQ(store_->commits(), commits);
  EXPECT_EQ(Months(), Lines{"2027-01 2/2"});  // as it was when it was written
  clock_.Advance(3 * kDay);                   // not running meanwhile: these days stay empty
  ASSERT_TRUE(Tick().ok());
  EXPECT_EQ(Days().size(), 4u);
  EXPECT_EQ(Days().back().substr(0, 10), "2027-01-18");
  EXPECT_EQ(Months(), Lines{"2027-01 1/2"});
  EXPECT_EQ(Months("Field/East"), Lines{"2027-01 0/1"});
  clock_.Set(clock_.Now() - kDay);  // a clock that went back writes no day again
  ASSERT_TRUE(Tick().ok());
  EXPECT_EQ(Days().size(), 4u);
}

TEST_F(ComplianceHistoryTest, TheDayIsTheAgencys) {
  Zone("Pacific/Kiritimati");  // UTC+14
  clock_.Set(absl::FromCivil(absl::CivilHour(2027, 1, 31, 12), absl::UTCTimeZone()));
  Owe("a", "F");
  ASSERT_TRUE(Tick().ok());
  EXPECT_EQ(Days(), Lines{"2027-02-01/f"});
  Zone("No/Where");
  EXPECT_EQ(Tick().message(),
            "this machine does not know the time zone 'No/Where' of "
            "retention.yaml");
}

TEST_F(ComplianceHistoryTest, ACrashBetweenDaysHeals) {
  Owe("a", "F");
  store_->FailIn(1);
  EXPECT_FALSE(Tick().ok());
  EXPECT_EQ(Days(), Lines());
  ASSERT_TRUE(Tick().ok());
  EXPECT_EQ(Days(), Lines{"2027-01-15/f"});
}

TEST_F(ComplianceHistoryTest, OldDaysGoAndTheLastOfAMonthStays) {
  Owe("a", "F");
  for (int i = 0; i < 460; ++i) {
    ASSERT_TRUE(Tick().ok());
    clock_.Advance(kDay);
  }
  const Lines days = Days();
  // 2027-01-15 to 2028-04-18: month ends until the window of 400 days begins.
  EXPECT_EQ(days[0], "2027-01-31/f");
  EXPECT_EQ(days[1], "2027-02-28/f");
  EXPECT_EQ(days[2].substr(0, 7), "2027-03");
  EXPECT_EQ(days.size(), 2u + limits::kDailyFigureDays + 1);
  EXPECT_EQ(Months().size(), 16u);
}

TEST_F(ComplianceHistoryTest, ReminderAndSuspensionsAreCountedOnceEach) {
  Audit("archive.due-soon", 3);
  Audit("archive.overdue");
  Audit("archive.receipted", 2);
  Audit("archive.export-only");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Tick().ok());
  clock_.Advance(20 * kDay);  // in February
  Audit("archive.urgent");
  store_->FailIn(1);
  EXPECT_FALSE(Tick().ok());
  ASSERT_TRUE(Tick().ok());
  const auto january = EventsIn(*store_->Read(), {"2027-01"});
  EXPECT_EQ(january->ShortDebugString(), "reminders: 4 suspensions: 1");
  const auto both = EventsIn(*store_->Read(), {"2027-01", "2027-02", "2027-03"});
  EXPECT_EQ(both->ShortDebugString(), "reminders: 5 suspensions: 1");
}

TEST_F(ComplianceHistoryTest, OtherEntriesCostNoCommit) {
  const int commits = store_->commits();
  Audit("request.submit", 3);
  ASSERT_TRUE(Tick().ok());
  EXPECT_EQ(store_->commits(), commits + 1);  // the entries themselves
  Audit("request.submit", static_cast<int>(limits::kFigureAuditStep));
  ASSERT_TRUE(Tick().ok());
  EXPECT_EQ(store_->commits(), commits + 3);  // and how far it came
}

}  // namespace
}  // namespace muster
