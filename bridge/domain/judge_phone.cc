#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/domain/text.h"
#include "bridge/domain/phone_judge.h"
#include "common/bridge_limits.h"
#include "common/crypto.h"
#include "common/fleet_limits.h"
#include "common/time_proto.h"
#include "controller/domain/native/phone_names.h"

namespace muster::bridge {
namespace {

using Operation = v1::BridgeOperation;

const v1::PhoneApp& NeverReported() {
  static const v1::PhoneApp* const none = new v1::PhoneApp();
  return *none;
}

bool IsUnfit(const v1::PhoneApp& app) {
  return app.state() == v1::PhoneApp::VIOLATION || app.state() == v1::PhoneApp::PENDING;
}

// Of an app that only a grant or a report is about, nothing is to be told.
bool IsTold(const AppRuling& ruling) {
  if (ruling.bundle_ids.empty() && !ruling.by_signer_only) return false;  // a web client alone
  return ruling.verdict != v1::Verdict::ALLOW || ruling.granted;
}

// The last of a kind that is of this app.
const Operation* Find(const std::vector<Operation>& operations, Operation::Kind kind,
                      const std::string& app_id) {
  const Operation* out = nullptr;
  for (const Operation& o : operations) {
    if (o.kind() == kind && o.app_id() == app_id && o.state() != Operation::DONE) out = &o;
  }
  return out;
}

// When the UEM was told: by an operation, else by one of before that is closed.
absl::Time ToldAt(const Operation* operation, const v1::PhoneApp& was, absl::string_view name,
                  absl::Time now) {
  if (IsWithUem(operation)) return TimeOr(operation->has_sent_at(), operation->sent_at(), now);
  if (was.action() != name) return absl::InfinitePast();
  return TimeOr(was.has_action_at(), was.action_at(), absl::InfinitePast());
}

// What does not fit into a report is what is well.
void Shorten(std::vector<v1::PhoneApp>& apps) {
  if (apps.size() <= limits::kMaxReportedPhoneApps) return;
  std::stable_partition(apps.begin(), apps.end(), [](const v1::PhoneApp& app) {
    return app.state() != v1::PhoneApp::COMPLIANT;
  });
  apps.resize(limits::kMaxReportedPhoneApps);
  std::sort(apps.begin(), apps.end(),
            [](const v1::PhoneApp& a, const v1::PhoneApp& b) { return a.app_id() < b.app_id(); });
}

}  // namespace

bool IsWithUem(const Operation* operation) {
  return operation != nullptr &&
         (operation->state() == Operation::SENT || operation->state() == Operation::ACCEPTED);
}

bool IsRefused(const Operation* operation) {
  return operation != nullptr && operation->state() == Operation::REFUSED;
}

std::string HiddenSha256(const std::vector<std::string>& bundle_ids,
                         const std::vector<std::string>& hosts) {
  if (bundle_ids.empty() && hosts.empty()) return "";
  return Sha256Hex(
      absl::StrCat(absl::StrJoin(bundle_ids, "\n"), "\n\n", absl::StrJoin(hosts, "\n")));
}

std::string LiftedSha256() { return Sha256Hex("\n\n"); }

std::string LeftOpen(const AppRuling& ruling, const PhoneView& view) {
  if (!view.hides || ruling.verdict != v1::Verdict::BLOCK || ruling.only_reports) return "";
  const auto first_of = [](const std::vector<std::string>& all,
                           const std::vector<std::string>& hidden, const char* what) {
    for (const std::string& one : all) {
      if (std::binary_search(hidden.begin(), hidden.end(), one)) continue;
      return absl::StrCat(what, " '", agent::CleanText(one, limits::kMaxUemTextBytes), "'");
    }
    return std::string();
  };
  std::string out = first_of(ruling.bundle_ids, view.hidden_bundle_ids, "the id");
  return out.empty() ? first_of(ruling.web_hosts, view.hidden_hosts, "the site") : out;
}

PhoneView JudgePhone(const v1::PhoneRecord& record, const PhonePolicy& policy,
                     const std::vector<std::pair<std::string, AppSetup>>& setup,
                     const std::vector<Operation>& operations, absl::Time now) {
  return PhoneJudge(record, policy, setup, operations, now).Judge();
}

PhoneJudge::PhoneJudge(const v1::PhoneRecord& record, const PhonePolicy& policy,
                       const std::vector<std::pair<std::string, AppSetup>>& setup,
                       const std::vector<Operation>& operations, absl::Time now)
    : record_(record),
      policy_(policy),
      setup_(setup),
      operations_(operations),
      now_(now),
      reading_(ReadingOf(record, now)) {
  for (const App& app : record.reported().apps()) reported_.emplace(app.app_id(), &app);
}

PhoneView PhoneJudge::Judge() {
  view_.cannot_enforce = CannotEnforce(policy_.platform, record_.facts());
  view_.hides = CanHide(policy_.platform, record_.facts());
  if (view_.hides) SetHidden();
  for (const AppRuling& ruling : policy_.apps) {
    if (!IsTold(ruling)) continue;
    view_.apps.push_back(JudgeApp(ruling));
    if (IsUnfit(view_.apps.back())) ++view_.distance;
  }
  Shorten(view_.apps);
  return std::move(view_);
}

void PhoneJudge::SetHidden() {
  std::set<std::string> ids, hosts;
  for (const AppRuling& ruling : policy_.apps) {
    if (ruling.verdict != v1::Verdict::BLOCK || ruling.only_reports) continue;
    std::copy_if(ruling.bundle_ids.begin(), ruling.bundle_ids.end(), std::inserter(ids, ids.end()),
                 native::CanNameApp);
    std::copy_if(ruling.web_hosts.begin(), ruling.web_hosts.end(),
                 std::inserter(hosts, hosts.end()), native::IsHostName);
  }
  while (hosts.size() > native::kMaxAppleHosts) hosts.erase(std::prev(hosts.end()));
  view_.hidden_bundle_ids.assign(ids.begin(), ids.end());
  view_.hidden_hosts.assign(hosts.begin(), hosts.end());
  view_.hidden_sha256 = HiddenSha256(view_.hidden_bundle_ids, view_.hidden_hosts);
  profile_ = Find(operations_, Operation::INSTALL_PROFILE, "");
  if (view_.hidden_sha256.empty() && (!record_.profile_sha256().empty() || IsWithUem(profile_))) {
    view_.hidden_sha256 = LiftedSha256();
  }
  step_ = FindProfileStep();
  view_.profile_proven = step_ == ProfileStep::kProven;
}

ProfileStep PhoneJudge::FindProfileStep() const {
  const std::string& wanted = view_.hidden_sha256;
  const bool with_uem = IsWithUem(profile_);
  // Another one that is on its way may come after the right one.
  if (with_uem && profile_->payload_sha256() != wanted) return ProfileStep::kDue;
  if (record_.profile_sha256() == wanted) {
    if (wanted.empty()) return ProfileStep::kProven;
    const absl::Time at =
        TimeOr(record_.has_profile_at(), record_.profile_at(), absl::InfiniteFuture());
    if (!EnrolledAfter(record_.facts(), at)) {
      const v1::PhoneFacts& facts = record_.facts();
      return facts.has_last_seen_at() &&
                     FromProto(facts.last_seen_at()) > at + limits::kProfileProof
                 ? ProfileStep::kProven
                 : ProfileStep::kAccepted;
    }
  }
  if (with_uem) return ProfileStep::kSent;
  if (!IsRefused(profile_)) return ProfileStep::kDue;
  return absl::StartsWith(profile_->last_error(), kProfileNotMade) ? ProfileStep::kNotMade
                                                                   : ProfileStep::kRefused;
}

bool PhoneJudge::Proven(const Case& c, absl::string_view name, absl::Time at) const {
  if (at == absl::InfinitePast() || NewerThan(record_.facts(), at)) return true;
  return c.was.state() == App::COMPLIANT && c.was.action() == name && c.was.has_action_at() &&
         FromProto(c.was.action_at()) == at && !EnrolledAfter(record_.facts(), at);
}

bool PhoneJudge::WaitsForReading(const Case& c) const {
  const bool installs = c.ruling.verdict == v1::Verdict::ALLOW;
  if (c.reading.there() != installs) return false;
  const absl::Time at = installs ? c.installed_at : c.removed_at;
  return !Proven(c, installs ? "install" : "remove", at) && record_.facts().has_last_seen_at() &&
         FromProto(record_.facts().last_seen_at()) > at;
}

v1::PhoneApp PhoneJudge::JudgeApp(const AppRuling& ruling) {
  const auto was = reported_.find(ruling.app_id);
  Case c{ruling, was == reported_.end() ? NeverReported() : *was->second};
  for (const auto& [app_id, setup] : setup_) {
    if (app_id == ruling.app_id && setup.managed) c.managed = &*setup.managed;
  }
  c.reading = ReadApp(record_, ruling, c.was.presence(), c.managed ? c.managed->bundle_id : "");
  c.install = Find(operations_, Operation::INSTALL_APP, ruling.app_id);
  c.remove = Find(operations_, Operation::REMOVE_APP, ruling.app_id);
  c.installed_at = ToldAt(c.install, c.was, "install", now_);
  c.removed_at = ToldAt(c.remove, c.was, "remove", now_);

  App app;
  app.set_app_id(ruling.app_id);
  app.set_verdict(v1::Verdict::Kind_Name(ruling.verdict));
  app.set_reason(ruling.reason);
  app.set_transaction_id(ruling.transaction_id);
  if (c.reading.there()) app.set_version(c.reading.known->version());
  switch (ruling.verdict) {
    case v1::Verdict::ALLOW:
      JudgeGranted(c, app);
      break;
    case v1::Verdict::ALLOW_EXPORT_ONLY:
      JudgeExportOnly(c, app);
      break;
    case v1::Verdict::REPORT:
      JudgeReportOnly(c, app);
      break;
    case v1::Verdict::BLOCK:
    case v1::Verdict::UNSPECIFIED:
    case v1::Verdict_Kind_Verdict_Kind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::Verdict_Kind_Verdict_Kind_INT_MAX_SENTINEL_DO_NOT_USE_:
      JudgeBlock(c, app);
      break;
  }
  if (policy_.stale && ruling.verdict != v1::Verdict::REPORT) {
    absl::StrAppend(app.mutable_why(), app.why().empty() ? "" : " ",
                    "The signed policy of this phone has ended (", TimeText(policy_.stale_since),
                    "): no grant counts until the bridge reaches the controller again.");
  }
  if (app.state() == App::PENDING && WaitsForReading(c)) view_.read_again = true;
  SetAction(c, app);
  SetSince(c, app);
  return app;
}

// Of two copies the person's own counts: it is the one that cannot be taken away.
void PhoneJudge::SetPresence(const Case& c, App& app) const {
  if (c.reading.there()) {
    app.set_presence(c.reading.by_person != nullptr ? App::BY_PERSON : App::MANAGED);
  } else if (IsOfThisPhone(reading_) && !record_.facts().personal_apps_hidden() &&
             !c.ruling.bundle_ids.empty()) {
    app.set_presence(App::ABSENT);
  }
}

void PhoneJudge::SetAction(const Case& c, App& app) const {
  const auto set = [&app](absl::string_view name, absl::Time at, const std::string& result) {
    app.set_action(std::string(name));
    if (at != absl::InfinitePast()) *app.mutable_action_at() = ToProto(at);
    app.set_action_result(result);
  };
  const auto sent_at = [](const Operation* o) {
    return o != nullptr && o->has_sent_at() && o->state() != Operation::QUEUED
               ? FromProto(o->sent_at())
               : absl::InfinitePast();
  };
  const bool hidden_only = c.ruling.verdict == v1::Verdict::BLOCK && !c.ruling.only_reports &&
                           view_.hides && c.reading.there() && !c.removable();
  if (hidden_only) {
    if (step_ == ProfileStep::kProven || step_ == ProfileStep::kAccepted) {
      set("hide", TimeOr(record_.has_profile_at(), record_.profile_at(), absl::InfinitePast()), "");
    } else if (sent_at(profile_) != absl::InfinitePast()) {
      set("hide", sent_at(profile_), profile_->last_error());
    }
    if (!app.action().empty()) return;
  }
  const Operation* last = sent_at(c.remove) >= sent_at(c.install) ? c.remove : c.install;
  const absl::Time at = sent_at(last);
  if (at == absl::InfinitePast()) {
    set(c.was.action(), TimeOr(c.was.has_action_at(), c.was.action_at(), absl::InfinitePast()),
        c.was.action_result());
    if (c.was.action() == "hide") return;
  } else {
    set(last == c.remove ? "remove" : "install", at, last->last_error());
  }
  // What the UEM says of it since.
  const v1::SampledApp* known = c.reading.known;
  if (!IsRefused(last) && app.has_action_at() && known != nullptr &&
      known->has_latest_action_at() &&
      FromProto(known->latest_action_at()) >= FromProto(app.action_at())) {
    app.set_action_result(known->latest_action());
  }
}

void PhoneJudge::SetSince(const Case& c, App& app) const {
  const bool same = c.was.state() == app.state() && c.was.has_since();
  *app.mutable_since() = same ? c.was.since() : ToProto(now_);
}

}  // namespace muster::bridge
