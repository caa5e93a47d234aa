// An app that somebody may have, may export from, or that is only reported.
#include "absl/strings/str_cat.h"
#include "agent/domain/text.h"
#include "bridge/domain/phone_judge.h"
#include "common/bridge_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {

// A profile of before may hide it still. What was usable stays so: since then it was allowed, and
// no profile that hides it was wanted.
bool PhoneJudge::LiftProven(const Case& c) const {
  if (!view_.hides || step_ == ProfileStep::kProven) return true;
  if (c.was.state() == App::COMPLIANT && c.was.verdict() == "ALLOW") return true;
  return record_.profile_sha256().empty() && !IsWithUem(profile_);
}

void PhoneJudge::JudgeGranted(const Case& c, App& app) {
  if (c.managed != nullptr) app.set_wanted(App::INSTALLED);
  if (c.reading.there()) {
    app.set_presence(c.reading.managed != nullptr ? App::MANAGED : App::BY_PERSON);
  } else if (IsOfThisPhone(reading_) && !c.ruling.bundle_ids.empty() &&
             (c.managed != nullptr || !record_.facts().personal_apps_hidden())) {
    app.set_presence(App::ABSENT);  // the UEM's own copies are never kept back
  }
  const bool absent = !c.ruling.bundle_ids.empty() && !c.reading.there();
  if (absent && enrolled() && IsOfThisPhone(reading_)) JudgeNotInstalled(c, app);
  if (c.ruling.bundle_ids.empty()) {
    app.set_state(App::UNKNOWN);
    app.set_why(kNoBundleId);
  } else if (!enrolled()) {
    app.set_state(App::UNKNOWN);
    app.set_why(absl::StrCat(view_.cannot_enforce, "."));
  } else if (record_.facts().compromised()) {
    app.set_state(App::UNKNOWN);  // what such a phone says proves nothing
    app.set_why(absl::StrCat(view_.cannot_enforce, "."));
  } else if (reading_ != Reading::kFresh) {
    app.set_state(App::UNKNOWN);
    app.set_why(ReadingWords());
  } else if (c.reading.there()) {
    JudgeInstalled(c, app);
  }
}

void PhoneJudge::JudgeInstalled(const Case& c, App& app) const {
  app.set_state(App::PENDING);
  if (IsWithUem(c.remove)) {
    app.set_why(
        "The UEM was told before to remove it, and may still do so; then it is installed again.");
  } else if (c.reading.managed != nullptr && !Proven(c, "install", c.installed_at)) {
    app.set_why(
        "The UEM was told to install it; the phone's apps are read again when it was seen since.");
  } else if (!LiftProven(c)) {
    switch (step_) {
      case ProfileStep::kProven:
        break;
      case ProfileStep::kAccepted:
        app.set_why(
            "It is there. A restrictions profile of before may hide it until the phone connects "
            "and takes the new one, which the UEM has.");
        break;
      case ProfileStep::kSent:
      case ProfileStep::kDue:
        app.set_why(
            "It is there. A restrictions profile of before may hide it; the new one is on its way "
            "to the UEM.");
        break;
      case ProfileStep::kRefused:
        app.set_why(absl::StrCat(
            "It is there. A restrictions profile of before may hide it, and the UEM refused the "
            "new one (",
            agent::CleanText(profile_->last_error(), limits::kMaxUemTextBytes),
            "): the UEM team has to look."));
        break;
      case ProfileStep::kNotMade:
        app.set_why(absl::StrCat(
            "It is there. A restrictions profile of before may hide it, and the new one was not "
            "sent (",
            agent::CleanText(profile_->last_error(), limits::kMaxUemTextBytes),
            "): the bridge's administrator has to look."));
        break;
    }
  } else {
    app.set_state(App::COMPLIANT);
  }
}

void PhoneJudge::JudgeNotInstalled(const Case& c, App& app) {
  if (c.managed == nullptr) {
    app.set_state(App::COMPLIANT);
    app.set_why(
        "It is allowed, but the UEM has no copy to install (see the bridge's configuration, "
        "apps): the person installs it.");
    return;
  }
  app.set_state(App::PENDING);
  const v1::SampledApp* known = c.reading.known;
  const bool refused_by_person = known != nullptr && RefusedByPerson(*known);
  if (IsRefused(c.install)) {
    app.set_why(absl::StrCat("The UEM refused to install it (",
                             agent::CleanText(c.install->last_error(), limits::kMaxUemTextBytes),
                             "): the UEM team has to look. It is tried again daily."));
  } else if (c.install == nullptr && refused_by_person &&
             now_ - c.installed_at < limits::kRepeatInstall) {
    app.set_why("The person refused it or took it away; the phone offers it again tomorrow.");
  } else if (IsWithUem(c.remove) && !NewerThan(record_.facts(), c.removed_at)) {
    app.set_why(
        "The UEM was told before to remove it; when that is read back, it is installed again.");
  } else if (!IsWithUem(c.install)) {
    app.set_why("The UEM is told next to install it.");
    if (c.install == nullptr) {
      view_.actions.push_back(
          {WantedAction::Kind::kInstall, c.ruling.app_id, *c.managed, c.ruling.transaction_id});
    }
  } else if (known != nullptr && HasFailed(*known) &&
             TimeOr(known->has_latest_action_at(), known->latest_action_at(),
                    absl::InfinitePast()) >= c.installed_at) {
    app.set_why(absl::StrCat("The UEM could not install it (",
                             agent::CleanText(known->latest_action(), limits::kMaxUemTextBytes),
                             "): the UEM team has to look."));
  } else {
    app.set_why(
        "The UEM was told to install it; it comes as soon as the phone is switched on and "
        "connected, and is read back then.");
  }
}

void PhoneJudge::JudgeExportOnly(const Case& c, App& app) const {
  app.set_wanted(App::LEFT);
  SetPresence(c, app);
  if (enrolled() && reading_ == Reading::kFresh && c.reading.there()) {
    app.set_state(App::VIOLATION);
    app.set_why(
        absl::StrCat("It must not be used any more, but it stays for the export of its "
                     "messages. ",
                     c.ruling.words));
    if (!LiftProven(c)) {
      absl::StrAppend(app.mutable_why(),
                      " A restrictions profile of before may hide it; the new one is on its way.");
    }
  } else if (!view_.cannot_enforce.empty() || c.ruling.bundle_ids.empty()) {
    app.set_state(App::NOT_ENFORCEABLE);
    app.set_why(view_.cannot_enforce.empty() ? std::string(kNoBundleId)
                                             : absl::StrCat(view_.cannot_enforce, "."));
  } else if (reading_ != Reading::kFresh) {
    app.set_state(App::UNKNOWN);
    app.set_why(ReadingWords());
  } else if (record_.facts().personal_apps_hidden()) {
    app.set_state(App::UNKNOWN);
    app.set_why(kKeptBack);
  } else if (IsWithUem(c.install)) {
    app.set_state(App::PENDING);
    app.set_why("The UEM was told before to install it, and may still do so.");
  } else {
    app.set_state(App::COMPLIANT);
    app.set_why(
        "It is not there. If messages went with it that were not saved, the records office has "
        "an incident to look into.");
  }
}

void PhoneJudge::JudgeReportOnly(const Case& c, App& app) const {
  SetPresence(c, app);
  app.set_state(App::COMPLIANT);
  if (!enrolled()) {
    app.set_state(App::UNKNOWN);
    app.set_why(absl::StrCat(view_.cannot_enforce, "."));
  } else if (reading_ != Reading::kFresh) {
    app.set_state(App::UNKNOWN);
    app.set_why(ReadingWords());
  }
}

}  // namespace muster::bridge
