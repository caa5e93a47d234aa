#include "agent/flow/archivist.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "agent/domain/archive_notice.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

constexpr absl::Duration kIdle = absl::Minutes(1);

bool CallsForReminder(v1::Obligation::State state) {
  return state == v1::Obligation::DUE_SOON || state == v1::Obligation::URGENT ||
         state == v1::Obligation::OVERDUE;
}

// Something was exported since the controller wrote the obligations down: its next word counts.
bool ExportedSince(const v1::ArchiveState& state, const v1::AssignedObligation& o,
                   absl::Time assigned_at) {
  return std::any_of(
      state.exports().begin(), state.exports().end(), [&](const v1::ArchiveState::Export& e) {
        return e.seen().person_id() == o.person_id() && e.seen().app_id() == o.app_id() &&
               (o.chat_key().empty() || e.seen().chat_key() == o.chat_key()) &&
               FromProto(e.seen().seen_at()) > assigned_at;
      });
}

}  // namespace

Archivist::Archivist(Parts parts)
    : parts_(std::move(parts)),
      ledger_(parts_.store),
      teller_(parts_.notices, &ledger_, parts_.clock),
      packer_({parts_.device_id, parts_.tenant, &ledger_, parts_.folders, parts_.repository,
               parts_.clock}),
      intake_({&ledger_, parts_.folders, parts_.repository, &teller_, &packer_, &submissions_,
               parts_.clock, parts_.random_salt}),
      plan_(MakeArchivePlan(nullptr)) {}

absl::Status Archivist::Start(std::function<bool(v1::Report)> queue) {
  queue_ = std::move(queue);
  return ledger_.Load();
}

void Archivist::SetPolicy(std::shared_ptr<const PolicyIndex> policy) {
  std::shared_ptr<const ArchivePlan> plan = MakeArchivePlan(std::move(policy));
  {
    MutexLock lock(&mu_);
    plan_ = std::move(plan);
  }
  parts_.wake();
}

std::shared_ptr<const ArchivePlan> Archivist::plan() const {
  MutexLock lock(&mu_);
  return plan_;
}

absl::Time Archivist::Step() {
  const std::shared_ptr<const ArchivePlan> plan = this->plan();
  absl::Time next = parts_.clock->Now() + kIdle;
  next = std::min(next, intake_.Step(*plan));
  next = std::min(next, packer_.Step(*plan));
  Remind(*plan);
  Report();
  MutexLock lock(&mu_);
  folders_ = intake_.folders();
  problems_ = intake_.problems();
  problems_.insert(problems_.end(), packer_.problems().begin(), packer_.problems().end());
  return next;
}

void Archivist::OnReceipts(const v1::ReceiptUpdate& update, const Trust& trust, absl::Time now) {
  std::map<std::pair<std::string, std::string>, size_t> held;
  const absl::Status saved = ledger_.Commit([&](v1::ArchiveState& state) {
    held.clear();
    int left = limits::kMaxReceiptsPending;
    for (const v1::SignedDoc& doc : update.receipts()) {
      if (--left < 0) break;
      const std::optional<NewlyHeld> one = TakeReceipt(doc, trust, parts_.device_id, now, state);
      if (one) ++held[{one->person_id, one->app_id}];
    }
    return absl::OkStatus();
  });
  // The controller offers them again with the next stream.
  if (!saved.ok()) {
    Log(Severity::kError, "receipts could not be saved: ", saved.message());
    return;
  }
  const std::shared_ptr<const ArchivePlan> plan = this->plan();
  for (const auto& [whose, exports] : held) {
    const ArchivePerson* person = plan->FindPerson(whose.first);
    if (person == nullptr) continue;
    teller_.Tell(*person, absl::StrCat("RECEIPT ", whose.second),
                 ReceiptNotice(plan->AppName(whose.second), exports));
  }
  parts_.wake();
}

void Archivist::ReportInFull() {
  const absl::Status saved = ledger_.Commit([](v1::ArchiveState& state) {
    for (v1::ArchiveState::Export& e : *state.mutable_exports()) {
      e.set_reported(false);
      e.set_packed_reported(false);
      if (e.receipt_sha256().empty()) continue;
      state.mutable_unreported()->add_receipts_held(e.receipt_sha256());
    }
    return absl::OkStatus();
  });
  if (!saved.ok()) Log(Severity::kError, "cannot save ", kArchiveFile, ": ", saved.message());
  parts_.wake();
}

ExportWindows Archivist::Windows(const std::map<std::string, uint32_t>& uid_of) const {
  ExportWindows out;
  const std::shared_ptr<const ArchivePlan> plan = this->plan();
  absl::Time now = parts_.clock->Now();
  if (plan->policy != nullptr) now = std::max(now, plan->policy->time_floor());
  ledger_.Look([&](const v1::ArchiveState& state) {
    for (const v1::ExportWindow& w : state.windows()) {
      // Opened while the clock was far ahead: its end would be as far away.
      if (FromProto(w.opened_at()) > now + limits::kExportWindow) continue;
      const auto uid = uid_of.find(w.account_name());
      if (uid == uid_of.end()) continue;
      absl::Time& until =
          out.try_emplace({uid->second, w.app_id()}, absl::InfinitePast()).first->second;
      until = std::max(until, FromProto(w.until()));
    }
  });
  return out;
}

void Archivist::Remind(const ArchivePlan& plan) {
  if (plan.policy == nullptr || parts_.notices == nullptr) return;
  const absl::Time now = parts_.clock->Now();
  for (const ArchivePerson& person : plan.persons) {
    for (const std::string& app_id : person.apps) {
      RemindOf(plan, person, app_id);
      const std::optional<AppIndex> app = plan.policy->FindApp(app_id);
      if (!app ||
          plan.policy->Decide(*app, person.uid, now).verdict != v1::Verdict::ALLOW_EXPORT_ONLY) {
        continue;
      }
      teller_.Tell(person, absl::StrCat("EXPORT_ONLY ", app_id),
                   ExportOnlyNotice(plan.AppName(app_id), app_id));
    }
  }
}

// One notice for all chats of an app that are in one state.
void Archivist::RemindOf(const ArchivePlan& plan, const ArchivePerson& person,
                         const std::string& app_id) {
  struct Due {
    size_t chats = 0;
    absl::Time first = absl::InfiniteFuture();
  };
  std::map<v1::Obligation::State, Due> owed;
  ledger_.Look([&](const v1::ArchiveState& state) {
    for (const v1::AssignedObligation& o : plan.obligations) {
      if (o.person_id() != person.id || o.app_id() != app_id) continue;
      const v1::Obligation::State now_is = StateNow(o, plan.zone, parts_.clock->Now());
      if (!CallsForReminder(now_is) || ExportedSince(state, o, plan.assigned_at)) continue;
      Due& due = owed[now_is];
      ++due.chats;
      if (o.has_due_at()) due.first = std::min(due.first, FromProto(o.due_at()));
    }
  });
  for (const auto& [state, due] : owed) {
    teller_.Tell(person, absl::StrCat(v1::Obligation::State_Name(state), " ", app_id),
                 ObligationNotice(plan.AppName(app_id), state, due.chats, due.first, plan.zone));
  }
}

void Archivist::Report() {
  for (size_t n = 0; n < limits::kMaxReadsPerStep; ++n) {
    v1::ArchiveReport next;
    ledger_.Look([&](const v1::ArchiveState& state) { next = NextArchiveReport(state); });
    if (next.ByteSizeLong() == 0) return;
    v1::Report body;
    *body.mutable_archive() = next;
    if (!queue_(std::move(body))) return;
    const absl::Status saved = ledger_.Commit([&](v1::ArchiveState& state) {
      MarkTold(next, state);
      return absl::OkStatus();
    });
    if (!saved.ok()) {
      Log(Severity::kError, "what was reported is reported again: ", saved.message());
      return;
    }
  }
}

}  // namespace muster::agent
