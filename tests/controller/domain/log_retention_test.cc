#include "controller/domain/log_retention.h"

#include <gtest/gtest.h>

#include "common/log_tiles.h"
#include "common/time_proto.h"
#include "tests/support/now.h"

namespace muster {
namespace {

absl::TimeZone ZoneNamed(const std::string& name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

absl::Time At(const std::string& text) {
  absl::Time at;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &at, nullptr)) << text;
  return at;
}

TEST(LogKeptUntil, CalendarYearsOfTheAgency) {
  const struct {
    const char *zone, *at;
    uint32_t years;
    const char* until;
  } kCases[] = {
      {"UTC", "2020-03-01T00:00:00Z", 3, "2023-03-01T00:00:00Z"},
      {"UTC", "2020-02-29T12:00:00Z", 3, "2023-03-01T12:00:00Z"},  // no such day then
      {"UTC", "2020-02-29T12:00:00Z", 4, "2024-02-29T12:00:00Z"},
      {"UTC", "2023-03-01T00:00:00Z", 5, "2028-03-01T00:00:00Z"},
      {"UTC", "2019-12-31T23:59:59Z", 7, "2026-12-31T23:59:59Z"},
      // The 28th there while it is the 29th in UTC.
      {"America/New_York", "2024-02-29T04:59:59Z", 3, "2027-03-01T04:59:59Z"},
      {"America/New_York", "2024-02-29T05:00:00Z", 3, "2027-03-01T05:00:00Z"},
      // 02:30 of 14 March 2027 is skipped there: the later reading.
      {"America/New_York", "2021-03-14T01:30:00-05:00", 6, "2027-03-14T06:30:00Z"},
      {"America/New_York", "2024-03-14T02:30:00-04:00", 3, "2027-03-14T07:30:00Z"},
      // 01:30 of 7 November 2027 comes twice: the second one.
      {"America/New_York", "2024-11-07T01:30:00-05:00", 3, "2027-11-07T06:30:00Z"},
      {"UTC", "9500-01-01T00:00:00Z", 3, "infinite-future"},
  };
  for (const auto& c : kCases) {
    const absl::Time until = LogKeptUntil(At(c.at), c.years, ZoneNamed(c.zone));
    EXPECT_EQ(until == absl::InfiniteFuture() ? "infinite-future" : TimeText(until), c.until)
        << c.at << " " << c.zone;
  }
}

TEST(IsOver, TheMomentItselfAndWhatWasAskedFor) {
  const LogRetentionTerms all = {.keep_years = 3, .zone = ZoneNamed("UTC"), .now = kNow};
  const absl::Time three = At(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", kNow, ZoneNamed("UTC")));
  const absl::CivilSecond now = absl::ToCivilSecond(three, ZoneNamed("UTC"));
  const absl::Time edge = absl::FromCivil(absl::CivilSecond(now.year() - 3, now.month(), now.day(),
                                                            now.hour(), now.minute(), now.second()),
                                          ZoneNamed("UTC"));
  EXPECT_TRUE(IsOver(edge, all));
  EXPECT_FALSE(IsOver(edge + absl::Seconds(1), all));
  EXPECT_FALSE(IsOver(kNow, all));
  LogRetentionTerms older = all;
  older.before = edge - absl::Hours(24);
  EXPECT_FALSE(IsOver(edge, older));
  EXPECT_FALSE(IsOver(*older.before, older)) << "before, not at";
  EXPECT_TRUE(IsOver(*older.before - absl::Seconds(1), older));
  EXPECT_TRUE(CheckBefore(older).ok());
  EXPECT_TRUE(CheckBefore(all).ok());
  LogRetentionTerms too_late = all;
  too_late.before = edge + absl::Seconds(1);
  EXPECT_EQ(CheckBefore(too_late).code(), absl::StatusCode::kInvalidArgument);
}

v1::Hold HoldOn(const std::string& person, const std::string& chat = "",
                const std::vector<std::string>& of_matter = {}) {
  v1::Hold out;
  out.set_hold_id("HOLD-000001");
  out.set_person_id(person);
  out.set_person_upn(person.empty() ? "" : person + "@agency.test");
  out.set_chat_key(chat);
  if (!of_matter.empty()) out.set_matter("2027-14");
  out.mutable_person_ids()->Assign(of_matter.begin(), of_matter.end());
  return out;
}

struct EntryParts {
  std::string object = {}, actor = {}, before = {}, after = {}, query = {}, subject = {};
};
v1::AuditEntry EntryOf(const EntryParts& parts) {
  v1::AuditEntry entry;
  entry.set_object(parts.object);
  entry.set_actor_id(parts.actor);
  entry.set_before(parts.before);
  entry.set_after(parts.after);
  entry.set_query(parts.query);
  if (!parts.subject.empty()) entry.add_subjects(parts.subject);
  return entry;
}

TEST(LogKeepers, AHoldKeepsWhatIsAboutItsPersonsOrChat) {
  const std::string chat(64, 'a');
  v1::Hold released = HoldOn("p1");
  *released.mutable_released_at() = ToProto(kNow);
  const std::string kPerson = "HOLD-000001 (person p1@agency.test)";
  const struct {
    const char* name;
    v1::Hold hold;
    EntryParts entry;
    std::string why;
  } kCases[] = {
      {"object", HoldOn("p1"), {.object = "person/p1"}, kPerson},
      {"subject", HoldOn("p1"), {.subject = "person/p1"}, kPerson},
      {"in another case",
       HoldOn("P1"),
       {.subject = "person/p1"},
       "HOLD-000001 (person P1@agency.test)"},
      {"what they did", HoldOn("p1"), {.actor = "p1"}, kPerson},
      {"record before", HoldOn("p1"), {.before = R"({"person_id":"p1","x":1})"}, kPerson},
      {"record after", HoldOn("p1"), {.after = R"({"items":["p0","p1"]})"}, kPerson},
      {"who was looked at", HoldOn("p1"), {.query = R"({"person":"p1"})"}, kPerson},
      {"another person", HoldOn("p1"), {.object = "person/p10", .actor = "p", .after = "p1x"}, ""},
      {"released", released, {.object = "person/p1"}, ""},
      {"chat",
       HoldOn("", chat),
       {.after = "{\"chat_key\":\"" + chat + "\"}"},
       "HOLD-000001 (chat " + chat + ")"},
      {"another chat", HoldOn("", chat), {.after = "{\"chat_key\":\"" + chat + "b\"}"}, ""},
      {"of a matter",
       HoldOn("", "", {"p2", "p3"}),
       {.subject = "person/p3"},
       "HOLD-000001 (matter 2027-14 with 2 persons)"},
      {"the hold itself", HoldOn("p1"), {.object = "hold/HOLD-000001"}, kPerson},
      {"nothing", HoldOn("p1"), {}, ""},
  };
  for (const auto& c : kCases) {
    LogKeepers keepers;
    keepers.Add(c.hold);
    EXPECT_EQ(keepers.WhyKept(EntryOf(c.entry)).value_or(""), c.why) << c.name;
  }
}

TEST(LogKeepers, WhatIsStillOpenKeepsItsEntries) {
  v1::Request request;
  request.set_request_id("REQ-000001");
  v1::Grant grant;
  grant.set_grant_id("GR-000001");
  grant.set_request_id("REQ-000002");
  v1::Incident incident;
  incident.set_incident_id("LOSS-000001");
  incident.set_grant_id("GR-000009");
  const auto why = [&](const std::string& object) {
    LogKeepers keepers;
    keepers.Add(request);
    keepers.Add(grant);
    keepers.Add(incident);
    return keepers.WhyKept(EntryOf({.object = object})).value_or("");
  };
  request.set_state(v1::Request::AWAITING_APPROVAL);
  grant.set_state(v1::Grant::SUSPENDED);
  incident.set_state(v1::Incident::REPORTED);
  EXPECT_EQ(why("request/REQ-000001"), "request REQ-000001, which is still open");
  EXPECT_EQ(why("grant/GR-000001"), "grant GR-000001, which has not ended");
  EXPECT_EQ(why("request/REQ-000002"), "grant GR-000001, which has not ended");
  EXPECT_EQ(why("incident/LOSS-000001"), "incident LOSS-000001, which is still open");
  EXPECT_EQ(why("grant/GR-000009"), "incident LOSS-000001, which is still open");
  grant.set_state(v1::Grant::REVOKING);
  EXPECT_EQ(why("grant/GR-000001"), "grant GR-000001, which has not ended");
  request.set_state(v1::Request::DENIED);
  grant.set_state(v1::Grant::REVOKED);
  incident.set_state(v1::Incident::CLOSED);
  for (const char* object : {"request/REQ-000001", "grant/GR-000001", "request/REQ-000002",
                             "incident/LOSS-000001", "grant/GR-000009"}) {
    EXPECT_EQ(why(object), "") << object;
  }
}

TEST(PruneWalk, WholeTilesUpToTheFirstEntryThatStays) {
  LogKeepers keepers;
  keepers.Add(HoldOn("p1"));
  const LogRetentionTerms terms = {.keep_years = 3, .zone = ZoneNamed("UTC"), .now = kNow};
  const std::vector<LogReaderPlace> far = {{"webhook itsm", 9'999}, {"webhook b", 9'000}};
  const uint64_t kNever = 1'000'000;
  const struct {
    const char* name;
    uint64_t from, entries, young, held;  // the first young entry, and the one on p1
    std::vector<LogReaderPlace> readers;
    uint64_t until;
    std::string held_by;
  } kCases[] = {
      {"all old", 0, 700, kNever, kNever, far, 512, ""},
      {"whole tiles", 0, 512, kNever, kNever, far, 512, ""},
      {"one short", 0, 511, kNever, kNever, far, 256, ""},
      {"too few", 0, 255, kNever, kNever, far, 0, ""},
      {"none", 0, 0, kNever, kNever, {}, 0, ""},
      {"young", 0, 700, 256, kNever, far, 256, ""},
      {"young at once", 256, 700, 256, kNever, far, 256, ""},
      {"goes on", 256, 700, 600, kNever, far, 512, ""},
      {"held", 0, 700, kNever, 300, far, 256,
       "HOLD-000001 (person p1@agency.test): entry 300 is about it"},
      {"held, but young too", 0, 700, 300, 300, far, 256, ""},
      {"a webhook",
       0,
       700,
       kNever,
       kNever,
       {{"webhook itsm", 300}, {"webhook b", 301}},
       256,
       "webhook itsm has not come to entry 300 yet"},
      {"a webhook at a tile's end",
       0,
       700,
       kNever,
       kNever,
       {{"webhook itsm", 512}},
       512,
       "webhook itsm has not come to entry 512 yet"},
      {"a webhook that never began",
       0,
       700,
       kNever,
       kNever,
       {{"webhook itsm", 0}},
       0,
       "webhook itsm has not come to entry 0 yet"},
  };
  for (const auto& c : kCases) {
    PruneWalk walk(c.from, terms, keepers, c.readers);
    for (uint64_t i = c.from; i < c.entries; ++i) {
      v1::AuditEntry entry = EntryOf({.object = i == c.held ? "person/p1" : "person/p2"});
      *entry.mutable_at() =
          ToProto(kNow - absl::Hours(24) * (i >= c.young ? 3 * 365 - 9 : 3 * 366));
      if (!walk.Take(entry)) break;
    }
    EXPECT_EQ(walk.pruned_below(), c.until) << c.name;
    EXPECT_EQ(walk.held_by(), c.held_by) << c.name;
  }
}

}  // namespace
}  // namespace muster
