// An app that is blocked: taken away where the UEM can, hidden where the phone can, else said.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/domain/text.h"
#include "bridge/domain/phone_judge.h"
#include "common/bridge_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

// The rest of a line for people: what the UEM said.
std::string Quoted(const v1::BridgeOperation& operation) {
  const std::string words = agent::CleanText(operation.last_error(), limits::kMaxUemTextBytes);
  return words.empty() ? std::string("without a word") : absl::StrCat("\"", words, "\"");
}

constexpr absl::string_view kKeptForRecords =
    "Its messages are not shown to be saved, so it is not removed: the person exports every "
    "chat (one that was never exported goes with the app), and it goes when the records office has "
    "its receipts.";

constexpr absl::string_view kToldBefore =
    "The UEM was told to remove it before its messages were known not to be saved, and may still "
    "do so: the records office has to know.";

}  // namespace

std::string PhoneJudge::ProfileWords() const {
  switch (step_) {
    case ProfileStep::kProven:
      return "The restrictions profile that hides it is on the phone.";
    case ProfileStep::kAccepted:
      return "The UEM took the restrictions profile that hides it; the phone was not seen since. "
             "It acts as soon as the phone is switched on and connected.";
    case ProfileStep::kSent:
      return "The restrictions profile that hides it was sent; the UEM's answer is waited for.";
    case ProfileStep::kDue:
      return "The restrictions profile that hides it is the next to be sent.";
    case ProfileStep::kRefused:
      return absl::StrCat("The UEM refused the restrictions profile that hides it, ",
                          Quoted(*profile_),
                          ": the UEM team has to look. It is tried again daily.");
    case ProfileStep::kNotMade:
      return absl::StrCat("The restrictions profile that hides it was not sent, ",
                          Quoted(*profile_),
                          ": the bridge's administrator has to look. It is tried again daily, and "
                          "when the bridge starts.");
  }
  return "";
}

std::string PhoneJudge::ReadingWords() const {
  const auto refused = std::find_if(
      operations_.begin(), operations_.end(), [](const v1::BridgeOperation& operation) {
        return operation.kind() == v1::BridgeOperation::QUERY_PHONE && IsRefused(&operation) &&
               absl::EndsWith(operation.key(), kFirstSample);
      });
  if (reading_ != Reading::kNotSampled || refused == operations_.end()) {
    return std::string(WordsOf(reading_));
  }
  return absl::StrCat(
      "The UEM lists no app of this phone, and did not take the command that asks "
      "it, ",
      Quoted(*refused),
      ": the UEM team has to look. The list counts when the phone was seen since.");
}

bool PhoneJudge::IsThereUnnamed(const Case& c) const {
  const std::vector<std::string>& ids = c.ruling.bundle_ids;
  const std::vector<std::string>& hidden = view_.hidden_bundle_ids;
  return std::any_of(record_.apps().begin(), record_.apps().end(), [&](const v1::SampledApp& app) {
    return app.installed() && std::binary_search(ids.begin(), ids.end(), app.bundle_id()) &&
           !std::binary_search(hidden.begin(), hidden.end(), app.bundle_id());
  });
}

std::string PhoneJudge::LeftOpenWords(const Case& c) const {
  const std::string open = LeftOpen(c.ruling, view_);
  if (open.empty()) return "";
  return absl::StrCat("NOT_IN_PROFILE: no restrictions profile can name ", open,
                      ", or it has no room for it, so that stays open; the catalogue has to be "
                      "looked at.");
}

// What was hidden stays hidden while another profile is on its way: that hides it too, for as long
// as it is blocked.
bool PhoneJudge::HideProven(const Case& c) const {
  if (IsThereUnnamed(c)) return false;
  if (step_ == ProfileStep::kProven) return true;
  // What came since may be another copy, by an id that the profile of before did not name.
  if (c.reading.there() && c.was.presence() != App::HIDDEN) return false;
  return c.was.state() == App::COMPLIANT && c.was.verdict() == "BLOCK" &&
         c.was.wanted() != App::WANTED_UNSPECIFIED && c.was.has_since() &&
         !record_.profile_sha256().empty() &&
         !EnrolledAfter(record_.facts(), FromProto(c.was.since()));
}

void PhoneJudge::JudgeBlock(const Case& c, App& app) {
  SetPresence(c, app);
  if (!c.ruling.only_reports) app.set_wanted(c.ruling.holds_records ? App::LEFT : App::REMOVED);
  const bool acts =
      c.removable() && enrolled() && IsOfThisPhone(reading_) && !c.ruling.only_reports;
  if (acts && c.remove == nullptr) {
    view_.actions.push_back({WantedAction::Kind::kRemove, c.ruling.app_id, *c.managed, ""});
  }
  if (c.ruling.by_signer_only || c.ruling.bundle_ids.empty()) {
    app.set_state(App::NOT_ENFORCEABLE);
    app.set_why(kNoBundleId);
  } else if (!view_.cannot_enforce.empty()) {
    app.set_state(App::NOT_ENFORCEABLE);
    app.set_why(absl::StrCat(view_.cannot_enforce, ".",
                             acts                ? " The UEM's own copy is taken away."
                             : c.reading.there() ? " The app is on it."
                                                 : ""));
  } else if (reading_ != Reading::kFresh) {
    app.set_state(App::UNKNOWN);
    app.set_why(ReadingWords());
  } else if (c.reading.there()) {
    JudgeThere(c, app);
  } else {
    JudgeAbsent(c, app);
  }
  if (app.state() == App::VIOLATION) absl::StrAppend(app.mutable_why(), " ", c.ruling.words);
}

void PhoneJudge::JudgeThere(const Case& c, App& app) const {
  if (c.ruling.only_reports) {
    app.set_state(App::VIOLATION);
    app.set_why(absl::StrCat("The app is there. Until ", TimeText(policy_.monitor_until),
                             " it is only reported; then it is blocked."));
  } else if (view_.hides && HideProven(c)) {
    JudgeHidden(c, app);
  } else {
    JudgeUsable(c, app);
  }
}

void PhoneJudge::JudgeHidden(const Case& c, App& app) const {
  if (c.ruling.holds_records && IsWithUem(c.remove)) {
    app.set_state(App::PENDING);
    app.set_why(absl::StrCat("It is hidden by the restrictions profile. ", kToldBefore));
    return;
  }
  if (IsWithUem(c.remove) || (c.removable() && !IsRefused(c.remove))) {
    app.set_state(App::PENDING);
    app.set_why("It is hidden by the restrictions profile, and is being removed.");
    return;
  }
  app.set_presence(App::HIDDEN);
  if (const std::string open = LeftOpenWords(c); !open.empty()) {
    app.set_state(App::NOT_ENFORCEABLE);
    app.set_why(absl::StrCat(open, " The app itself is hidden by the restrictions profile.",
                             c.ruling.holds_records ? " " : "",
                             c.ruling.holds_records ? kKeptForRecords : ""));
    return;
  }
  app.set_state(App::COMPLIANT);
  absl::string_view why =
      "The person installed it: it cannot be removed, but it is hidden by the "
      "restrictions profile and does not start.";
  if (c.ruling.holds_records) {
    app.set_why(absl::StrCat("It is hidden by the restrictions profile. ", kKeptForRecords));
    return;
  }
  if (c.reading.by_person == nullptr) {
    why =
        "It is hidden by the restrictions profile and does not start; the UEM does not remove "
        "it.";
  }
  app.set_why(std::string(why));
}

void PhoneJudge::JudgeUsable(const Case& c, App& app) const {
  app.set_state(App::VIOLATION);
  if (c.removable() && c.reading.by_person == nullptr) {
    JudgeRemoval(c, app);
  } else if (view_.hides) {
    JudgeUnhidden(c, app);
  } else if (c.ruling.holds_records) {
    app.set_why(
        absl::StrCat("The app is there. ", IsWithUem(c.remove) ? kToldBefore : kKeptForRecords));
  } else if (c.reading.by_person != nullptr) {
    app.set_why(
        "The person installed it, and only what the UEM installed can be removed by it: the person "
        "removes it, or the UEM's application control does, which takes its list from Muster.");
  } else {
    app.set_why(
        "The UEM installed it, but Muster was not told its number there: it has to be added to the "
        "bridge's configuration (apps), or removed in the UEM's console.");
  }
}

void PhoneJudge::JudgeRemoval(const Case& c, App& app) const {
  if (IsRefused(c.remove)) {
    app.set_why(absl::StrCat("The UEM refused to remove it, ", Quoted(*c.remove),
                             ": the UEM team has to look. It is tried again daily."));
    return;
  }
  if (!IsWithUem(c.remove)) {
    app.set_why("The app is there; the UEM is told next to remove it.");
    return;
  }
  const v1::SampledApp& copy = *c.reading.managed;
  if (HasFailed(copy) && TimeOr(copy.has_latest_action_at(), copy.latest_action_at(),
                                absl::InfinitePast()) >= c.removed_at) {
    app.set_why(absl::StrCat("The UEM could not remove it (",
                             agent::CleanText(copy.latest_action(), limits::kMaxUemTextBytes),
                             "): the UEM team has to look."));
    return;
  }
  app.set_state(App::PENDING);
  app.set_why(
      "The UEM was told to remove it; it goes as soon as the phone is switched on and connected, "
      "and is read back then.");
}

void PhoneJudge::JudgeUnhidden(const Case& c, App& app) const {
  // Whatever was asked for: until it is hidden it can be used.
  app.set_why(IsThereUnnamed(c) ? LeftOpenWords(c) : ProfileWords());
  if (c.ruling.holds_records) absl::StrAppend(app.mutable_why(), " ", kKeptForRecords);
}

void PhoneJudge::JudgeAbsent(const Case& c, App& app) const {
  app.set_state(App::PENDING);
  if (record_.facts().personal_apps_hidden()) {
    app.set_state(App::UNKNOWN);
    app.set_why(kKeptBack);
  } else if (!Proven(c, "remove", c.removed_at)) {
    app.set_why(
        "The UEM was told to remove it; the phone's apps are read again when it was seen since.");
  } else if (IsWithUem(c.install) &&
             (!NewerThan(record_.facts(), c.installed_at) ||
              (c.reading.known != nullptr && IsUnderWay(*c.reading.known)))) {
    app.set_why(
        "The UEM was told before to install it, and may still do so; then it is removed again.");
  } else if (c.ruling.only_reports) {
    app.set_state(App::COMPLIANT);
    app.set_why(absl::StrCat("It is not there. Until ", TimeText(policy_.monitor_until),
                             " it is only reported; then it is blocked."));
  } else if (view_.hides && !HideProven(c)) {
    const absl::string_view code = step_ == ProfileStep::kRefused   ? "PROFILE_REFUSED: "
                                   : step_ == ProfileStep::kNotMade ? "PROFILE_NOT_MADE: "
                                                                    : "";
    if (!code.empty()) app.set_state(App::NOT_ENFORCEABLE);
    app.set_why(absl::StrCat(code, "It is not there, but could be installed. ", ProfileWords()));
  } else if (const std::string open = LeftOpenWords(c); !open.empty()) {
    app.set_state(App::NOT_ENFORCEABLE);
    app.set_why(absl::StrCat(open, " The app is not there."));
  } else {
    app.set_state(App::COMPLIANT);
  }
}

}  // namespace muster::bridge
