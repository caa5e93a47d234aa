#include "controller/domain/retention.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"

namespace muster {
namespace {

using Schedule = v1::RetentionSchedule;

absl::TimeZone Eastern() {
  absl::TimeZone out;
  EXPECT_TRUE(absl::LoadTimeZone("America/New_York", &out));
  return out;
}

// "2028-02-29 12:00", in New York.
absl::Time Local(const std::string& text) {
  absl::Time out;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M", text, Eastern(), &out, nullptr)) << text;
  return out;
}
std::string Shown(absl::Time at) { return absl::FormatTime("%Y-%m-%d %H:%M", at, Eastern()); }

v1::ExportSeen Seen(const std::string& first, const std::string& last) {
  v1::ExportSeen out;
  *out.mutable_first_at() = ToProto(Local(first));
  *out.mutable_last_at() = ToProto(Local(last));
  return out;
}

v1::PersonRole Role(bool capstone, const std::string& from, const std::string& until) {
  v1::PersonRole out;
  out.set_capstone(capstone);
  if (!from.empty()) *out.mutable_from() = ToProto(Local(from));
  if (!until.empty()) *out.mutable_until() = ToProto(Local(until));
  return out;
}

// Appointed at noon on 1 June 2027, back on 1 June 2029.
std::vector<v1::PersonRole> Appointed() {
  return {Role(true, "2027-06-01 12:00", "2029-06-01 12:00"), Role(false, "", "2027-06-01 12:00"),
          Role(false, "2029-06-01 12:00", "")};
}

Schedule Temporary(Schedule::Status status, const std::string& cutoff = "calendar-year",
                   uint32_t years = 10, const std::string& id = "DAA-1") {
  Schedule out;
  out.set_id(id);
  out.set_status(status);
  out.set_disposition(Schedule::TEMPORARY);
  out.set_keep_years(years);
  out.set_cutoff(cutoff);
  return out;
}

Schedule CapstoneSchedule(Schedule::Status status) {
  Schedule out;
  out.set_id("GRS 6.1");
  out.set_status(status);
  out.set_disposition(Schedule::PERMANENT);
  out.set_capstone(true);
  return out;
}

// "STATE schedule [held]: because; not destroyed because".
std::string Shown(const RetentionDecision& d) {
  EXPECT_FALSE(d.may_be_destroyed);
  return absl::StrCat(v1::Retention::State_Name(d.state), " ", d.schedule_id, d.held ? " held" : "",
                      ": ", d.because, "; ", d.not_destroyed_because);
}

TEST(RetentionOf, TheRoleAtTheTimeOfTheMessages) {
  const RetentionFacts facts = {
      .roles = Appointed(),
      .schedules = {Temporary(Schedule::APPROVED), CapstoneSchedule(Schedule::APPROVED)},
      .zone = Eastern()};
  struct Case {
    const char *first, *last, *want;
  };
  const char kTemporary[] = "TEMPORARY_10Y DAA-1: temporary under schedule DAA-1: 10 years after ";
  const char kNotNow[] = "; this version marks nothing for destruction, also when its time is over";
  const Case kCases[] = {
      {"2027-01-01 00:00", "2027-06-01 11:59",
       "its cut-off at 2028-01-01T05:00:00Z, until 2038-01-01T05:00:00Z"},
      {"2027-01-01 00:00", "2027-06-01 12:00",
       "PERMANENT GRS 6.1: a chat in part of a Capstone official's time: permanent under schedule "
       "GRS 6.1; a permanent record"},
      {"2027-06-01 12:00", "2029-06-01 11:59",
       "PERMANENT GRS 6.1: a chat of a Capstone official's time: permanent under schedule GRS 6.1; "
       "a permanent record"},
      {"2029-06-01 11:59", "2029-12-31 00:00",
       "PERMANENT GRS 6.1: a chat in part of a Capstone official's time: permanent under schedule "
       "GRS 6.1; a permanent record"},
      {"2029-06-01 12:00", "2029-12-31 23:59",
       "its cut-off at 2030-01-01T05:00:00Z, until 2040-01-01T05:00:00Z"},
  };
  for (const Case& c : kCases) {
    std::string want = c.want;
    if (want.rfind("its", 0) == 0) want = absl::StrCat(kTemporary, want, kNotNow);
    EXPECT_EQ(Shown(RetentionOf(Seen(c.first, c.last), facts)), want) << c.first;
  }
  v1::ExportSeen group = Seen("2028-01-01 00:00", "2028-01-02 00:00");
  group.set_group(true);
  EXPECT_EQ(RetentionOf(group, facts).because,
            "a group chat of a Capstone official's time: permanent under schedule GRS 6.1");
}

TEST(RetentionOf, WithoutAnApprovedScheduleEverythingIsKept) {
  const v1::ExportSeen seen = Seen("2027-01-01 00:00", "2027-02-01 00:00");
  RetentionFacts facts = {.roles = {Role(false, "", "")}, .zone = Eastern()};
  EXPECT_EQ(Shown(RetentionOf(seen, facts)),
            "UNSCHEDULED_KEEP : no schedule covers it: unscheduled records are kept; no approved "
            "schedule allows it");
  facts.schedules = {Temporary(Schedule::DRAFT), CapstoneSchedule(Schedule::APPROVED)};
  EXPECT_EQ(
      Shown(RetentionOf(seen, facts)),
      "UNSCHEDULED_KEEP : schedule DAA-1 is a draft, which allows no destruction: it is kept; "
      "no approved schedule allows it");
  facts.roles = {Role(true, "", "")};
  facts.schedules = {Temporary(Schedule::APPROVED), CapstoneSchedule(Schedule::DRAFT)};
  EXPECT_EQ(Shown(RetentionOf(seen, facts)),
            "PERMANENT : a chat of a Capstone official's time: permanent, though no approved "
            "schedule says so; a permanent record");
}

TEST(RetentionOf, WhatIsNotKnownIsKept) {
  RetentionFacts facts = {.roles = {Role(false, "2027-01-01 00:00", "2027-02-01 00:00"),
                                    Role(false, "2027-03-01 00:00", "")},
                          .schedules = {Temporary(Schedule::APPROVED)},
                          .zone = Eastern()};
  const char kUnknown[] =
      "UNSCHEDULED_KEEP : the person's role at the time of its messages is not known: it is kept; "
      "no approved schedule allows it";
  EXPECT_EQ(Shown(RetentionOf(Seen("2026-12-31 00:00", "2027-01-15 00:00"), facts)), kUnknown);
  EXPECT_EQ(Shown(RetentionOf(Seen("2027-01-15 00:00", "2027-03-15 00:00"), facts)), kUnknown);
  EXPECT_EQ(RetentionOf(Seen("2027-01-01 00:00", "2027-01-31 23:59"), facts).state,
            v1::Retention::TEMPORARY_10Y);
  facts.roles[1].set_absent(true);
  EXPECT_EQ(Shown(RetentionOf(Seen("2027-03-15 00:00", "2027-03-15 00:00"), facts)), kUnknown);

  v1::ExportSeen unsure = Seen("2027-03-15 00:00", "2027-03-15 00:00");
  unsure.set_ambiguous(true);
  EXPECT_EQ(RetentionOf(unsure, facts).because, "its dates are not sure: it is kept");
  EXPECT_EQ(RetentionOf({}, facts).because, "its dates are not sure: it is kept");
  facts.roles = Appointed();
  EXPECT_EQ(RetentionOf(unsure, facts).state, v1::Retention::PERMANENT);
}

TEST(RetentionOf, AHoldOverridesAll) {
  RetentionFacts facts = {.roles = {Role(false, "", "")},
                          .schedules = {Temporary(Schedule::APPROVED)},
                          .hold_ids = {"HOLD-1", "HOLD-2"},
                          .zone = Eastern()};
  const RetentionDecision held = RetentionOf(Seen("2027-01-01 00:00", "2027-02-01 00:00"), facts);
  EXPECT_TRUE(held.held);
  EXPECT_EQ(held.state, v1::Retention::TEMPORARY_10Y);
  EXPECT_EQ(held.not_destroyed_because, "held by HOLD-1, HOLD-2");
}

TEST(RetentionOf, OfSeveralSchedulesTheLongest) {
  RetentionFacts facts = {.roles = {Role(false, "", "")},
                          .schedules = {Temporary(Schedule::APPROVED, "message", 3, "A"),
                                        Temporary(Schedule::APPROVED, "message", 7, "B"),
                                        Temporary(Schedule::DRAFT, "message", 99, "C")},
                          .zone = Eastern()};
  const v1::ExportSeen seen = Seen("2027-01-01 00:00", "2028-02-29 12:00");
  const RetentionDecision d = RetentionOf(seen, facts);
  EXPECT_EQ(d.schedule_id, "B");
  EXPECT_EQ(Shown(*d.cutoff_at), "2028-02-29 12:00");
  EXPECT_EQ(Shown(*d.keep_until), "2035-03-01 12:00");  // no leap day: the longer one
  Schedule permanent = Temporary(Schedule::APPROVED, "", 0, "D");
  permanent.set_disposition(Schedule::PERMANENT);
  facts.schedules.push_back(permanent);
  EXPECT_EQ(Shown(RetentionOf(seen, facts)),
            "PERMANENT D: permanent under schedule D; a permanent record");
  facts.schedules = {Temporary(Schedule::APPROVED, "", 7, "E")};
  EXPECT_EQ(RetentionOf(seen, facts).because,
            "schedule E does not say from when on and for how long: it is kept");
}

TEST(AllRoles, ThePresentOneBeginsWhereTheLastEnded) {
  v1::Person person;
  person.set_capstone(true);
  person.set_office("Front");
  std::vector<v1::PersonRole> roles = AllRoles(person, {});
  ASSERT_EQ(roles.size(), 1u);
  EXPECT_FALSE(roles[0].has_from() || roles[0].has_until());
  roles = AllRoles(person, {Role(false, "2027-06-01 12:00", "2029-06-01 12:00"),
                            Role(false, "", "2027-06-01 12:00")});
  ASSERT_EQ(roles.size(), 3u);
  EXPECT_EQ(Shown(FromProto(roles[0].from())), "2029-06-01 12:00");
  EXPECT_TRUE(roles[0].capstone());
  EXPECT_FALSE(roles[0].has_until());
  EXPECT_EQ(roles[0].office(), "Front");
}

TEST(CutoffAfter, ByItsKind) {
  struct Case {
    const char *at, *kind, *want;
  };
  const Case kCases[] = {
      {"2027-01-01 00:00", "calendar-year", "2028-01-01 00:00"},
      {"2027-12-31 23:59", "calendar-year", "2028-01-01 00:00"},
      {"2027-09-30 23:59", "fiscal-year", "2027-10-01 00:00"},
      {"2027-10-01 00:00", "fiscal-year", "2028-10-01 00:00"},
      {"2027-12-31 23:59", "fiscal-year", "2028-10-01 00:00"},
      {"2028-02-29 12:00", "message", "2028-02-29 12:00"},
  };
  for (const Case& c : kCases) {
    const auto cutoff = CutoffAfter(Local(c.at), c.kind, Eastern());
    ASSERT_TRUE(cutoff) << c.kind;
    EXPECT_EQ(Shown(*cutoff), c.want) << c.at << " " << c.kind;
  }
  EXPECT_EQ(CutoffAfter(Local("2027-01-01 00:00"), "quarter", Eastern()), std::nullopt);
}

}  // namespace
}  // namespace muster
