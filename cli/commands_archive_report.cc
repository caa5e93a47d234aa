#include <algorithm>
#include <cctype>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/report_page.h"
#include "cli/write_file.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

using google::protobuf::Message;

// A report that is one answer, printed as a list and, with --page, written as a page too.
struct ReportArgs {
  std::string title, method;
  std::shared_ptr<Message> request, response;
  std::vector<Column> columns;
  std::vector<Column> facts;            // above the table
  std::string page;                     // file; empty: no page
  std::function<void(Json&)> complete;  // adds to each item what its columns need
};

absl::Status WritePage(Session& s, const ReportArgs& args, const Json& report) {
  v1::RolesView who;
  MUSTER_RETURN_IF_ERROR(s.Call("GetRoles", v1::GetRolesRequest(), &who));
  PageHead head{.title = args.title, .facts = {}};
  head.facts.emplace_back("Agency", CellAt(report, "tenant", true));
  head.facts.emplace_back("As of", CellAt(report, "at", true));
  head.facts.emplace_back("Made by", who.you().upn());
  for (const Column& fact : args.facts) {
    head.facts.emplace_back(fact.title, CellAt(report, fact.path, true));
  }
  MUSTER_RETURN_IF_ERROR(WriteNewFile(args.page, RenderPage(head, report, args.columns), 0644));
  s.err << "wrote " << args.page << "\n";
  return absl::OkStatus();
}

absl::StatusOr<int> RunReport(Session& s, const ReportArgs& args) {
  if (!args.page.empty()) MUSTER_RETURN_IF_ERROR(CheckIsNew(args.page));
  MUSTER_RETURN_IF_ERROR(s.Call(args.method, *args.request, args.response.get()));
  Json report = MessageJson(*args.response);
  if (args.complete) {
    for (Json& item : report["items"]) args.complete(item);
  }
  if (!args.page.empty()) MUSTER_RETURN_IF_ERROR(WritePage(s, args, report));
  s.out << RenderList(s.format, report, args.columns, args.facts);
  return 0;
}

CLI::App* AddReport(CLI::App* noun, Session* session, const std::string& name,
                    const std::string& help, ReportArgs args) {
  auto shared = std::make_shared<ReportArgs>(std::move(args));
  CLI::App* verb =
      AddVerb(noun, session, name, help, [shared](Session& s) { return RunReport(s, *shared); });
  AddOptional(verb, "--page", "Write it as an HTML page that prints well, to this new file",
              [shared](const std::string& v) { shared->page = v; });
  return verb;
}

std::vector<Column> FigureColumns(const std::string& group) {
  return {{group, "group"},
          {"PERSONS", "persons"},
          {"CHATS", "obligations"},
          {"COMPLIANT", "compliant"},
          {"OVERDUE", "overdue"},
          {"DUE SOON", "due_soon"},
          {"UNKNOWN", "unknown"},
          {"GAPS", "gaps"},
          {"LOSSES", "losses"},
          {"E0", "level_e0"},
          {"E1", "level_e1"},
          {"E2", "level_e2"},
          {"E3", "level_e3"},
          {"MESSAGES E2", "messages"},
          {"MESSAGES E3", "messages_receipted"},
          {"UNCOVERED SINCE", "oldest_uncovered"}};
}

// A day, its first moment in UTC, or a moment.
std::optional<absl::Time> ParseMoment(const std::string& text) {
  absl::CivilDay day;
  if (text.size() == 10 && absl::ParseCivilTime(text, &day)) {
    return absl::FromCivil(day, absl::UTCTimeZone());
  }
  absl::Time at;
  if (absl::ParseTime(absl::RFC3339_full, text, &at, nullptr)) return at;
  return std::nullopt;
}

void AddMoment(CLI::App* verb, const std::string& option, const std::string& help,
               std::function<void(absl::Time)> set) {
  AddOptional(verb, option, help, [set](const std::string& v) {
    set(*ParseMoment(v));
  })->check([](const std::string& v) -> std::string {
    if (ParseMoment(v)) return "";
    return absl::StrCat("'", v,
                        "' is neither a day (2026-10-01) nor a time "
                        "(2026-10-01T00:00:00Z)");
  });
}

template <typename Request>
void AddPeriod(CLI::App* verb, const std::shared_ptr<Request>& request) {
  AddMoment(verb, "--from", "From this day (UTC) or time on",
            [request](absl::Time at) { *request->mutable_from() = ToProto(at); });
  AddMoment(verb, "--until", "Before this day (UTC) or time",
            [request](absl::Time at) { *request->mutable_until() = ToProto(at); });
}

// "FY2027Q1", in any case, a space or dash between them.
bool ParseQuarter(const std::string& text, uint32_t* year, uint32_t* quarter) {
  std::string plain = absl::AsciiStrToUpper(text);
  plain.erase(
      std::remove_if(plain.begin(), plain.end(), [](char c) { return c == ' ' || c == '-'; }),
      plain.end());
  if (plain.size() != 8 || plain.substr(0, 2) != "FY" || plain[6] != 'Q') return false;
  if (!std::all_of(plain.begin() + 2, plain.begin() + 6, absl::ascii_isdigit)) return false;
  return absl::SimpleAtoi(plain.substr(2, 4), year) && absl::SimpleAtoi(plain.substr(7), quarter) &&
         *quarter >= 1 && *quarter <= 4;
}

void AddArchive(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::ReportArchiveRequest>();
  CLI::App* verb = AddReport(noun, session, "archive",
                             "Which chats are kept as the law wants, and how sure that is",
                             {.title = "Archive compliance",
                              .method = "ReportArchive",
                              .request = request,
                              .response = std::make_shared<v1::ReportArchiveResponse>(),
                              .columns = FigureColumns("GROUP"),
                              .facts = {{"By", "by"}},
                              .page = "",
                              .complete = nullptr});
  AddOptional(verb, "--by", "office (default), person or month", [request](const std::string& v) {
    request->set_by(v);
  })->check(CLI::IsMember({"office", "person", "month"}));
  AddOptional(verb, "--office", "Only this office",
              [request](const std::string& v) { request->set_office(v); });
  AddOptional(verb, "--person", "Only this person (UPN)",
              [request](const std::string& v) { request->set_person_upn(v); });
  AddOptional(verb, "--app", "Only this app",
              [request](const std::string& v) { request->set_app_id(v); });
  AddPeriod(verb, request);
}

void AddOverdue(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::ReportOverdueRequest>();
  CLI::App* verb = AddReport(noun, session, "overdue", "Who is overdue, and since when",
                             {.title = "Overdue exports",
                              .method = "ReportOverdue",
                              .request = request,
                              .response = std::make_shared<v1::ReportOverdueResponse>(),
                              .columns = {{"PERSON", "person_upn"},
                                          {"OFFICE", "office"},
                                          {"MANAGER", "manager_upn"},
                                          {"APP", "app_id"},
                                          {"DEVICE", "device_id"},
                                          {"CHAT", "chat_key"},
                                          {"STATE", "state"},
                                          {"OVERDUE SINCE", "since"},
                                          {"DAY", "days"},
                                          {"UNCOVERED SINCE", "uncovered_since"},
                                          {"EVIDENCE", "level"},
                                          {"EXPORT ONLY", "export_only"}},
                              .facts = {},
                              .page = "",
                              .complete = nullptr});
  AddOptional(verb, "--office", "Only this office",
              [request](const std::string& v) { request->set_office(v); });
  AddOptional(verb, "--app", "Only this app",
              [request](const std::string& v) { request->set_app_id(v); });
}

void AddQuarterly(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::ReportQuarterlyRequest>();
  CLI::App* verb = AddReport(noun, session, "quarterly", "The status of a fiscal quarter",
                             {.title = "Quarterly status of archives",
                              .method = "ReportQuarterly",
                              .request = request,
                              .response = std::make_shared<v1::ReportQuarterlyResponse>(),
                              .columns = FigureColumns("OFFICE"),
                              .facts = {{"Quarter", "quarter"},
                                        {"From", "from"},
                                        {"Until", "until"},
                                        {"Exports seen (E2)", "exports"},
                                        {"Receipts accepted (E3)", "receipts"},
                                        {"Reminders", "reminders"},
                                        {"Suspensions", "suspensions"},
                                        {"Incidents opened", "incidents_opened"},
                                        {"Incidents reported", "incidents_reported"},
                                        {"Incidents open now", "incidents_open"}},
                              .page = "",
                              .complete = nullptr});
  AddOptional(verb, "--quarter", "e.g. FY2027Q1 (default: the present one)",
              [request](const std::string& v) {
                uint32_t year = 0, quarter = 0;
                if (!ParseQuarter(v, &year, &quarter)) return;
                request->set_year(year);
                request->set_quarter(quarter);
              })
      ->check([](const std::string& v) -> std::string {
        uint32_t year = 0, quarter = 0;
        if (ParseQuarter(v, &year, &quarter)) return "";
        return absl::StrCat("'", v, "' is no fiscal quarter; write it as FY2027Q1");
      });
}

// How many chats an incident is about, and the weakest evidence of any of them.
void CompleteIncident(Json& incident) {
  std::string weakest;
  for (const Json& chat : incident["chats"]) {
    const std::string level = CellAt(chat, "level", true);
    if (weakest.empty() || level < weakest) weakest = level;
  }
  incident["chat_count"] = incident["chats"].size();
  incident["evidence"] = weakest;
}

void AddNaraUd(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::ReportNaraUdRequest>();
  CLI::App* verb =
      AddReport(noun, session, "nara-ud", "Unauthorised dispositions, confirmed or not yet decided",
                {.title = "Unauthorised dispositions (36 CFR 1230.14)",
                 .method = "ReportNaraUd",
                 .request = request,
                 .response = std::make_shared<v1::ReportNaraUdResponse>(),
                 .columns = {{"INCIDENT", "incident_id"},
                             {"STATE", "state"},
                             {"CAUSE", "cause"},
                             {"PERSON", "person_upn"},
                             {"OFFICE", "office"},
                             {"CAPSTONE", "capstone"},
                             {"APP", "app_id"},
                             {"HAPPENED", "happened_at"},
                             {"OPENED", "opened_at"},
                             {"CHATS", "chat_count"},
                             {"EVIDENCE", "evidence"},
                             {"REPORTED", "reported_at"},
                             {"TO", "reported_to"},
                             {"UPDATE DUE", "update_due_at"}},
                 .facts = {},
                 .page = "",
                 .complete = &CompleteIncident});
  AddPeriod(verb, request);
}

}  // namespace

void AddArchiveReportCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "report", "Lists for people who have to answer for them");
  AddArchive(noun, session);
  AddOverdue(noun, session);
  AddQuarterly(noun, session);
  AddNaraUd(noun, session);
}

}  // namespace muster::cli
