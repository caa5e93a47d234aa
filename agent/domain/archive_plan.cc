#include "agent/domain/archive_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/time/civil_time.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

struct Row {
  v1::Obligation::State state;
  const char* words;
  const char* next;
};

constexpr char kNothing[] = "Nothing to do.";
constexpr char kNow[] = "Export the chat now: `muster-agent archive guide` says how.";
constexpr char kTheyAsk[] = "The records office will ask you; do not delete or reinstall the app.";

constexpr Row kRows[] = {
    {v1::Obligation::CLEAR, "everything is kept", kNothing},
    {v1::Obligation::ACCRUING, "nothing is due yet", "Export the chat before its due date."},
    {v1::Obligation::DUE_SOON, "an export is due soon", kNow},
    {v1::Obligation::URGENT, "an export is due within two days", kNow},
    {v1::Obligation::OVERDUE, "an export is overdue",
     "Export the chat today; if the app is stopped, `muster-agent archive open APP` lets it run "
     "for a while."},
    {v1::Obligation::EXPORTED, "exported; the record repository has not confirmed it yet",
     kNothing},
    {v1::Obligation::RECEIPTED, "the newest export is confirmed, an earlier one is not yet",
     kNothing},
    {v1::Obligation::GAP_SUSPECTED, "messages between two exports may be missing",
     "Export the whole chat again, from its beginning."},
    {v1::Obligation::EXPORT_BLOCKED, "you said that the app refuses to export it",
     "Switch off Advanced Chat Privacy in this chat, or ask the records office."},
    {v1::Obligation::RECEIPT_MISMATCH, "what the record repository holds is not this export",
     kTheyAsk},
    {v1::Obligation::UNKNOWN, "not known: this device was not heard of for too long",
     "Connect this device to the agency's network."},
    {v1::Obligation::LOSS_SUSPECTED, "messages may be lost", kTheyAsk},
};

Row RowOf(v1::Obligation::State state) {
  for (const Row& row : kRows) {
    if (row.state == state) return row;
  }
  return {state, "not known yet", kNow};
}

}  // namespace

const ArchivePerson* ArchivePlan::FindPerson(uint32_t uid) const {
  const auto it = std::find_if(persons.begin(), persons.end(),
                               [&](const ArchivePerson& p) { return p.uid == uid; });
  return it == persons.end() ? nullptr : &*it;
}

const ArchivePerson* ArchivePlan::FindPerson(const std::string& id) const {
  const auto it = std::find_if(persons.begin(), persons.end(),
                               [&](const ArchivePerson& p) { return p.id == id; });
  return it == persons.end() ? nullptr : &*it;
}

std::string ArchivePlan::AppName(const std::string& app_id) const {
  const std::optional<AppIndex> app = policy == nullptr ? std::nullopt : policy->FindApp(app_id);
  return app ? policy->rule(*app).name : app_id;
}

std::shared_ptr<const ArchivePlan> MakeArchivePlan(std::shared_ptr<const PolicyIndex> policy) {
  auto out = std::make_shared<ArchivePlan>();
  out->zone = absl::UTCTimeZone();
  if (policy == nullptr) return out;
  out->settings = policy->content().archive();
  if (!absl::LoadTimeZone(out->settings.time_zone(), &out->zone)) {
    out->zone = absl::UTCTimeZone();
    out->settings.set_time_zone("UTC");
  }
  for (const v1::App& app : policy->content().apps()) out->catalogue.insert(app.id());
  if (policy->assignment()) {
    const v1::DeviceAssignment& assignment = *policy->assignment();
    out->assigned_at = FromProto(assignment.header().issued_at());
    out->obligations = {assignment.obligations().begin(), assignment.obligations().end()};
    std::map<std::string, std::set<std::string>> apps_of;
    for (const v1::Entitlement& e : assignment.entitlements()) {
      apps_of[e.person_id()].insert(e.app_id());
    }
    for (const v1::AssignedObligation& o : assignment.obligations()) {
      apps_of[o.person_id()].insert(o.app_id());
    }
    for (const v1::AssignedPerson& p : assignment.persons()) {
      const auto uid = policy->uid_of().find(p.account_name());
      if (uid == policy->uid_of().end() || out->FindPerson(p.person_id()) != nullptr) continue;
      out->persons.push_back(
          {p.person_id(), p.account_name(), uid->second, apps_of[p.person_id()]});
    }
  }
  out->policy = std::move(policy);
  return out;
}

v1::Obligation::State StateNow(const v1::AssignedObligation& obligation, absl::TimeZone zone,
                               absl::Time now) {
  const v1::Obligation::State said = obligation.state();
  const bool runs = said == v1::Obligation::ACCRUING || said == v1::Obligation::DUE_SOON ||
                    said == v1::Obligation::URGENT;
  if (!runs || !obligation.has_uncovered_since()) return said;
  const auto day = [&](absl::Time t) { return absl::ToCivilDay(t, zone); };
  const int64_t days = day(now) - day(FromProto(obligation.uncovered_since()));
  if (days > limits::kLastDay) return v1::Obligation::OVERDUE;
  if (days >= limits::kUrgentDay) return v1::Obligation::URGENT;
  if (days >= limits::kDueSoonDay) return std::max(said, v1::Obligation::DUE_SOON);
  return said;
}

std::string StateWords(v1::Obligation::State state) { return RowOf(state).words; }

std::string NextStepOf(v1::Obligation::State state) { return RowOf(state).next; }

}  // namespace muster::agent
