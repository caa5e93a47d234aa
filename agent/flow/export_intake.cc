#include "agent/flow/export_intake.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/domain/archive_notice.h"
#include "agent/domain/export_reading.h"
#include "agent/domain/plain_text.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxShownPath = 120;

google::protobuf::Timestamp ChangedAt(const FileStamp& stamp) {
  return ToProto(absl::FromUnixNanos(stamp.mtime_ns));
}

std::string KeyOf(const FoundExport& found) { return absl::StrCat(found.account, "/", found.path); }

// What the agent could not do itself says nothing about the file.
absl::Status NotTheFile(const absl::Status& status) {
  return status.ok() ? status : absl::CancelledError(status.message());
}

// Refused files are remembered while there is room; the oldest are asked about again.
void RememberRefused(const FoundExport& found, absl::string_view code, const std::string& why,
                     absl::Time now, v1::ArchiveState& state) {
  if (static_cast<size_t>(state.refused_size()) >= limits::kMaxRefusedFiles) {
    state.mutable_refused()->DeleteSubrange(0, 1);
  }
  v1::ArchiveState::Refused* refused = state.add_refused();
  refused->set_account_name(found.account);
  refused->set_path(found.path);
  refused->set_size(found.stamp.size);
  *refused->mutable_changed_at() = ChangedAt(found.stamp);
  refused->set_code(std::string(code));
  refused->set_why(why);
  if (static_cast<size_t>(state.unreported().unreadable_size()) >= limits::kMaxUntold) return;
  v1::UnreadableExport* told = state.mutable_unreported()->add_unreadable();
  told->set_account_name(found.account);
  told->set_code(std::string(code));
  *told->mutable_at() = ToProto(now);
}

}  // namespace

absl::Time ExportIntake::Step(const ArchivePlan& plan) {
  problems_.clear();
  folders_.clear();
  HaveSalts(plan);
  ReadSubmissions(plan);
  if (plan.settings.folder().empty()) return absl::InfiniteFuture();
  return LookIntoFolders(plan, limits::kMaxReadsPerStep);
}

absl::Time ExportIntake::LookIntoFolders(const ArchivePlan& plan, size_t budget) {
  std::vector<FolderOwner> owners;
  for (const ArchivePerson& p : plan.persons) {
    if (!p.apps.empty()) owners.push_back({p.account, p.uid});
  }
  const absl::Time now = parts_.clock->Now();
  absl::Time next = now + limits::kExportLookInterval;
  if (owners.empty()) return absl::InfiniteFuture();
  FolderLook look = parts_.folders->Look(plan.settings.folder(), owners);
  folders_ = std::move(look.folders);
  for (OfAccount& p : look.problems) AddProblem(p.account, std::move(p.text));
  for (auto& [key, known] : files_) known.seen = false;
  for (const FoundExport& found : look.files) {
    const auto [it, added] = files_.try_emplace(KeyOf(found), Known{});
    Known& known = it->second;
    known.seen = true;
    if (added || !known.stamp.SameContents(found.stamp)) {
      known = {found.stamp, now, WasHandled(found), 0, absl::InfinitePast(), true};
    }
    if (known.done) continue;
    known.since = std::min(known.since, now);  // a clock that was put back
    const absl::Time settled = known.since + limits::kExportSettleTime;
    if (now < settled || now < known.retry_at) {
      next = std::min(next, std::max(settled, known.retry_at));
      continue;
    }
    if (budget == 0) return now;
    --budget;
    next = std::min(next, ReadFound(plan, found, known));
  }
  std::erase_if(files_, [](const auto& item) { return !item.second.seen; });
  return std::max(next, now);
}

// In an earlier run of the agent: by what the file was then.
bool ExportIntake::WasHandled(const FoundExport& found) const {
  const auto same = [&](const auto& record, const std::string& account) {
    return account == found.account && record.path() == found.path &&
           record.size() == found.stamp.size &&
           FromProto(record.changed_at()) == absl::FromUnixNanos(found.stamp.mtime_ns);
  };
  bool handled = false;
  parts_.ledger->Look([&](const v1::ArchiveState& state) {
    for (const v1::ArchiveState::Export& e : state.exports()) {
      handled = handled || same(e, e.seen().account_name());
    }
    for (const v1::ArchiveState::Refused& r : state.refused()) {
      handled = handled || same(r, r.account_name());
    }
  });
  return handled;
}

absl::Time ExportIntake::ReadFound(const ArchivePlan& plan, const FoundExport& found,
                                   Known& known) {
  const ArchivePerson* person = plan.FindPerson(found.uid);
  if (person == nullptr) return absl::InfiniteFuture();
  const absl::Time now = parts_.clock->Now();
  const absl::StatusOr<std::string> app = ChooseApp(found.subfolder, plan.catalogue, person->apps);
  if (!app.ok()) {
    // Neither read nor remembered: another policy may name the app.
    const std::string why(app.status().message());
    AddProblem(found.account, absl::StrCat(PlainText(found.path, kMaxShownPath), ": ", why));
    parts_.teller->Tell(*person, absl::StrCat("NO_APP ", found.path),
                        UnreadableNotice(found.path, why));
    return now + limits::kExportLookInterval;
  }
  absl::StatusOr<std::unique_ptr<HeldExport>> file =
      parts_.folders->Open(plan.settings.folder(), found);
  absl::Status status = file.status();
  if (status.ok()) status = Read(plan, *person, *app, found.path, **file).status();
  if (status.ok()) {
    known.done = true;
    return absl::InfiniteFuture();
  }
  if (absl::IsNotFound(status) || absl::IsAborted(status) || absl::IsCancelled(status)) {
    if (absl::IsCancelled(status)) AddProblem(found.account, std::string(status.message()));
    known.retry_at = now + limits::kExportLookInterval;
    return known.retry_at;
  }
  absl::string_view code = RefusalCode(status);
  if (code.empty() && ++known.tries >= limits::kMaxReadTries) code = "UNREADABLE";
  if (!code.empty()) {
    known.done = true;
    Refuse(*person, found, code, std::string(status.message()));
    return absl::InfiniteFuture();
  }
  AddProblem(found.account,
             absl::StrCat(PlainText(found.path, kMaxShownPath), ": ", status.message()));
  known.retry_at =
      now + std::min(limits::kExportLookInterval * (1 << known.tries), limits::kMaxReadPause);
  return known.retry_at;
}

void ExportIntake::Refuse(const ArchivePerson& person, const FoundExport& found,
                          absl::string_view code, const std::string& why) {
  const absl::Time now = parts_.clock->Now();
  const absl::Status saved = parts_.ledger->Commit([&](v1::ArchiveState& state) {
    RememberRefused(found, code, PlainText(why, limits::kMaxExplainLineBytes), now, state);
    return absl::OkStatus();
  });
  if (!saved.ok()) {
    Log(Severity::kError, "cannot save ", kArchiveFile, ": ", saved.message());
    return;
  }
  parts_.teller->Tell(person, absl::StrCat("UNREADABLE ", found.path),
                      UnreadableNotice(found.path, why));
}

void ExportIntake::ReadSubmissions(const ArchivePlan& plan) {
  for (size_t n = 0; n < limits::kMaxSubmissions; ++n) {
    const std::optional<Submission> next = parts_.submissions->Next();
    if (!next) return;
    const ArchivePerson* person = plan.FindPerson(next->uid);
    absl::StatusOr<v1::ExportSeen> result =
        absl::NotFoundError("your account is no person of this device; ask the service desk");
    if (person != nullptr) {
      const absl::StatusOr<std::string> app = ChooseApp(next->app_id, plan.catalogue, person->apps);
      if (app.ok()) {
        result = Read(plan, *person, *app, "", *next->file);
      } else {
        result = app.status();
      }
    }
    if (absl::IsCancelled(result.status())) {
      result = absl::UnavailableError(result.status().message());
    }
    if (result.ok() && !plan.settings.repository().empty()) {
      parts_.packer->Hold(result->export_sha256(), next->file);
    }
    parts_.submissions->Finish(*next, std::move(result));
  }
}

absl::StatusOr<v1::ExportSeen> ExportIntake::Read(const ArchivePlan& plan,
                                                  const ArchivePerson& person,
                                                  const std::string& app_id,
                                                  const std::string& path, HeldExport& file) {
  const std::string salt = SaltOf(person.id);
  if (salt.empty()) {
    return absl::CancelledError(
        "the record repository is away; exports are read once it has been reached");
  }
  MUSTER_ASSIGN_OR_RETURN(v1::ExportRead read, file.Read({salt, std::nullopt}));
  std::optional<v1::ExportSeen> known;
  parts_.ledger->Look([&](const v1::ArchiveState& state) {
    const v1::ArchiveState::Export* e = FindExport(state, person.id, app_id, read.sha256());
    if (e != nullptr) known = e->seen();
  });
  if (known) {
    if (path.empty()) return *known;
    // The same export in another place: where it is now counts, should it still be packed.
    MUSTER_RETURN_IF_ERROR(NotTheFile(parts_.ledger->Commit([&](v1::ArchiveState& state) {
      v1::ArchiveState::Export* e = FindExport(state, person.id, app_id, read.sha256());
      if (e == nullptr) return absl::OkStatus();
      e->set_path(path);
      e->set_size(file.stamp().size);
      *e->mutable_changed_at() = ChangedAt(file.stamp());
      return absl::OkStatus();
    })));
    return *known;
  }
  if (!read.has_first_wall()) {
    const char* why = "no line in it begins with a date";
    return read.messages() > 0 ? absl::DataLossError(why) : absl::InvalidArgumentError(why);
  }
  MUSTER_ASSIGN_OR_RETURN(v1::ExportSeen seen, Compare(plan, person, app_id, salt, file, read));
  MUSTER_RETURN_IF_ERROR(NotTheFile(Save(seen, read, path, file.stamp())));
  if (seen.ambiguous()) {
    parts_.teller->Tell(person, absl::StrCat("AMBIGUOUS ", seen.export_sha256()),
                        AmbiguousNotice(file.name()));
  }
  return seen;
}

// Which chat it is shows only the first reading; what was the chat's last export, the second looks
// for.
absl::StatusOr<v1::ExportSeen> ExportIntake::Compare(const ArchivePlan& plan,
                                                     const ArchivePerson& person,
                                                     const std::string& app_id,
                                                     const std::string& salt, HeldExport& file,
                                                     v1::ExportRead& read) {
  ReadingFacts facts;
  facts.person_id = person.id;
  facts.app_id = app_id;
  facts.account_name = person.account;
  facts.chat_key = ChatKeyOf(salt, read);
  facts.repository_id = plan.settings.repository_id();
  facts.time_zone = plan.settings.time_zone();
  facts.zone = plan.zone;
  facts.seen_at = parts_.clock->Now();
  ReadQuestion question{salt, std::nullopt};
  parts_.ledger->Look([&](const v1::ArchiveState& state) {
    const v1::ArchiveState::Chat* chat = FindChat(state, person.id, app_id, facts.chat_key);
    if (chat != nullptr && chat->tail().entries_size() > 0) question.earlier_tail = chat->tail();
  });
  if (question.earlier_tail) {
    facts.continued_sha256 = question.earlier_tail->export_sha256();
    MUSTER_ASSIGN_OR_RETURN(v1::ExportRead again, file.Read(question));
    if (again.sha256() != read.sha256()) return absl::AbortedError("the file changes");
    read = std::move(again);
  }
  return MakeExportSeen(read, facts);
}

absl::Status ExportIntake::Save(const v1::ExportSeen& seen, const v1::ExportRead& read,
                                const std::string& path, const FileStamp& stamp) {
  return parts_.ledger->Commit([&](v1::ArchiveState& state) -> absl::Status {
    MUSTER_RETURN_IF_ERROR(MakeRoomForExport(state));
    v1::ArchiveState::Export* e = state.add_exports();
    *e->mutable_seen() = seen;
    e->set_path(path);
    e->set_chat(PlainText(read.chat(), limits::kMaxChatNameBytes));
    e->set_size(stamp.size);
    *e->mutable_changed_at() = ChangedAt(stamp);
    return AddToChat(seen, read, state);
  });
}

void ExportIntake::AddProblem(const std::string& account, std::string text) {
  // Of each account: one person's many must not hide another's.
  const auto of_account = std::count_if(problems_.begin(), problems_.end(),
                                        [&](const OfAccount& p) { return p.account == account; });
  if (static_cast<size_t>(of_account) < limits::kMaxArchiveProblems) {
    problems_.push_back({account, std::move(text)});
  }
}

}  // namespace muster::agent
