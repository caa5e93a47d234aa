// What the agent wants of its archivist.
#include <utility>

#include "agent/flow/agent.h"
#include "agent/flow/archivist.h"
#include "agent/flow/control_reply.h"

namespace muster::agent {
namespace {

template <typename T>
v1::ControlReply Reply(absl::StatusOr<T> answer, T* (v1::ControlReply::*field)()) {
  if (!answer.ok()) return ErrorReply(answer.status());
  v1::ControlReply out;
  *(out.*field)() = *std::move(answer);
  return out;
}

}  // namespace

// Root and time are those of every document: a receipt is verified like one.
void Agent::OnReceipts(const v1::ReceiptUpdate& update) {
  const std::shared_ptr<const AcceptedPolicy> current = acceptor_.current();
  if (parts_.archivist == nullptr || acceptor_.trust() == nullptr || current == nullptr) return;
  parts_.archivist->OnReceipts(update, *acceptor_.trust(),
                               std::max(parts_.clock->Now(), current->highest_issued_at));
}

// The window is logged and saved before the gate hears of it.
v1::ControlReply Agent::OpenExportWindow(const std::string& app_id, uint32_t uid) {
  absl::StatusOr<v1::ExportWindow> window = parts_.archivist->Open(app_id, uid);
  if (window.ok()) {
    MutexLock lock(&apply_mu_);
    Rebuild(false);
  }
  parts_.wake();
  return Reply(std::move(window), &v1::ControlReply::mutable_window);
}

v1::ControlReply Agent::AnswerArchive(const v1::ControlRequest& request, uint32_t uid,
                                      std::shared_ptr<HeldExport> file) {
  if (parts_.archivist == nullptr) {
    return ErrorReply(absl::FailedPreconditionError("this agent archives nothing"));
  }
  Archivist& archivist = *parts_.archivist;
  if (request.has_archive_open()) return OpenExportWindow(request.archive_open().app_id(), uid);
  if (request.has_archive_status()) {
    return Reply(archivist.View(uid), &v1::ControlReply::mutable_archive);
  }
  if (request.has_archive_state()) {
    return Reply(archivist.Declare(request.archive_state(), uid),
                 &v1::ControlReply::mutable_statement);
  }
  if (request.has_archive_guide()) {
    return Reply(archivist.Guide(request.archive_guide(), uid), &v1::ControlReply::mutable_guide);
  }
  std::optional<absl::StatusOr<v1::ExportSeen>> read =
      archivist.Submit(request.archive_submit(), std::move(file), uid);
  if (!read) return {};  // it is being read
  return Reply(*std::move(read), &v1::ControlReply::mutable_exported);
}

}  // namespace muster::agent
