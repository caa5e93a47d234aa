#include "agent/commands_archive_ask.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/linux/control_socket.h"
#include "agent/adapters/linux/proc.h"
#include "agent/domain/archive_plan.h"
#include "agent/domain/plain_text.h"
#include "agent/flow/state_store.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"
#include "common/clock.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

using Json = nlohmann::ordered_json;

constexpr absl::Duration kAnswerTime = absl::Seconds(5);
constexpr absl::Duration kAskAgain = absl::Milliseconds(250);

absl::StatusOr<v1::ControlReply> Ask(const AskOptions& options, const v1::ControlRequest& request,
                                     int file = -1) {
  return AskAgent(absl::StrCat(options.state_dir, "/", kSocketFile), request, kAnswerTime, file);
}

// Prints why there is no answer; its exit code, or -1: there is one.
int Failed(const absl::StatusOr<v1::ControlReply>& reply) {
  if (!reply.ok()) return Fail(reply.status());
  if (reply->error().empty()) return -1;
  std::fprintf(stderr, "muster-agent: %s\n",
               PlainText(reply->error(), limits::kMaxExplainLineBytes).c_str());
  return static_cast<int>(reply->exit_code());
}

Json TimeOrNull(bool has, const google::protobuf::Timestamp& t) {
  return has ? Json(TimeText(FromProto(t))) : Json(nullptr);
}

void Print(const Json& json) {
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

std::string Plain(const std::string& text) { return PlainText(text, limits::kMaxExplainLineBytes); }

std::string Day(bool has, const google::protobuf::Timestamp& t) {
  return has ? TimeText(FromProto(t)).substr(0, 10) : "-";
}

std::string ChatName(const v1::ArchiveView::Chat& c) {
  if (!c.chat().empty()) return Plain(c.chat());
  return c.chat_key().empty() ? "(chats not exported yet)" : "(a chat of another device)";
}

// Where it is kept, and how sure that is.
const char* Kept(const v1::ArchiveView::Chat& c) {
  if (c.receipted()) return "E3 confirmed";
  if (c.packed()) return "E2 packed";
  return c.has_last_export_at() ? "E2 seen" : "E0 none";
}

Json ChatJson(const v1::ArchiveView::Chat& c) {
  return {{"account", c.account_name()},
          {"app", c.app_id()},
          {"chat", c.chat()},
          {"state", v1::Obligation::State_Name(c.state())},
          {"uncovered_since", TimeOrNull(c.has_uncovered_since(), c.uncovered_since())},
          {"due_at", TimeOrNull(c.has_due_at(), c.due_at())},
          {"export_only_at", TimeOrNull(c.has_export_only_at(), c.export_only_at())},
          {"last_export_at", TimeOrNull(c.has_last_export_at(), c.last_export_at())},
          {"messages", c.messages()},
          {"packed", c.packed()},
          {"receipted", c.receipted()},
          {"evidence", std::string(Kept(c)).substr(0, 2)},
          {"next_step", NextStepOf(c.state())}};
}

int PrintStatus(const v1::ArchiveView& view, const std::string& output) {
  if (output == "json") {
    Json out;
    out["chats"] = Json::array();
    for (const v1::ArchiveView::Chat& c : view.chats()) out["chats"].push_back(ChatJson(c));
    out["folders"] = Json(std::vector<std::string>(view.folders().begin(), view.folders().end()));
    out["problems"] =
        Json(std::vector<std::string>(view.problems().begin(), view.problems().end()));
    out["repository"] = view.repository();
    out["waiting_to_be_packed"] = view.waiting_to_be_packed();
    Print(out);
    return 0;
  }
  for (const std::string& folder : view.folders()) {
    std::printf("Put exports into  %s\n", Plain(folder).c_str());
  }
  if (view.chats().empty()) std::printf("Nothing is owed, and no chat is known.\n");
  for (const v1::ArchiveView::Chat& c : view.chats()) {
    std::printf("%s  %s  %s  due %s  last export %s  %s\n    %s. %s\n", Plain(c.app_id()).c_str(),
                ChatName(c).c_str(), v1::Obligation::State_Name(c.state()).c_str(),
                Day(c.has_due_at(), c.due_at()).c_str(),
                Day(c.has_last_export_at(), c.last_export_at()).c_str(), Kept(c),
                StateWords(c.state()).c_str(), NextStepOf(c.state()).c_str());
  }
  if (view.waiting_to_be_packed() > 0) {
    std::printf("%u exports wait to be packed for the record repository.\n",
                view.waiting_to_be_packed());
  }
  for (const std::string& text : view.problems())
    std::printf("NOT TAKEN  %s\n", Plain(text).c_str());
  std::printf(
      "What no export shows: chats that were never exported, messages deleted before, and linked "
      "devices.\n");
  return 0;
}

int PrintExport(const v1::ExportSeen& seen, const std::string& output) {
  if (output == "json") {
    Print({{"sha256", seen.export_sha256()},
           {"app", seen.app_id()},
           {"messages", seen.messages()},
           {"first", TimeText(FromProto(seen.first_at()))},
           {"last", TimeText(FromProto(seen.last_at()))},
           {"time_zone", seen.time_zone()},
           {"ambiguous", seen.ambiguous()},
           {"damaged", seen.damaged()},
           {"evidence", "E2"}});
    return 0;
  }
  std::printf(
      "Read: %llu messages from %s to %s (%s). It counts as seen (E2); the record "
      "repository confirms it later (E3).\n",
      static_cast<unsigned long long>(seen.messages()),
      TimeText(FromProto(seen.first_at())).c_str(), TimeText(FromProto(seen.last_at())).c_str(),
      seen.time_zone().c_str());
  if (seen.ambiguous()) {
    std::printf(
        "Day and month cannot be told apart in it, so it proves nothing yet: export the "
        "chat with more of its messages.\n");
  }
  if (seen.damaged()) std::printf("It is damaged, so it proves nothing: export the chat again.\n");
  return 0;
}

}  // namespace

int RunArchiveOpen(const AskOptions& options, const std::string& app_id) {
  v1::ControlRequest request;
  request.mutable_archive_open()->set_app_id(app_id);
  const absl::StatusOr<v1::ControlReply> reply = Ask(options, request);
  if (const int code = Failed(reply); code >= 0) return code;
  const std::string until = TimeText(FromProto(reply->window().until()));
  if (options.output == "json") {
    Print({{"app", reply->window().app_id()},
           {"opened_at", TimeText(FromProto(reply->window().opened_at()))},
           {"until", until}});
    return 0;
  }
  std::printf("%s may run until %s, to export its chats; then it is ended. This is on record.\n",
              Plain(reply->window().app_id()).c_str(), until.c_str());
  return 0;
}

int RunArchiveStatus(const AskOptions& options) {
  v1::ControlRequest request;
  request.mutable_archive_status();
  const absl::StatusOr<v1::ControlReply> reply = Ask(options, request);
  if (const int code = Failed(reply); code >= 0) return code;
  return PrintStatus(reply->archive(), options.output);
}

// The agent reads on its own time; the same file asked about again is the same question.
int RunArchiveSubmit(const AskOptions& options, const std::string& file,
                     const std::string& app_id) {
  const Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd.ok()) return Fail(ErrnoStatus(errno, "read", file));
  v1::ControlRequest request;
  request.mutable_archive_submit()->set_name(file.substr(file.find_last_of('/') + 1));
  request.mutable_archive_submit()->set_app_id(app_id);
  const MonotonicClock clock;
  const absl::Time until = clock.Now() + limits::kExportReadTime + limits::kExportReadTime;
  while (clock.Now() < until) {
    const absl::StatusOr<v1::ControlReply> reply = Ask(options, request, fd.get());
    if (const int code = Failed(reply); code >= 0) return code;
    if (reply->has_exported()) return PrintExport(reply->exported(), options.output);
    absl::SleepFor(kAskAgain);
  }
  return Fail(absl::DeadlineExceededError(
      "the agent still reads it; `muster-agent archive status` shows when it is done"));
}

int RunArchiveDeclare(const AskOptions& options, const DeclareOptions& declare) {
  v1::ControlRequest request;
  v1::ControlRequest::ArchiveState* state = request.mutable_archive_state();
  state->set_kind(declare.exported_elsewhere ? v1::ArchiveStatement::EXPORTED_ELSEWHERE
                  : declare.blocked          ? v1::ArchiveStatement::EXPORT_BLOCKED
                                             : v1::ArchiveStatement::NO_MESSAGES);
  state->set_app_id(declare.app_id);
  state->set_chat(declare.chat);
  if (!declare.through.empty()) {
    absl::Time through;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, declare.through, &through, &error)) {
      return Fail(absl::InvalidArgumentError(
          absl::StrCat("--through ", declare.through, " is no time; write 2026-03-01T12:00:00Z")));
    }
    *state->mutable_through() = ToProto(through);
  }
  const absl::StatusOr<v1::ControlReply> reply = Ask(options, request);
  if (const int code = Failed(reply); code >= 0) return code;
  const v1::ArchiveStatement& said = reply->statement();
  if (options.output == "json") {
    Print({{"kind", v1::ArchiveStatement::Kind_Name(said.kind())},
           {"app", said.app_id()},
           {"through", TimeText(FromProto(said.through()))},
           {"evidence", "E1"}});
    return 0;
  }
  std::printf("On record as your own word (E1), through %s. It does not replace an export.\n",
              TimeText(FromProto(said.through())).c_str());
  return 0;
}

int RunArchiveGuide(const AskOptions& options, bool attest) {
  v1::ControlRequest request;
  request.mutable_archive_guide();
  absl::StatusOr<v1::ControlReply> reply = Ask(options, request);
  if (const int code = Failed(reply); code >= 0) return code;
  if (attest) {
    // Of the very text that is shown here.
    request.mutable_archive_guide()->set_attest_version(reply->guide().version());
    reply = Ask(options, request);
    if (const int code = Failed(reply); code >= 0) return code;
  }
  const v1::ArchiveGuideView& guide = reply->guide();
  if (options.output == "json") {
    Print({{"version", guide.version()},
           {"sha256", guide.sha256()},
           {"attested", guide.attested()},
           {"text", guide.text()}});
    return 0;
  }
  // Line by line: what an officer wrote may have them, and nothing else.
  std::string line;
  for (const char c : guide.text() + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    std::printf("%s\n", Plain(line).c_str());
    line.clear();
  }
  std::printf(
      "Version %s, SHA-256 %s. %s\n", Plain(guide.version()).c_str(), Plain(guide.sha256()).c_str(),
      guide.attested() ? "You have said on record that you have read it."
                       : "Say that you have read it with `muster-agent archive guide --attest`.");
  return 0;
}

}  // namespace muster::agent
