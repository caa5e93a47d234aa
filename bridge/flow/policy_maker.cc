#include "bridge/flow/policy_maker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

constexpr size_t kMaxPlain = 64;  // platforms, waves of a rollout, days on which documents end

// Unambiguous: each text goes in with its length.
void Add(std::string& out, const std::string& text) {
  absl::StrAppend(&out, text.size(), ":", text, ";");
}
void Add(std::string& out, absl::Time t) { absl::StrAppend(&out, absl::ToUnixNanos(t), ";"); }

void Add(std::string& out, const AppRuling& r) {
  absl::StrAppend(&out, static_cast<int>(r.verdict), r.granted, r.holds_records, r.by_signer_only,
                  r.only_reports, ";", r.bundle_ids.size(), ";", r.web_hosts.size(), ";");
  for (const std::string* text : {&r.app_id, &r.name, &r.reason, &r.words, &r.transaction_id}) {
    Add(out, *text);
  }
  for (const std::string& id : r.bundle_ids) Add(out, id);
  for (const std::string& host : r.web_hosts) Add(out, host);
}

std::string ContentOf(const PhonePolicy& p) {
  std::string out = absl::StrCat(static_cast<int>(p.platform), p.stale, ";", p.cohort_version, ";");
  for (const std::string* text : {&p.how_to_ask, &p.cohort_sha256}) Add(out, *text);
  for (const absl::Time t : {p.stale_since, p.monitor_until, p.next_change}) Add(out, t);
  for (const AppRuling& ruling : p.apps) Add(out, ruling);
  return Sha256(out);
}

agent::PolicyParts PartsOf(const agent::AcceptedPolicy& accepted) {
  agent::PolicyParts out;
  out.content = accepted.content;
  out.how_to_ask = accepted.cohort->how_to_ask();
  out.cohort_not_after = FromProto(accepted.cohort->header().not_after());
  if (accepted.emergency_deny) out.emergency_deny = &*accepted.emergency_deny;
  out.time_floor = accepted.highest_issued_at;
  if (!accepted.assignment) return out;
  out.assignment = &*accepted.assignment;
  // A phone has one person and no login: an empty account name is theirs too.
  if (accepted.assignment->persons_size() == 1) {
    out.uid_of[accepted.assignment->persons(0).account_name()] = kOwnerUid;
  }
  return out;
}

absl::Time MonitorUntil(const v1::CohortPolicy& cohort) {
  if (!cohort.has_monitor_until()) return absl::InfinitePast();
  // What the document asks for ends with the document.
  return std::min(FromProto(cohort.monitor_until()), FromProto(cohort.header().not_after()));
}

// What the policy of a phone without entitlements and obligations depends on; empty: it has some.
std::string PlainKey(const agent::AcceptedPolicy& accepted, v1::Platform::Id platform) {
  std::string out =
      absl::StrCat(static_cast<int>(platform), ";", accepted.HashOf(agent::OwnCohort(platform)),
                   ";", accepted.HashOf(kEmergencyDenyName), ";");
  if (!accepted.assignment) return out;
  const v1::DeviceAssignment& a = *accepted.assignment;
  if (a.entitlements_size() > 0 || a.obligations_size() > 0) return "";
  absl::StrAppend(&out, a.persons_size(), ";");
  Add(out, FromProto(a.header().not_after()));
  return out;
}

}  // namespace

PhonePolicyPtr PolicyMaker::Intern(PhonePolicy policy) {
  if (interned_.size() >= prune_at_) {
    for (auto it = interned_.begin(); it != interned_.end();) {
      it = it->second.expired() ? interned_.erase(it) : std::next(it);
    }
    prune_at_ = 2 * interned_.size() + 64;
  }
  std::weak_ptr<const PhonePolicy>& known = interned_[ContentOf(policy)];
  if (PhonePolicyPtr same = known.lock(); same != nullptr && *same == policy) return same;
  auto made = std::make_shared<const PhonePolicy>(std::move(policy));
  known = made;
  return made;
}

PhonePolicyPtr PolicyMaker::Make(const agent::AcceptedPolicy& accepted, v1::Platform::Id platform,
                                 absl::Time now) {
  if (!accepted.cohort) return nullptr;
  // Never at an earlier time than a signed one.
  const absl::Time at = std::max(now, accepted.highest_issued_at);
  const std::string key = PlainKey(accepted, platform);
  if (const auto it = plain_.find(key); !key.empty() && it != plain_.end()) {
    const Plain& plain = it->second;
    if (plain.made_at <= at && at < plain.policy->next_change) return plain.policy;
  }
  const auto index = agent::PolicyIndex::Build(PartsOf(accepted));
  PhonePolicy policy = MakePhonePolicy(*index, platform, now, MonitorUntil(*accepted.cohort));
  policy.cohort_sha256 = accepted.HashOf(agent::OwnCohort(platform));
  policy.cohort_version = accepted.cohort->header().version();
  PhonePolicyPtr made = Intern(std::move(policy));
  if (!key.empty()) {
    if (plain_.size() >= kMaxPlain) plain_.clear();
    plain_[key] = {made, at};
  }
  return made;
}

}  // namespace muster::bridge
