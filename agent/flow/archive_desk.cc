// What `muster-agent archive` asks: for the person who asks, and for nobody else.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/domain/export_reading.h"
#include "agent/domain/plain_text.h"
#include "agent/flow/archivist.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

absl::StatusOr<ArchivePerson> PersonOf(const ArchivePlan& plan, uint32_t uid) {
  const ArchivePerson* person = plan.FindPerson(uid);
  if (person != nullptr) return *person;
  return absl::NotFoundError(
      "your account is not known as a person of this device; ask the service desk");
}

absl::Status TooManyUntold() {
  return absl::ResourceExhaustedError(
      "too much waits to be reported; try again when this device is connected");
}

absl::Status CheckApp(const ArchivePlan& plan, const std::string& app_id) {
  if (plan.catalogue.contains(app_id)) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("the catalogue has no app '",
                                          PlainText(app_id, limits::kMaxAppIdBytes),
                                          "'; use its id, for example whatsapp"));
}

void AddDates(const v1::AssignedObligation& o, v1::ArchiveView::Chat& out) {
  if (o.has_uncovered_since()) *out.mutable_uncovered_since() = o.uncovered_since();
  if (o.has_due_at()) *out.mutable_due_at() = o.due_at();
  if (o.has_export_only_at()) *out.mutable_export_only_at() = o.export_only_at();
}

// What is known of the newest export of a chat.
void AddExports(const v1::ArchiveState& state, const std::string& person_id,
                v1::ArchiveView::Chat& out) {
  bool any = false, packed = true, receipted = true;
  for (const v1::ArchiveState::Export& e : state.exports()) {
    if (e.seen().person_id() != person_id || e.seen().app_id() != out.app_id() ||
        e.seen().chat_key() != out.chat_key()) {
      continue;
    }
    any = true;
    packed = packed && e.packed();
    receipted = receipted && !e.receipt_sha256().empty();
  }
  out.set_packed(any && packed);
  out.set_receipted(any && receipted);
}

void AddKnownChats(const ArchivePlan& plan, const ArchivePerson& person,
                   const v1::ArchiveState& state, absl::Time now, v1::ArchiveView& view) {
  for (const v1::ArchiveState::Chat& chat : state.chats()) {
    if (chat.person_id() != person.id) continue;
    v1::ArchiveView::Chat* out = view.add_chats();
    out->set_account_name(person.account);
    out->set_app_id(chat.app_id());
    out->set_chat(chat.name());
    out->set_chat_key(chat.chat_key());
    out->set_messages(chat.messages());
    *out->mutable_last_export_at() = chat.last_export_at();
    AddExports(state, person.id, *out);
    for (const v1::AssignedObligation& o : plan.obligations) {
      if (o.person_id() != person.id || o.app_id() != chat.app_id() ||
          o.chat_key() != chat.chat_key()) {
        continue;
      }
      out->set_state(StateNow(o, plan.zone, now));
      AddDates(o, *out);
    }
  }
}

// Obligations about chats that this device has never seen.
void AddOtherChats(const ArchivePlan& plan, const ArchivePerson& person,
                   const v1::ArchiveState& state, absl::Time now, v1::ArchiveView& view) {
  for (const v1::AssignedObligation& o : plan.obligations) {
    if (o.person_id() != person.id ||
        FindChat(state, person.id, o.app_id(), o.chat_key()) != nullptr) {
      continue;
    }
    v1::ArchiveView::Chat* out = view.add_chats();
    out->set_account_name(person.account);
    out->set_app_id(o.app_id());
    out->set_chat_key(o.chat_key());
    out->set_state(StateNow(o, plan.zone, now));
    AddDates(o, *out);
  }
}

}  // namespace

absl::StatusOr<v1::ExportWindow> Archivist::Open(const std::string& app_id, uint32_t uid) {
  const std::shared_ptr<const ArchivePlan> plan = this->plan();
  MUSTER_RETURN_IF_ERROR(CheckApp(*plan, app_id));
  MUSTER_ASSIGN_OR_RETURN(const ArchivePerson person, PersonOf(*plan, uid));
  // As every decision: never earlier than what was signed.
  const absl::Time now = std::max(parts_.clock->Now(), plan->policy->time_floor());
  const v1::Explanation verdict = plan->policy->Explain(*plan->policy->FindApp(app_id), uid, now);
  if (verdict.verdict() != v1::Verdict::ALLOW_EXPORT_ONLY) {
    return absl::FailedPreconditionError(
        absl::StrCat("an export window is only for an app that is open for exports alone; ", app_id,
                     " is ", v1::Verdict::Kind_Name(verdict.verdict()), " (", verdict.reason(),
                     "). ", verdict.next_step()));
  }
  v1::ExportWindow window;
  MUSTER_RETURN_IF_ERROR(ledger_.Commit([&](v1::ArchiveState& state) -> absl::Status {
    for (int i = state.windows_size() - 1; i >= 0; --i) {
      if (FromProto(state.windows(i).until()) <= now) {
        state.mutable_windows()->DeleteSubrange(i, 1);
      } else if (state.windows(i).person_id() == person.id && state.windows(i).app_id() == app_id) {
        window = state.windows(i);
      }
    }
    if (window.has_until()) return absl::OkStatus();  // open already; it is not prolonged
    if (static_cast<size_t>(state.unreported().windows_size()) >= limits::kMaxUntold) {
      return TooManyUntold();
    }
    window.set_app_id(app_id);
    window.set_person_id(person.id);
    window.set_account_name(person.account);
    *window.mutable_opened_at() = ToProto(now);
    *window.mutable_until() = ToProto(now + limits::kExportWindow);
    *state.add_windows() = window;
    *state.mutable_unreported()->add_windows() = window;
    return absl::OkStatus();
  }));
  parts_.wake();
  return window;
}

absl::StatusOr<v1::ArchiveView> Archivist::View(uint32_t uid) const {
  const std::shared_ptr<const ArchivePlan> plan = this->plan();
  v1::ArchiveView out;
  std::vector<ArchivePerson> persons = plan->persons;
  if (uid != 0) {
    MUSTER_ASSIGN_OR_RETURN(const ArchivePerson person, PersonOf(*plan, uid));
    persons = {person};
  }
  const absl::Time now = parts_.clock->Now();
  ledger_.Look([&](const v1::ArchiveState& state) {
    for (const ArchivePerson& person : persons) {
      AddKnownChats(*plan, person, state, now, out);
      AddOtherChats(*plan, person, state, now, out);
      for (const v1::ArchiveState::Refused& r : state.refused()) {
        if (r.account_name() != person.account) continue;
        out.add_problems(absl::StrCat(PlainText(r.path(), limits::kMaxNoticeNameBytes), ": ",
                                      r.code(), ": ", r.why()));
      }
      for (const v1::ArchiveState::Export& e : state.exports()) {
        if (e.seen().person_id() != person.id || e.packed()) continue;
        out.set_waiting_to_be_packed(out.waiting_to_be_packed() + 1);
      }
    }
  });
  if (plan->settings.repository().empty()) out.set_waiting_to_be_packed(0);
  out.set_repository(plan->settings.repository());
  MutexLock lock(&mu_);
  // Paths and names of files are nobody else's business.
  const auto may_hear = [&](const std::string& account) {
    return uid == 0 || account.empty() ||
           std::any_of(persons.begin(), persons.end(),
                       [&](const ArchivePerson& p) { return p.account == account; });
  };
  for (const OfAccount& folder : folders_) {
    if (may_hear(folder.account)) out.add_folders(folder.text);
  }
  for (const OfAccount& problem : problems_) {
    if (may_hear(problem.account)) out.add_problems(problem.text);
  }
  return out;
}

absl::StatusOr<v1::ArchiveStatement> Archivist::Declare(
    const v1::ControlRequest::ArchiveState& request, uint32_t uid) {
  const std::shared_ptr<const ArchivePlan> plan = this->plan();
  MUSTER_RETURN_IF_ERROR(CheckApp(*plan, request.app_id()));
  MUSTER_ASSIGN_OR_RETURN(const ArchivePerson person, PersonOf(*plan, uid));
  const absl::Time now = parts_.clock->Now();
  const absl::Time through = request.has_through() ? FromProto(request.through()) : now;
  if (through > now) {
    return absl::InvalidArgumentError("--through is in the future; nobody can say that yet");
  }
  if (request.kind() != v1::ArchiveStatement::EXPORTED_ELSEWHERE &&
      request.kind() != v1::ArchiveStatement::EXPORT_BLOCKED &&
      request.kind() != v1::ArchiveStatement::NO_MESSAGES) {
    return absl::InvalidArgumentError("say what you declare");
  }
  v1::ArchiveStatement out;
  out.set_kind(request.kind());
  out.set_person_id(person.id);
  out.set_account_name(person.account);
  out.set_app_id(request.app_id());
  *out.mutable_through() = ToProto(through);
  *out.mutable_at() = ToProto(now);
  MUSTER_RETURN_IF_ERROR(ledger_.Commit([&](v1::ArchiveState& state) -> absl::Status {
    if (!request.chat().empty()) {
      const auto salt = state.salts().find(person.id);
      if (salt == state.salts().end()) {
        return absl::UnavailableError(
            "this device has not reached the record repository yet; try again later");
      }
      out.set_chat_key(ChatKeyOfName(salt->second, request.chat()));
    }
    if (static_cast<size_t>(state.unreported().statements_size()) >= limits::kMaxUntold) {
      return TooManyUntold();
    }
    *state.mutable_unreported()->add_statements() = out;
    return absl::OkStatus();
  }));
  parts_.wake();
  return out;
}

absl::StatusOr<v1::ArchiveGuideView> Archivist::Guide(
    const v1::ControlRequest::ArchiveGuide& request, uint32_t uid) {
  const std::shared_ptr<const ArchivePlan> plan = this->plan();
  const v1::ArchiveSettings& settings = plan->settings;
  if (settings.guidance_text().empty()) {
    return absl::NotFoundError("the agency has published no guide for archiving on this platform");
  }
  v1::ArchiveGuideView out;
  out.set_version(settings.guidance_version());
  out.set_text(settings.guidance_text());
  out.set_sha256(settings.guidance_sha256());
  const ArchivePerson* person = plan->FindPerson(uid);
  const auto is_this = [&](const v1::GuidanceAttestation& a) {
    return person != nullptr && a.person_id() == person->id &&
           a.sha256() == settings.guidance_sha256() && a.version() == settings.guidance_version();
  };
  ledger_.Look([&](const v1::ArchiveState& state) {
    out.set_attested(
        std::any_of(state.attestations().begin(), state.attestations().end(), is_this));
  });
  if (request.attest_version().empty()) return out;
  MUSTER_ASSIGN_OR_RETURN(const ArchivePerson who, PersonOf(*plan, uid));
  if (request.attest_version() != settings.guidance_version()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the guide is another by now: version ", settings.guidance_version(),
                     "; read it with `muster-agent archive guide`"));
  }
  MUSTER_RETURN_IF_ERROR(ledger_.Commit([&](v1::ArchiveState& state) -> absl::Status {
    if (static_cast<size_t>(state.unreported().attestations_size()) >= limits::kMaxUntold) {
      return TooManyUntold();
    }
    if (static_cast<size_t>(state.attestations_size()) >= limits::kMaxUntold) {
      state.mutable_attestations()->DeleteSubrange(0, 1);
    }
    v1::GuidanceAttestation* attestation = state.add_attestations();
    attestation->set_person_id(who.id);
    attestation->set_account_name(who.account);
    attestation->set_version(settings.guidance_version());
    attestation->set_sha256(settings.guidance_sha256());
    *attestation->mutable_at() = ToProto(parts_.clock->Now());
    *state.mutable_unreported()->add_attestations() = *attestation;
    return absl::OkStatus();
  }));
  out.set_attested(true);
  parts_.wake();
  return out;
}

std::optional<absl::StatusOr<v1::ExportSeen>> Archivist::Submit(
    const v1::ControlRequest::ArchiveSubmit& request, std::shared_ptr<HeldExport> file,
    uint32_t uid) {
  if (file == nullptr) return absl::InvalidArgumentError("no file came with the question");
  const absl::StatusOr<ArchivePerson> person = PersonOf(*plan(), uid);
  if (!person.ok()) return person.status();
  auto out = submissions_.Ask({uid, request.app_id(), std::move(file), std::nullopt});
  if (!out) parts_.wake();
  return out;
}

std::optional<Archivist::Owed> Archivist::OwedFor(const std::string& app_id, uint32_t uid) const {
  const std::shared_ptr<const ArchivePlan> plan = this->plan();
  const ArchivePerson* person = plan->FindPerson(uid);
  if (person == nullptr) return std::nullopt;
  // They come with the most urgent first.
  const auto worst = std::find_if(plan->obligations.begin(), plan->obligations.end(),
                                  [&](const v1::AssignedObligation& o) {
                                    return o.person_id() == person->id && o.app_id() == app_id;
                                  });
  if (worst == plan->obligations.end()) return std::nullopt;
  const v1::Obligation::State state = StateNow(*worst, plan->zone, parts_.clock->Now());
  Owed out{StateWords(state), state == v1::Obligation::OVERDUE};
  if (worst->has_due_at()) {
    absl::StrAppend(&out.words, "; due by ",
                    absl::FormatTime("%Y-%m-%d", FromProto(worst->due_at()), plan->zone));
  }
  return out;
}

}  // namespace muster::agent
