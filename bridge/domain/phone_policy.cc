#include "bridge/domain/phone_policy.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

using agent::AppIndex;
using agent::PolicyIndex;

v1::Origin::Kind OriginOf(v1::Platform::Id platform) {
  return platform == v1::Platform::ANDROID ? v1::Origin::ANDROID_PACKAGE : v1::Origin::BUNDLE;
}

// Two apps may claim one id: then it is the app that a laptop would take it for.
bool IsIdOf(const PolicyIndex& index, v1::Platform::Id platform, const std::string& id,
            const std::string& app_id) {
  ProvenFacts facts;
  facts.platform = platform;
  facts.origin = OriginOf(platform);
  facts.package_id = id;
  const std::optional<AppMatch> match = index.Match(facts);
  return match && match->app_id == app_id;
}

void SetIds(const PolicyIndex& index, v1::Platform::Id platform, const v1::App& app,
            AppRuling& out) {
  std::set<std::string> ids;
  bool here = false;
  for (const v1::AppIdentity& identity : app.identities()) {
    if (identity.platform() != platform) continue;
    here = true;
    const std::string& id = identity.package_id();
    if (identity.origin() == OriginOf(platform) && !id.empty() &&
        IsIdOf(index, platform, id, app.id())) {
      ids.insert(id);
    }
  }
  out.bundle_ids.assign(ids.begin(), ids.end());
  out.by_signer_only = here && ids.empty();
}

// An assignment that has come to its cap may have left some out.
bool HoldsRecords(const PolicyIndex& index, const std::string& app_id, bool stale) {
  const std::optional<v1::DeviceAssignment>& assignment = index.assignment();
  if (!assignment) return true;
  if (assignment->obligations_size() >= static_cast<int>(limits::kMaxAssignedObligations)) {
    return true;
  }
  // What was exported since it ended is not known here; messages may have been written until now.
  for (const v1::Entitlement& e : assignment->entitlements()) {
    if (stale && e.app_id() == app_id) return true;
  }
  // Whoever wrote them: the phone may have had another owner before.
  return std::any_of(assignment->obligations().begin(), assignment->obligations().end(),
                     [&](const v1::AssignedObligation& o) {
                       // CLEAR, and yet written with since: the day of an export.
                       const bool saved =
                           o.state() == v1::Obligation::CLEAR && !o.has_uncovered_since();
                       return o.app_id() == app_id && !saved;
                     });
}

bool HasOwner(const PolicyIndex& index) {
  return index.assignment() && !index.assignment()->persons().empty();
}

absl::Time ExportUntil(const PolicyIndex& index, const std::string& app_id) {
  absl::Time out = absl::InfinitePast();
  for (const v1::Entitlement& e : index.assignment()->entitlements()) {
    if (e.app_id() == app_id && e.has_export_until()) {
      out = std::max(out, FromProto(e.export_until()));
    }
  }
  return out;
}

// For a service desk: the chain's own words speak of accounts and windows, which phones have not.
std::string WordsOf(const PolicyIndex& index, const std::string& app_id,
                    const v1::Explanation& why) {
  const std::string last = why.chain().empty() ? "" : why.chain().rbegin()->detail();
  if (why.reason() == "NO_GRANT") {
    return absl::StrCat(HasOwner(index) ? last : "no person is known as the owner of this phone",
                        ". ", why.next_step());
  }
  if (why.reason() == "EMERGENCY_DENY") return absl::StrCat(last, ". ", why.next_step());
  if (why.reason() == "ARCHIVE_OVERDUE") {
    return "Exports are overdue: the person exports the chats on the phone now. Full use returns "
           "when the export is receipted.";
  }
  if (why.reason() == "TRM_PROHIBITED_EXPORT") {
    return absl::StrCat("The TRM office prohibits it: the person exports the chats on the phone ",
                        "before ", TimeText(ExportUntil(index, app_id)), ", then it is blocked.");
  }
  return why.next_step();
}

std::string TransactionOf(const PolicyIndex& index, absl::string_view grant_id) {
  for (const v1::Entitlement& e : index.assignment()->entitlements()) {
    if (e.grant_id() == grant_id) return e.transaction_id();
  }
  return "";
}

AppRuling RulingOf(const PolicyIndex& index, AppIndex app, v1::Platform::Id platform,
                   absl::Time now, const PhonePolicy& policy) {
  AppRuling out;
  out.app_id = index.rule(app).id;
  out.name = index.rule(app).name.empty() ? out.app_id : index.rule(app).name;
  const v1::Explanation why = index.Explain(app, kOwnerUid, now);
  out.verdict = why.verdict();
  out.reason = why.reason();
  out.words = WordsOf(index, out.app_id, why);
  if (absl::string_view grant = why.reason(); absl::ConsumePrefix(&grant, "GRANT ")) {
    out.granted = true;
    out.transaction_id = TransactionOf(index, grant);
  }
  SetIds(index, platform, index.app(app), out);
  out.web_hosts = {index.app(app).web_hosts().begin(), index.app(app).web_hosts().end()};
  out.holds_records = HoldsRecords(index, out.app_id, policy.stale);
  out.only_reports = index.OnlyMonitors(app, policy.monitor_until, now);
  return out;
}

// The next moment at which a ruling may change by itself.
absl::Time NextChange(const PolicyIndex& index, absl::Time at, absl::Time monitor_until) {
  absl::Time next = index.NextExpiry(at);
  const auto consider = [&](absl::Time t) {
    if (t > at) next = std::min(next, t);
  };
  consider(index.cohort_not_after());
  consider(index.not_after());
  consider(monitor_until);
  if (index.assignment()) {
    for (const v1::Entitlement& e : index.assignment()->entitlements()) {
      if (e.has_export_until()) consider(FromProto(e.export_until()));
    }
  }
  return next;
}

}  // namespace

const AppRuling* PhonePolicy::FindByBundle(absl::string_view bundle_id) const {
  const auto it = by_bundle.find(std::string(bundle_id));
  return it == by_bundle.end() ? nullptr : &apps[it->second];
}

PhonePolicy MakePhonePolicy(const PolicyIndex& index, v1::Platform::Id platform, absl::Time now,
                            absl::Time monitor_until) {
  // As the decision itself: never at an earlier time than a signed one.
  const absl::Time at = std::max(now, index.time_floor());
  PhonePolicy out;
  out.platform = platform;
  out.how_to_ask = index.how_to_ask();
  out.stale_since = index.not_after();
  out.stale = at >= index.not_after();
  out.monitor_until = monitor_until;
  out.next_change = NextChange(index, at, monitor_until);
  for (AppIndex app = 0; app < index.app_count(); ++app) {
    AppRuling ruling = RulingOf(index, app, platform, now, out);
    const bool here = !ruling.bundle_ids.empty() || ruling.by_signer_only;
    if (here || !ruling.web_hosts.empty()) out.apps.push_back(std::move(ruling));
  }
  std::sort(out.apps.begin(), out.apps.end(),
            [](const AppRuling& a, const AppRuling& b) { return a.app_id < b.app_id; });
  for (size_t i = 0; i < out.apps.size(); ++i) {
    for (const std::string& id : out.apps[i].bundle_ids) out.by_bundle.emplace(id, i);
  }
  return out;
}

}  // namespace muster::bridge
