#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/point_in_time.h"
#include "common/clock.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

using Filter = std::shared_ptr<v1::ListAuditRequest>;

void AddTime(CLI::App* list, const std::string& option, const std::string& help,
             std::function<void(absl::Time)> set) {
  list->add_option_function<std::string>(
          option,
          [set = std::move(set)](const std::string& text) {
            set(*ParsePointInTime(text, SystemClock().Now()));
          },
          help)
      ->check([](const std::string& text) {
        return std::string(ParsePointInTime(text, absl::UnixEpoch()).status().message());
      });
}

void AddFilters(CLI::App* list, const Filter& filter) {
  AddOptional(list, "--about",
              "Everything about one object, and what came of it: request/REQ-7, grant/…, "
              "person/UPN, device/…, incident/…, or a ticket",
              [filter](const std::string& v) { filter->set_about(v); });
  AddOptional(list, "--object", "Only this object, e.g. request/REQ-7",
              [filter](const std::string& v) { filter->set_object(v); });
  AddOptional(list, "--person", "Only what is about or by this person (UPN or id)",
              [filter](const std::string& v) { filter->set_person(v); });
  AddOptional(list, "--actor", "Only what this person did (UPN or id)",
              [filter](const std::string& v) { filter->set_actor(v); });
  AddOptional(list, "--device", "Only what is about this device",
              [filter](const std::string& v) { filter->set_device(v); });
  AddOptional(list, "--app", "Only what is about this app",
              [filter](const std::string& v) { filter->set_app(v); });
  AddOptional(list, "--ticket", "Only this ticket",
              [filter](const std::string& v) { filter->set_ticket(v); });
  AddOptional(list, "--verb", "Only this verb, e.g. request.approve, or all of a kind: request.*",
              [filter](const std::string& v) { filter->set_verb(v); });
  AddOptional(list, "--transaction", "Only this transaction id",
              [filter](const std::string& v) { filter->set_transaction_id(v); });
  AddOptional(list, "--text", "Only entries with this text anywhere, in any case",
              [filter](const std::string& v) { filter->set_text(v); });
}

void AddList(CLI::App* noun, Session* session) {
  const auto filter = std::make_shared<v1::ListAuditRequest>();
  CLI::App* list = AddListVerb(noun, session, "list", "Entries of the audit log", "ListAudit",
                               filter, std::make_shared<v1::ListAuditResponse>(),
                               {{"SEQ", "sequence"},
                                {"AT", "at"},
                                {"WHO", "actor_upn"},
                                {"VERB", "verb"},
                                {"OBJECT", "object"},
                                {"OUTCOME", "outcome"},
                                {"REASON", "reason"}});
  AddFilters(list, filter);
  const std::string form = " (2026-03-01T08:00:00Z, 2026-03-01, or 24h: that long ago)";
  AddTime(list, "--since", "Only from then on" + form,
          [filter](absl::Time at) { *filter->mutable_since() = ToProto(at); });
  AddTime(list, "--until", "Only before then" + form,
          [filter](absl::Time at) { *filter->mutable_until() = ToProto(at); });
  list->add_flag_function(
      "--newest", [filter](int64_t) { filter->set_newest_first(true); }, "The newest first");
  list->add_flag_function(
      "--no-reads", [filter](int64_t) { filter->set_no_reads(true); },
      "Leave out who looked at what");
}

// What an entry has as the text of a record is shown as that record.
Json Readable(const v1::AuditEntry& entry) {
  Json out = MessageJson(entry);
  for (const char* field : {"before", "after", "query"}) {
    Json record = Json::parse(out.value(field, ""), nullptr, false);
    if (!record.is_discarded()) out[field] = std::move(record);
  }
  return out;
}

absl::StatusOr<int> Show(Session& s, const v1::ProveAuditRequest& request) {
  v1::ProveAuditResponse answer;
  MUSTER_RETURN_IF_ERROR(s.Call("ProveAudit", request, &answer));
  if (answer.entry().empty()) {
    return absl::NotFoundError(absl::StrCat("the retention of entry ", request.sequence(),
                                            " has ended: only its hash is left in the log"));
  }
  v1::AuditEntry entry;
  if (!entry.ParseFromString(answer.entry())) {
    return absl::DataLossError(absl::StrCat("entry ", request.sequence(), " cannot be read"));
  }
  return s.Print(Readable(entry));
}

void AddShow(CLI::App* noun, Session* session) {
  const auto request = std::make_shared<v1::ProveAuditRequest>();
  CLI::App* verb = AddVerb(noun, session, "show", "One entry of the audit log, all of it",
                           [request](Session& s) { return Show(s, *request); });
  verb->add_option_function<uint64_t>(
          "seq", [request](uint64_t v) { request->set_sequence(v); },
          "Its number: SEQ of `audit list`")
      ->required();
}

}  // namespace

void AddAuditCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "audit", "The audit log");
  AddList(noun, session);
  AddShow(noun, session);
  AddAuditExportCommands(noun, session);
  AddAuditPruneCommand(noun, session);
}

}  // namespace muster::cli
