#include "agent/domain/policy_index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

// Of two entitlements of one person for one app the one that allows more, longer.
bool Better(const EntitlementFacts& a, const EntitlementFacts& b) {
  const bool a_live = !a.suspended_by_trm && !a.suspended_archive_overdue;
  const bool b_live = !b.suspended_by_trm && !b.suspended_archive_overdue;
  if (a_live != b_live) return a_live;
  return a.not_after > b.not_after;
}

bool Denies(v1::Verdict::Kind verdict) {
  return verdict == v1::Verdict::BLOCK || verdict == v1::Verdict::ALLOW_EXPORT_ONLY;
}

}  // namespace

std::shared_ptr<const PolicyIndex> PolicyIndex::Build(PolicyParts parts) {
  std::shared_ptr<PolicyIndex> out(new PolicyIndex());
  out->content_ = std::move(parts.content);
  out->how_to_ask_ = std::move(parts.how_to_ask);
  out->time_floor_ = parts.time_floor;
  out->not_after_ = out->cohort_not_after_ = parts.cohort_not_after;
  if (parts.assignment != nullptr) out->assignment_ = *parts.assignment;
  if (parts.emergency_deny != nullptr) out->emergency_deny_ = *parts.emergency_deny;
  for (const v1::App& app : out->content_.apps()) {
    out->by_id_.emplace(app.id(), static_cast<AppIndex>(out->rules_.size()));
    AppRule rule;
    rule.id = app.id();
    rule.name = app.name();
    out->rules_.push_back(std::move(rule));
    out->apps_.push_back(&app);
    for (const v1::AppIdentity& identity : app.identities()) {
      out->packages_.emplace(static_cast<int>(identity.origin()), identity.package_id());
    }
  }
  for (const v1::Trm& trm : out->content_.trm()) {
    if (const auto it = out->by_id_.find(trm.app_id()); it != out->by_id_.end()) {
      AppRule& rule = out->rules_[it->second];
      rule.trm = trm.status() == v1::Trm::UNSPECIFIED ? v1::Trm::UNLISTED : trm.status();
      rule.trm_decision_id = trm.decision_id();
    }
  }
  for (const std::string& id : out->content_.blocklist()) {
    if (const auto it = out->by_id_.find(id); it != out->by_id_.end()) {
      out->rules_[it->second].blocklisted = true;
    }
  }
  if (parts.assignment != nullptr) {
    out->not_after_ = std::min(out->not_after_, FromProto(parts.assignment->header().not_after()));
    out->AddEntitlements(*parts.assignment, parts.uid_of);
  }
  if (parts.emergency_deny != nullptr) out->AddEmergencyDeny(*parts.emergency_deny);
  out->uid_of_ = std::move(parts.uid_of);
  for (const auto& [key, until] : parts.windows) {
    if (const auto it = out->by_id_.find(key.second); it != out->by_id_.end()) {
      out->window_of_[{key.first, it->second}] = until;
    }
  }
  out->windows_ = std::move(parts.windows);
  return out;
}

void PolicyIndex::AddEmergencyDeny(const v1::EmergencyDeny& deny) {
  emergency_reason_ = deny.reason();
  for (const std::string& id : deny.app_ids()) {
    if (const auto it = by_id_.find(id); it != by_id_.end()) {
      rules_[it->second].denied_until = FromProto(deny.header().not_after());
    }
  }
}

void PolicyIndex::AddEntitlements(const v1::DeviceAssignment& assignment,
                                  const std::map<std::string, uint32_t>& uid_of) {
  std::map<std::string, uint32_t> uid_of_person;
  for (const v1::AssignedPerson& person : assignment.persons()) {
    if (const auto it = uid_of.find(person.account_name()); it != uid_of.end()) {
      uid_of_person[person.person_id()] = it->second;
      person_uids_.insert(it->second);
    }
  }
  for (const v1::Entitlement& e : assignment.entitlements()) {
    const auto uid = uid_of_person.find(e.person_id());
    const auto app = by_id_.find(e.app_id());
    if (uid == uid_of_person.end() || app == by_id_.end()) continue;
    EntitlementFacts facts;
    facts.grant_id = e.grant_id();
    facts.not_after = std::min(FromProto(e.not_after()), not_after_);
    facts.suspended_by_trm = e.suspended_by_trm();
    facts.suspended_archive_overdue = e.suspended_archive_overdue();
    if (e.has_export_until()) facts.export_until = FromProto(e.export_until());
    const auto key = std::make_pair(uid->second, app->second);
    const auto [it, added] = entitlements_.emplace(key, facts);
    if (!added && Better(facts, it->second)) it->second = facts;
  }
}

std::optional<AppIndex> PolicyIndex::FindApp(const std::string& id) const {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return std::nullopt;
  return it->second;
}

std::optional<AppMatch> PolicyIndex::Match(const ProvenFacts& facts) const {
  return MatchApps(apps_, facts);
}

bool PolicyIndex::NamesPackage(v1::Origin::Kind origin, const std::string& package_id) const {
  return packages_.contains(std::make_pair(static_cast<int>(origin), package_id));
}

const EntitlementFacts* PolicyIndex::FindEntitlement(AppIndex app,
                                                     std::optional<uint32_t> uid) const {
  if (!uid) return nullptr;
  const auto it = entitlements_.find(std::make_pair(*uid, app));
  return it == entitlements_.end() ? nullptr : &it->second;
}

Decision PolicyIndex::Decide(AppIndex app, std::optional<uint32_t> uid, absl::Time now) const {
  const AppRule& rule = rules_[app];
  const absl::Time at = std::max(now, time_floor_);
  const v1::Verdict::Kind verdict = DecideVerdict(at < rule.denied_until, rule.trm,
                                                  rule.blocklisted, FindEntitlement(app, uid), at);
  const bool window =
      verdict == v1::Verdict::ALLOW_EXPORT_ONLY && WindowUntil(app, uid, at).has_value();
  return {verdict, Denies(verdict) && !window};
}

std::optional<absl::Time> PolicyIndex::WindowUntil(AppIndex app, std::optional<uint32_t> uid,
                                                   absl::Time now) const {
  if (!uid) return std::nullopt;
  const auto it = window_of_.find(std::make_pair(*uid, app));
  if (it == window_of_.end() || std::max(now, time_floor_) >= it->second) return std::nullopt;
  return it->second;
}

bool PolicyIndex::EmergencyDenied(AppIndex app, absl::Time now) const {
  return std::max(now, time_floor_) < rules_[app].denied_until;
}

bool PolicyIndex::OnlyMonitors(AppIndex app, absl::Time monitor_until, absl::Time now) const {
  return std::max(now, time_floor_) < monitor_until && !EmergencyDenied(app, now);
}

bool PolicyIndex::CouldDeny(AppIndex app) const {
  const AppRule& rule = rules_[app];
  return Denies(DecideVerdict(time_floor_ < rule.denied_until, rule.trm, rule.blocklisted, nullptr,
                              time_floor_));
}

DecisionInputs PolicyIndex::InputsFor(AppIndex app, std::optional<uint32_t> uid,
                                      absl::Time now) const {
  const AppRule& rule = rules_[app];
  DecisionInputs in;
  in.app_id = rule.id;
  in.app_name = rule.name;
  in.trm = rule.trm;
  in.trm_decision_id = rule.trm_decision_id;
  in.blocklisted = rule.blocklisted;
  in.how_to_ask = how_to_ask_;
  in.now = std::max(now, time_floor_);
  in.emergency_denied = in.now < rule.denied_until;
  in.emergency_reason = emergency_reason_;
  if (const EntitlementFacts* e = FindEntitlement(app, uid); e != nullptr) in.entitlement = *e;
  if (!uid) {
    in.no_entitlement_because = "the login uid and the real uid of the process disagree";
  } else if (!person_uids_.contains(*uid)) {
    in.no_entitlement_because = "this account is not known to be a person of this device";
  }
  return in;
}

v1::Explanation PolicyIndex::Explain(AppIndex app, std::optional<uint32_t> uid,
                                     absl::Time now) const {
  v1::Explanation out = muster::Decide(InputsFor(app, uid, now));
  const std::optional<absl::Time> until = WindowUntil(app, uid, now);
  if (!until || out.verdict() != v1::Verdict::ALLOW_EXPORT_ONLY) return out;
  v1::Explanation::Link* link = out.add_chain();
  link->set_condition("an export window is open");
  link->set_holds(true);
  link->set_detail(absl::StrCat("until ", TimeText(*until)));
  out.set_next_step(absl::StrCat("Export the chats and quit ", rules_[app].name, " before ",
                                 TimeText(*until), "; then it is ended."));
  return out;
}

std::string PolicyIndex::Reason(AppIndex app, std::optional<uint32_t> uid, absl::Time now) const {
  return Explain(app, uid, now).reason();
}

absl::Time PolicyIndex::NextExpiry(absl::Time now) const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [key, e] : entitlements_) {
    if (e.not_after > now) next = std::min(next, e.not_after);
  }
  for (const auto& [key, until] : window_of_) {
    if (until > now) next = std::min(next, until);
  }
  for (const AppRule& rule : rules_) {
    if (rule.denied_until > now) next = std::min(next, rule.denied_until);
  }
  return next;
}

}  // namespace muster::agent
