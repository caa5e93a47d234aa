#include "bridge/domain/phone_reports.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/domain/text.h"
#include "common/bridge_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

using App = v1::PhoneApp;

// "signal, whatsapp", bounded.
std::string Named(const std::vector<std::string>& ids) {
  constexpr size_t kMaxNamed = 20;
  std::vector<std::string> named(ids.begin(), ids.begin() + std::min(ids.size(), kMaxNamed));
  return absl::StrCat(absl::StrJoin(named, ", "), ids.size() > kMaxNamed ? ", …" : "");
}

v1::Canary Probe(const char* where, v1::Canary::Result result, std::string detail, absl::Time at) {
  v1::Canary out;
  out.set_filesystem(where);
  out.set_result(result);
  out.set_detail(std::move(detail));
  *out.mutable_at() = ToProto(at);
  return out;
}

v1::Canary ProbeProfile(const v1::PhoneRecord& record, const PhoneView& view, absl::Time now) {
  if (view.hidden_bundle_ids.empty() && view.hidden_hosts.empty()) {
    return Probe(kProfileProbe, v1::Canary::NOT_TRIED, "nothing is to be hidden", now);
  }
  if (!view.profile_proven) {
    return Probe(kProfileProbe, v1::Canary::NOT_TRIED,
                 record.profile_sha256() == view.hidden_sha256
                     ? "the UEM took it, and the phone was not seen since"
                     : "it is on its way to the UEM",
                 now);
  }
  return Probe(
      kProfileProbe, v1::Canary::BLOCKED,
      absl::StrCat("the UEM took it at ", TimeText(FromProto(record.profile_at())),
                   ", and the phone was seen since; it hides ", view.hidden_bundle_ids.size(),
                   " ids and ", view.hidden_hosts.size(), " sites"),
      FromProto(record.facts().last_seen_at()));
}

// Blocked apps by what became of them.
struct Blocked {
  std::vector<std::string> usable, open, gone;
};

Blocked Sort(const PhoneView& view) {
  Blocked out;
  for (const App& app : view.apps) {
    // An app that is left for its export is as the policy wants it.
    if (app.verdict() != "BLOCK") continue;
    std::vector<std::string>& list = app.state() == App::COMPLIANT   ? out.gone
                                     : app.state() == App::VIOLATION ? out.usable
                                                                     : out.open;
    list.push_back(app.app_id());
  }
  return out;
}

v1::Canary ProbeRemoval(const v1::PhoneRecord& record, const PhoneView& view, absl::Time now) {
  const Blocked blocked = Sort(view);
  const absl::Time read =
      record.facts().has_apps_read_at() ? FromProto(record.facts().apps_read_at()) : now;
  if (!blocked.usable.empty()) {
    return Probe(kRemovalProbe, v1::Canary::RAN,
                 absl::StrCat("there, and blocked: ", Named(blocked.usable)), read);
  }
  if (!blocked.open.empty()) {
    return Probe(kRemovalProbe, v1::Canary::NOT_TRIED,
                 absl::StrCat("not known yet: ", Named(blocked.open)), read);
  }
  if (blocked.gone.empty()) {
    return Probe(kRemovalProbe, v1::Canary::NOT_TRIED, "nothing is blocked here", read);
  }
  return Probe(kRemovalProbe, v1::Canary::BLOCKED,
               absl::StrCat(blocked.gone.size(), " blocked apps are not there, or do not start"),
               read);
}

}  // namespace

v1::StatusReport MakeStatusReport(const v1::PhoneRecord& record, const PhonePolicy& policy,
                                  const PhoneView& view, const std::string& bridge_version,
                                  absl::Time now) {
  v1::StatusReport out;
  out.set_hostname(agent::CleanText(record.identity().name(), limits::kMaxUemTextBytes));
  out.set_kernel(agent::CleanText(record.facts().os(), limits::kMaxUemTextBytes));
  out.set_agent_version(bridge_version);
  const bool monitors = now < policy.monitor_until;
  out.set_mode(!view.cannot_enforce.empty() ? v1::StatusReport::REPORT_ONLY
               : monitors                   ? v1::StatusReport::MONITORING
                                            : v1::StatusReport::ENFORCING);
  if (monitors) *out.mutable_monitor_until() = ToProto(policy.monitor_until);
  if (!view.cannot_enforce.empty()) out.add_cannot_enforce(view.cannot_enforce);
  std::vector<std::string> unknown;
  for (const App& app : view.apps) {
    if (absl::StartsWith(app.why(), "NO_BUNDLE_ID")) unknown.push_back(app.app_id());
  }
  if (!unknown.empty()) {
    out.add_cannot_enforce(absl::StrCat(
        "NO_BUNDLE_ID: known here by their signing certificate alone, which no UEM tells: ",
        Named(unknown)));
  }
  std::vector<std::string> open;
  for (const AppRuling& ruling : policy.apps) {
    if (!LeftOpen(ruling, view).empty()) open.push_back(ruling.app_id);
  }
  if (!open.empty()) {
    out.add_cannot_enforce(absl::StrCat(
        "NOT_IN_PROFILE: ids or sites that the restrictions profile cannot name, or has no room "
        "for: ",
        Named(open)));
  }
  if (view.cannot_enforce.empty() && policy.platform == v1::Platform::ANDROID) {
    out.add_cannot_enforce(
        "ANDROID_BY_PERSON: what the person installs is blocked by the UEM's own application "
        "control alone; Muster keeps its list and reads back what is there");
  }
  return out;
}

std::vector<v1::Canary> MakeCanaries(const v1::PhoneRecord& record, const PhoneView& view,
                                     absl::Time now) {
  std::vector<v1::Canary> out;
  if (!view.cannot_enforce.empty()) return out;
  if (view.hides) out.push_back(ProbeProfile(record, view, now));
  out.push_back(ProbeRemoval(record, view, now));
  return out;
}

v1::PhoneReport MakePhoneReport(const v1::PhoneRecord& record, const PhoneView& view) {
  v1::PhoneReport out;
  *out.mutable_identity() = record.identity();
  *out.mutable_facts() = record.facts();
  *out.mutable_apps() = {view.apps.begin(), view.apps.end()};
  out.set_distance(view.distance);
  return out;
}

}  // namespace muster::bridge
