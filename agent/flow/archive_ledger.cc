#include "agent/flow/archive_ledger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/domain/export_reading.h"
#include "agent/domain/plain_text.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

bool IsExport(const v1::ArchiveState::Export& e, const std::string& person_id,
              const std::string& app_id, const std::string& sha256) {
  return e.seen().export_sha256() == sha256 && e.seen().person_id() == person_id &&
         e.seen().app_id() == app_id;
}

}  // namespace

absl::Status ArchiveLedger::Load() {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, store_->Read(kArchiveFile));
  MutexLock lock(&mu_);
  state_.Clear();
  if (!bytes || state_.ParseFromString(*bytes)) return absl::OkStatus();
  state_.Clear();
  Log(Severity::kError, kArchiveFile, " is damaged; it is kept as ", kDamagedArchiveFile,
      " and exports are read again");
  return store_->Write(kDamagedArchiveFile, *bytes);
}

absl::Status ArchiveLedger::Commit(const std::function<absl::Status(v1::ArchiveState&)>& change) {
  MutexLock lock(&mu_);
  v1::ArchiveState next = state_;
  MUSTER_RETURN_IF_ERROR(change(next));
  MUSTER_RETURN_IF_ERROR(store_->Write(kArchiveFile, next.SerializeAsString()));
  state_ = std::move(next);
  return absl::OkStatus();
}

void ArchiveLedger::Look(const std::function<void(const v1::ArchiveState&)>& look) const {
  MutexLock lock(&mu_);
  look(state_);
}

v1::ArchiveState ArchiveLedger::Snapshot() const {
  MutexLock lock(&mu_);
  return state_;
}

const v1::ArchiveState::Export* FindExport(const v1::ArchiveState& state,
                                           const std::string& person_id, const std::string& app_id,
                                           const std::string& sha256) {
  for (const v1::ArchiveState::Export& e : state.exports()) {
    if (IsExport(e, person_id, app_id, sha256)) return &e;
  }
  return nullptr;
}

v1::ArchiveState::Export* FindExport(v1::ArchiveState& state, const std::string& person_id,
                                     const std::string& app_id, const std::string& sha256) {
  for (v1::ArchiveState::Export& e : *state.mutable_exports()) {
    if (IsExport(e, person_id, app_id, sha256)) return &e;
  }
  return nullptr;
}

const v1::ArchiveState::Chat* FindChat(const v1::ArchiveState& state, const std::string& person_id,
                                       const std::string& app_id, const std::string& chat_key) {
  for (const v1::ArchiveState::Chat& c : state.chats()) {
    if (c.chat_key() == chat_key && c.person_id() == person_id && c.app_id() == app_id) return &c;
  }
  return nullptr;
}

absl::Status MakeRoomForExport(v1::ArchiveState& state) {
  if (static_cast<size_t>(state.exports_size()) < limits::kMaxKnownExports) {
    return absl::OkStatus();
  }
  for (int i = 0; i < state.exports_size(); ++i) {
    const v1::ArchiveState::Export& e = state.exports(i);
    if (!e.reported() || !e.packed() || e.receipt_sha256().empty()) continue;
    state.mutable_exports()->DeleteSubrange(i, 1);
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("this device remembers ", limits::kMaxKnownExports,
                   " exports, and the record repository has confirmed none of them"));
}

absl::Status AddToChat(const v1::ExportSeen& seen, const v1::ExportRead& read,
                       v1::ArchiveState& state) {
  v1::ArchiveState::Chat* chat = nullptr;
  for (v1::ArchiveState::Chat& c : *state.mutable_chats()) {
    if (c.chat_key() == seen.chat_key() && c.person_id() == seen.person_id() &&
        c.app_id() == seen.app_id()) {
      chat = &c;
    }
  }
  if (chat == nullptr) {
    if (static_cast<size_t>(state.chats_size()) >= limits::kMaxKnownChats) {
      return absl::ResourceExhaustedError(
          absl::StrCat("this device knows ", limits::kMaxKnownChats, " chats already"));
    }
    chat = state.add_chats();
    chat->set_chat_key(seen.chat_key());
    chat->set_app_id(seen.app_id());
    chat->set_person_id(seen.person_id());
  }
  chat->set_account_name(seen.account_name());
  chat->set_name(PlainText(read.chat(), limits::kMaxChatNameBytes));
  chat->set_messages(chat->messages() + seen.messages() -
                     std::min<uint64_t>(seen.messages(), seen.overlap_messages()));
  *chat->mutable_last_export_at() = seen.seen_at();
  const bool latest = chat->tail().entries_size() == 0 ||
                      FromProto(read.tail().last_at()) >= FromProto(chat->tail().last_at());
  if (ProvesTime(seen) && read.tail().entries_size() > 0 && latest) {
    *chat->mutable_tail() = read.tail();
    chat->mutable_tail()->set_export_sha256(seen.export_sha256());
  }
  return absl::OkStatus();
}

}  // namespace muster::agent
