#include "controller/domain/incident.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "tests/support/days.h"
#include "tests/support/now.h"

namespace muster {
namespace {

using I = v1::Incident;
// Every arrow of DESIGN section 4, and the two that stay where they are; every other pair of state
// and event is refused.
TEST(NextIncidentState, EveryStateAndEvent) {
  using E = IncidentEvent;
  const std::map<std::pair<I::State, E>, I::State> kArrows = {
      {{I::SUSPECTED, E::kAssess}, I::ASSESSING},   {{I::ASSESSING, E::kDescribe}, I::ASSESSING},
      {{I::ASSESSING, E::kDismiss}, I::NOT_A_LOSS}, {{I::ASSESSING, E::kConfirm}, I::CONFIRMED},
      {{I::CONFIRMED, E::kDraft}, I::REPORT_DRAFT}, {{I::REPORT_DRAFT, E::kDraft}, I::REPORT_DRAFT},
      {{I::REPORT_DRAFT, E::kSign}, I::SIGNED},     {{I::SIGNED, E::kDraft}, I::REPORT_DRAFT},
      {{I::SIGNED, E::kReport}, I::REPORTED},       {{I::REPORTED, E::kUpdateDue}, I::UPDATE_DUE},
      {{I::UPDATE_DUE, E::kUpdate}, I::UPDATED},    {{I::UPDATED, E::kUpdateDue}, I::UPDATE_DUE},
      {{I::UPDATED, E::kClose}, I::CLOSED},
  };
  size_t arrows = 0;
  for (int s = I::State_MIN; s <= I::State_MAX; ++s) {
    for (int e = 0; e <= static_cast<int>(E::kClose); ++e) {
      const auto state = static_cast<I::State>(s);
      const auto event = static_cast<E>(e);
      const auto want = kArrows.find({state, event});
      const auto got = NextIncidentState(state, event);
      const std::string name = I::State_Name(state) + " " + std::string(IncidentEventName(event));
      if (want == kArrows.end()) {
        EXPECT_EQ(got.status().code(), absl::StatusCode::kFailedPrecondition) << name;
        EXPECT_EQ(got.status().message(),
                  absl::StrCat("an incident in state ", I::State_Name(state), " cannot be ",
                               IncidentEventName(event)));
      } else {
        ASSERT_TRUE(got.ok()) << name;
        EXPECT_EQ(*got, want->second) << name;
        ++arrows;
      }
    }
  }
  EXPECT_EQ(arrows, kArrows.size());
}

TEST(IsOpenIncident, UntilSomebodyEndedIt) {
  const std::pair<I::State, bool> kCases[] = {
      {I::UNSPECIFIED, false}, {I::SUSPECTED, true}, {I::ASSESSING, true},
      {I::NOT_A_LOSS, false},  {I::CONFIRMED, true}, {I::REPORT_DRAFT, true},
      {I::SIGNED, true},       {I::REPORTED, true},  {I::UPDATE_DUE, true},
      {I::UPDATED, true},      {I::CLOSED, false}};
  for (const auto& [state, want] : kCases) {
    EXPECT_EQ(IsOpenIncident(state), want) << I::State_Name(state);
  }
}

I At(I::State state) {
  I out;
  out.set_incident_id("LOSS-000001");
  out.set_person_id("guid-a");
  out.set_person_upn("alice@agency.test");
  out.set_circumstances("WhatsApp was removed");
  TakeStep(out, I::SUSPECTED, "desk@agency.test", "the phone is gone", kNow - kDay);
  if (state != I::SUSPECTED) TakeStep(out, state, "rim@agency.test", "r", kNow - kDay / 2);
  return out;
}

IncidentDecision By(const std::string& who, const std::string& reason = "looked at it") {
  return {.by = {.person_id = absl::StrCat("guid-", who.substr(0, 1)),
                 .upn = absl::StrCat(who, "@agency.test")},
          .reason = reason,
          .now = kNow};
}

std::string Text(const absl::StatusOr<I>& result) {
  if (!result.ok()) return std::string(result.status().message());
  return I::State_Name(result->state());
}

TEST(Incident, EachDecisionWritesItsStep) {
  I incident = *AssessIncident(At(I::SUSPECTED), By("rim"));
  EXPECT_EQ(incident.state(), I::ASSESSING);
  ASSERT_EQ(incident.history_size(), 2);
  EXPECT_EQ(incident.history(1).ShortDebugString(),
            "to: ASSESSING at { seconds: 1800000000 } by_upn: \"rim@agency.test\" reason: "
            "\"looked at it\"");
  EXPECT_EQ(Text(AssessIncident(incident, By("rim"))),
            "LOSS-000001 is ASSESSING and cannot be taken up for assessment");
  EXPECT_EQ(Text(ConfirmIncident(At(I::SUSPECTED), By("rim"))),
            "LOSS-000001 is SUSPECTED and cannot be confirmed; `musterctl incident assess` comes "
            "first");
  EXPECT_EQ(Text(AssessIncident(At(I::SUSPECTED), By("rim", ""))), "the reason is missing");
  EXPECT_EQ(Text(DismissIncident(incident, By("rim"))), "NOT_A_LOSS");
}

TEST(Incident, TwoPeopleStandBehindALoss) {
  const I assessing = At(I::ASSESSING);
  EXPECT_EQ(Text(ConfirmIncident(assessing, By("desk"))),
            "desk@agency.test opened LOSS-000001 and can neither dismiss nor confirm it; another "
            "records officer must");
  EXPECT_EQ(DismissIncident(assessing, By("desk")).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Text(ConfirmIncident(assessing, By("rim"))), "CONFIRMED");
  I by_machine = assessing;
  by_machine.mutable_history(0)->clear_by_upn();
  EXPECT_EQ(Text(ConfirmIncident(by_machine, By("desk"))), "CONFIRMED");
}

TEST(Incident, NobodyDecidesAboutTheirOwn) {
  const IncidentDecision alice = By("alice");
  const I assessing = At(I::ASSESSING);
  const absl::StatusOr<I> kAll[] = {
      AssessIncident(At(I::SUSPECTED), alice),
      DismissIncident(assessing, alice),
      ConfirmIncident(assessing, alice),
      DraftIncident(assessing, {}, alice),
      SignIncident(At(I::REPORT_DRAFT), {}, {}, alice),
      ReportIncident(At(I::SIGNED), "NARA", kDay, alice),
      UpdateIncident(At(I::UPDATE_DUE), kDay, alice),
      CloseIncident(At(I::UPDATED), alice),
  };
  for (const auto& result : kAll) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kPermissionDenied) << Text(result);
  }
}

TEST(Incident, ConfirmedOnlyWithCircumstances) {
  I incident = At(I::ASSESSING);
  incident.clear_circumstances();
  EXPECT_EQ(Text(ConfirmIncident(incident, By("rim"))),
            "LOSS-000001 does not say what happened, and cannot be confirmed; write it down with "
            "`musterctl incident draft LOSS-000001 --circumstances TEXT`");
  incident = *DraftIncident(incident, {.circumstances = "dropped into the sea"}, By("rim"));
  EXPECT_EQ(incident.state(), I::ASSESSING);
  EXPECT_EQ(Text(ConfirmIncident(incident, By("rim"))), "CONFIRMED");
}

I Draft() {
  I out = *DraftIncident(At(I::CONFIRMED), {"", "new phones archive", "none found", ""}, By("rim"));
  out.set_report_sha256("aa");
  return out;
}
v1::LossReport ReportOf(const std::string& incident, const std::string& sha256) {
  v1::LossReport out;
  out.set_incident_id(incident);
  out.set_report_sha256(sha256);
  return out;
}

TEST(Incident, SignedOnlyAsItIsNow) {
  const I draft = Draft();
  EXPECT_EQ(draft.state(), I::REPORT_DRAFT);
  EXPECT_EQ(draft.circumstances(), "WhatsApp was removed");  // empty: as it was
  EXPECT_EQ(Text(SignIncident(draft, ReportOf("LOSS-000002", "aa"), {}, By("rim"))),
            "NOT_NAMED: it signs the report of LOSS-000002, not of LOSS-000001");
  EXPECT_EQ(Text(SignIncident(draft, ReportOf("LOSS-000001", "bb"), {}, By("rim"))),
            "REPORT_CHANGED: it signs the report bb, and the report is now aa; read it again with "
            "`musterctl incident document LOSS-000001 --out FILE`, then sign that");
  v1::SignedDoc doc;
  doc.set_payload("p");
  const I signed_one = *SignIncident(draft, ReportOf("LOSS-000001", "aa"), doc, By("rim"));
  EXPECT_EQ(signed_one.state(), I::SIGNED);
  EXPECT_EQ(signed_one.signature().payload(), "p");
  EXPECT_EQ(signed_one.signed_by_upn(), "rim@agency.test");
  EXPECT_EQ(FromProto(signed_one.signed_at()), kNow);
  // A change takes the signature away.
  const I changed = *DraftIncident(signed_one, {.salvage = "a backup"}, By("rim"));
  EXPECT_EQ(changed.state(), I::REPORT_DRAFT);
  EXPECT_FALSE(changed.has_signature() || changed.has_signed_at());
  EXPECT_EQ(changed.signed_by_upn(), "");
}

TEST(Incident, SignedOnlyWithEveryPart) {
  for (const char* part : {"circumstances", "safeguards", "salvage"}) {
    I draft = Draft();
    draft.GetReflection()->ClearField(&draft, draft.GetDescriptor()->FindFieldByName(part));
    EXPECT_EQ(Text(SignIncident(draft, ReportOf("LOSS-000001", "aa"), {}, By("rim"))),
              absl::StrCat("the report of LOSS-000001 says nothing under ", part,
                           ", which 36 CFR 1230.14 asks for; write it with `musterctl incident "
                           "draft LOSS-000001 --",
                           part, " TEXT`"));
  }
}

TEST(Incident, TextsHaveACap) {
  const std::string big(limits::kMaxIncidentText + 1, 'x');
  for (const IncidentTexts& texts : std::vector<IncidentTexts>{
           {big, "", "", ""}, {"", big, "", ""}, {"", "", big, ""}, {"", "", "", "a\x01"}}) {
    EXPECT_EQ(DraftIncident(At(I::CONFIRMED), texts, By("rim")).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Incident, TheUpdateTimer) {
  EXPECT_EQ(Text(ReportIncident(At(I::SIGNED), "", kDay, By("rim"))),
            "to whom was it reported? Say it with --to");
  I incident = *ReportIncident(At(I::SIGNED), "NARA", 30 * kDay, By("rim"));
  EXPECT_EQ(incident.reported_to(), "NARA");
  EXPECT_EQ(FromProto(incident.reported_at()), kNow);
  EXPECT_EQ(FromProto(incident.update_due_at()), kNow + 30 * kDay);
  EXPECT_FALSE(DueForUpdate(incident, kNow + 30 * kDay - absl::Nanoseconds(1)));
  incident = *DueForUpdate(incident, kNow + 30 * kDay);
  EXPECT_EQ(incident.state(), I::UPDATE_DUE);
  EXPECT_FALSE(DueForUpdate(incident, kNow + 90 * kDay));
  EXPECT_EQ(Text(CloseIncident(incident, By("rim"))),
            "LOSS-000001 is UPDATE_DUE and cannot be closed; send a last update that says how it "
            "ended, `musterctl incident update`");
  EXPECT_EQ(Text(DraftIncident(incident, {}, By("rim"))),
            "LOSS-000001 is UPDATE_DUE and cannot be drafted or changed; the report has gone out, "
            "so what is new goes into an update");
  IncidentDecision later = By("rim", "a backup was found");
  later.now = kNow + 31 * kDay;
  incident = *UpdateIncident(incident, 30 * kDay, later);
  EXPECT_EQ(incident.state(), I::UPDATED);
  EXPECT_EQ(FromProto(incident.update_due_at()), kNow + 61 * kDay);
  EXPECT_TRUE(DueForUpdate(incident, kNow + 61 * kDay));
  incident = *CloseIncident(incident, By("rim"));
  EXPECT_EQ(incident.state(), I::CLOSED);
  EXPECT_FALSE(incident.has_update_due_at());
}

TEST(Incident, AnUpdateMayComeBeforeItIsDue) {
  for (const I::State state : {I::REPORTED, I::UPDATED}) {
    const I incident = *UpdateIncident(At(state), 30 * kDay, By("rim", "news"));
    EXPECT_EQ(incident.state(), I::UPDATED);
    ASSERT_EQ(incident.history_size(), 4);
    EXPECT_EQ(incident.history(2).to(), I::UPDATE_DUE);
    EXPECT_EQ(incident.history(3).reason(), "news");
  }
  EXPECT_EQ(UpdateIncident(At(I::SIGNED), kDay, By("rim")).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

v1::Obligation Owed(uint64_t messages, absl::Duration covered) {
  v1::Obligation out;
  out.set_chat_key("c1");
  out.set_exports(1);
  out.set_messages(messages);
  out.set_level(v1::Evidence::E2_SEEN);
  *out.mutable_began_at() = ToProto(kNow - 60 * kDay);
  *out.mutable_uncovered_since() = ToProto(kNow - 10 * kDay);
  v1::CoveredInterval* interval = out.add_covered();
  *interval->mutable_from() = ToProto(kNow - 10 * kDay - covered);
  *interval->mutable_until() = ToProto(kNow - 10 * kDay);
  interval->set_level(v1::Evidence::E2_SEEN);
  return out;
}

TEST(EstimatedMessages, ByTheChatsOwnRate) {
  struct Case {
    uint64_t messages;
    absl::Duration covered, uncovered;
    uint64_t want;
  };
  const Case kCases[] = {
      {100, 10 * kDay, 10 * kDay, 100},
      {100, 20 * kDay, 10 * kDay, 50},
      {1, 30 * kDay, 10 * kDay, 0},
      {1, 15 * kDay, 10 * kDay, 1},
      {7, absl::Seconds(1), 2 * kDay, 14},  // under a day counts as a day
      {0, 10 * kDay, 10 * kDay, 0},
      {100, 10 * kDay, -kDay, 0},
      {~uint64_t{0}, kDay, 900 * kDay, 1'000'000'000'000'000},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(EstimatedMessages(Owed(c.messages, c.covered), kNow, kNow + c.uncovered), c.want)
        << c.messages << " " << c.covered << " " << c.uncovered;
  }
  v1::Obligation none = Owed(100, 10 * kDay);
  none.set_exports(0);
  EXPECT_EQ(EstimatedMessages(none, kNow, kNow + kDay), 0u);
  v1::Obligation stated = Owed(100, 10 * kDay);
  *stated.add_covered() = stated.covered(0);
  stated.mutable_covered(1)->set_level(v1::Evidence::E1_STATED);  // what is only said has no rate
  EXPECT_EQ(EstimatedMessages(stated, kNow, kNow + 10 * kDay), 100u);
}

TEST(LostChat, FromUntil) {
  const v1::Obligation plain = Owed(100, 10 * kDay);
  EXPECT_EQ(LostChat(plain, I::UNINSTALLED, kNow).ShortDebugString(),
            "chat_key: \"c1\" uncovered_from { seconds: 1799136000 } uncovered_until { seconds: "
            "1800000000 } messages_kept: 100 messages_estimated: 100 level: E2_SEEN");
  v1::Obligation ended = plain;
  *ended.mutable_ended_at() = ToProto(kNow - 5 * kDay);
  EXPECT_EQ(FromProto(LostChat(ended, I::UNINSTALLED, kNow).uncovered_until()), kNow - 5 * kDay);
  v1::Obligation gap = plain;
  *gap.mutable_gap_from() = ToProto(kNow - 40 * kDay);
  *gap.mutable_gap_until() = ToProto(kNow - 38 * kDay);
  EXPECT_EQ(FromProto(LostChat(gap, I::GAP, kNow).uncovered_from()), kNow - 40 * kDay);
  EXPECT_EQ(FromProto(LostChat(gap, I::GAP, kNow).uncovered_until()), kNow - 38 * kDay);
  EXPECT_EQ(FromProto(LostChat(gap, I::WIPED, kNow).uncovered_from()), kNow - 10 * kDay);
  v1::Obligation never = plain;
  never.clear_uncovered_since();
  never.clear_exports();
  EXPECT_EQ(FromProto(LostChat(never, I::WIPED, kNow).uncovered_from()), kNow - 60 * kDay);
  EXPECT_EQ(LostChat(never, I::WIPED, kNow).messages_estimated(), 0u);
}

I::Chat Chat(const std::string& key, absl::Time from, absl::Time until, uint64_t estimated) {
  I::Chat out;
  out.set_chat_key(key);
  *out.mutable_uncovered_from() = ToProto(from);
  *out.mutable_uncovered_until() = ToProto(until);
  out.set_messages_estimated(estimated);
  return out;
}

TEST(AddChats, WhatItLacks) {
  I incident = At(I::SUSPECTED);
  const I::Chat chat = Chat("c1", kNow - 3 * kDay, kNow, 3);
  EXPECT_TRUE(AddChats(incident, {chat}, kNow));
  EXPECT_FALSE(AddChats(incident, {chat}, kNow)) << "the same again";
  EXPECT_FALSE(AddChats(incident, {Chat("c1", kNow - kDay, kNow + kDay / 2, 9)}, kNow));
  EXPECT_TRUE(AddChats(incident, {Chat("c1", kNow - kDay, kNow + kDay, 9)}, kNow));
  ASSERT_EQ(incident.chats_size(), 1);
  EXPECT_EQ(FromProto(incident.chats(0).uncovered_from()), kNow - 3 * kDay);
  EXPECT_EQ(FromProto(incident.chats(0).uncovered_until()), kNow + kDay);
  EXPECT_EQ(incident.chats(0).messages_estimated(), 9u);
  // A stretch of its own adds up.
  EXPECT_TRUE(AddChats(incident, {Chat("c1", kNow - 9 * kDay, kNow - 5 * kDay, 4)}, kNow));
  EXPECT_EQ(incident.chats(0).messages_estimated(), 13u);
  EXPECT_TRUE(AddChats(incident, {Chat("", kNow, kNow, 0)}, kNow));
  EXPECT_EQ(incident.chats_size(), 2);
  EXPECT_EQ(incident.history(incident.history_size() - 1).reason(),
            "1 more chats, 0 with more uncovered time");
}

TEST(AddChats, WhatItDoesToTheReport) {
  const std::pair<I::State, I::State> kCases[] = {
      {I::SUSPECTED, I::SUSPECTED},   {I::ASSESSING, I::ASSESSING},
      {I::CONFIRMED, I::CONFIRMED},   {I::REPORT_DRAFT, I::REPORT_DRAFT},
      {I::SIGNED, I::REPORT_DRAFT},   {I::REPORTED, I::UPDATE_DUE},
      {I::UPDATE_DUE, I::UPDATE_DUE}, {I::UPDATED, I::UPDATE_DUE},
  };
  for (const auto& [from, want] : kCases) {
    I incident = At(from);
    incident.mutable_signature()->set_payload("p");
    *incident.mutable_covered_at() = ToProto(kNow - kDay);
    ASSERT_TRUE(AddChats(incident, {Chat("c1", kNow - kDay, kNow, 1)}, kNow));
    EXPECT_EQ(incident.state(), want) << I::State_Name(from);
    EXPECT_EQ(incident.has_signature(), from != I::SIGNED);
    EXPECT_FALSE(incident.has_covered_at());
    EXPECT_TRUE(MarkCovered(incident, kNow));
    EXPECT_FALSE(MarkCovered(incident, kNow + kDay));
    EXPECT_EQ(FromProto(incident.covered_at()), kNow);
    EXPECT_EQ(incident.state(), want);
  }
  for (const I::State ended : {I::NOT_A_LOSS, I::CLOSED}) {
    I incident = At(ended);
    EXPECT_FALSE(MarkCovered(incident, kNow));
  }
}

TEST(AddChats, NoMoreThanTheCap) {
  I incident = At(I::SUSPECTED);
  std::vector<I::Chat> chats;
  for (size_t i = 0; i <= limits::kMaxIncidentChats; ++i) {
    chats.push_back(Chat(absl::StrCat("c", i), kNow - kDay, kNow, 0));
  }
  EXPECT_TRUE(AddChats(incident, chats, kNow));
  EXPECT_EQ(static_cast<size_t>(incident.chats_size()), limits::kMaxIncidentChats);
  EXPECT_EQ(incident.history(1).reason(),
            "2000 more chats, 0 with more uncovered time; 1 found no place in this incident");
}

TEST(TakeStep, KeepsWhoOpenedIt) {
  I incident = At(I::SUSPECTED);
  for (size_t i = 0; i < 2 * limits::kMaxIncidentHistory; ++i) {
    TakeStep(incident, I::UPDATED, "rim@agency.test", absl::StrCat(i), kNow);
  }
  EXPECT_EQ(static_cast<size_t>(incident.history_size()), limits::kMaxIncidentHistory);
  EXPECT_EQ(incident.history(0).by_upn(), "desk@agency.test");
  EXPECT_EQ(incident.history(255).reason(), "511");
}

}  // namespace
}  // namespace muster
