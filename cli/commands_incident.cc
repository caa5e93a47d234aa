// `musterctl incident` and `musterctl hold`: possible losses of records, from the suspicion to the
// signed report, and what must not be destroyed.
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/profile.h"
#include "cli/signing_key.h"
#include "cli/write_file.h"
#include "common/archive_limits.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/loss_report_text.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "common/trust_root.h"

namespace muster::cli {
namespace {

int PrintIncident(Session& s, const v1::IncidentResponse& response, bool dry_run) {
  if (dry_run) return s.Print(MessageJson(response.impact()));
  return s.Print(MessageJson(response.incident()));
}

void AddId(CLI::App* verb, const std::function<void(const std::string&)>& set) {
  AddName(verb, "id", "Incident id", set);
}

void AddOpen(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::OpenIncidentRequest>();
  CLI::App* verb = AddVerb(noun, session, "open", "Say that records may be lost",
                           [request](Session& s) -> absl::StatusOr<int> {
                             v1::IncidentResponse response;
                             MUSTER_RETURN_IF_ERROR(s.Call("OpenIncident", *request, &response));
                             return PrintIncident(s, response, request->dry_run());
                           });
  AddRequired(verb, "--person", "Whose chats (UPN)",
              [request](const std::string& v) { request->set_person_upn(v); });
  AddRequired(verb, "--app", "App id", [request](const std::string& v) { request->set_app_id(v); });
  AddOptional(verb, "--device", "Device id; leave it out for one that is not enrolled",
              [request](const std::string& v) { request->set_device_id(v); });
  AddEnum(verb, "--cause", "What happened", v1::Incident::Cause_descriptor(), [request](int v) {
    request->set_cause(static_cast<v1::Incident::Cause>(v));
  })->required();
  verb->add_option_function<std::string>(
          "--happened",
          [request](const std::string& text) {
            absl::Time at;
            std::string error;
            absl::ParseTime(absl::RFC3339_full, text, &at, &error);
            *request->mutable_happened_at() = ToProto(at);
          },
          "When, e.g. 2027-01-15T08:00:00Z (default: now)")
      ->check([](const std::string& text) -> std::string {
        absl::Time at;
        std::string error;
        if (absl::ParseTime(absl::RFC3339_full, text, &at, &error)) return "";
        return absl::StrCat("'", text, "' is no time such as 2027-01-15T08:00:00Z");
      });
  AddRequired(verb, "--reason", "What is known of the circumstances",
              [request](const std::string& v) { request->set_reason(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

std::shared_ptr<v1::DecideIncidentRequest> AddDecision(CLI::App* noun, Session* session,
                                                       const std::string& name,
                                                       const std::string& help,
                                                       const std::string& method,
                                                       CLI::App** verb_out = nullptr) {
  auto request = std::make_shared<v1::DecideIncidentRequest>();
  CLI::App* verb =
      AddVerb(noun, session, name, help, [request, method](Session& s) -> absl::StatusOr<int> {
        v1::IncidentResponse response;
        MUSTER_RETURN_IF_ERROR(s.Call(method, *request, &response));
        return PrintIncident(s, response, request->dry_run());
      });
  AddId(verb, [request](const std::string& v) { request->set_incident_id(v); });
  AddRequired(verb, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  AddRevision(verb, [request](uint64_t v) { request->set_expected_revision(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
  if (verb_out != nullptr) *verb_out = verb;
  return request;
}

void AddIncidentDecisions(CLI::App* noun, Session* session) {
  AddDecision(noun, session, "assess", "Take it up", "AssessIncident");
  AddDecision(noun, session, "dismiss", "It is no loss", "DismissIncident");
  AddDecision(noun, session, "confirm", "It is a loss", "ConfirmIncident");
  CLI::App* verb = nullptr;
  const auto report =
      AddDecision(noun, session, "report", "The signed report went out", "ReportIncident", &verb);
  AddRequired(verb, "--to", "To whom, e.g. NARA and the case number it gave",
              [report](const std::string& v) { report->set_reported_to(v); });
  AddDecision(noun, session, "update", "An update went out; --reason is what it says",
              "UpdateIncident");
  AddDecision(noun, session, "close", "It is over; an update has said how it ended",
              "CloseIncident");
}

// --NAME TEXT, or --NAME-file FILE for what is too long for a command line.
void AddText(CLI::App* verb, const std::string& name, const std::string& help,
             const std::function<void(const std::string&)>& set) {
  CLI::Option* text = AddOptional(verb, "--" + name, help, set);
  const auto read = [name](const std::string& path) {
    return ReadSmallFile(path, name, limits::kMaxIncidentText);
  };
  verb->add_option_function<std::string>(
          "--" + name + "-file",
          [set, read](const std::string& path) {
            const auto file = read(path);
            if (file.ok()) set(*file);
          },
          "The same from a file")
      ->check(
          [read](const std::string& path) { return std::string(read(path).status().message()); })
      ->excludes(text);
}

void AddDraft(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::DraftIncidentRequest>();
  CLI::App* verb = AddVerb(noun, session, "draft",
                           "Write the report; what is left out stays, a signature does not",
                           [request](Session& s) -> absl::StatusOr<int> {
                             v1::IncidentResponse response;
                             MUSTER_RETURN_IF_ERROR(s.Call("DraftIncident", *request, &response));
                             return PrintIncident(s, response, request->dry_run());
                           });
  AddId(verb, [request](const std::string& v) { request->set_incident_id(v); });
  AddText(verb, "description", "The records, beyond what the tables say",
          [request](const std::string& v) { request->set_description(v); });
  AddText(verb, "circumstances", "The exact circumstances",
          [request](const std::string& v) { request->set_circumstances(v); });
  AddText(verb, "safeguards", "What prevents further loss",
          [request](const std::string& v) { request->set_safeguards(v); });
  AddText(verb, "salvage", "What was done to salvage, retrieve or reconstruct",
          [request](const std::string& v) { request->set_salvage(v); });
  AddRevision(verb, [request](uint64_t v) { request->set_expected_revision(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

struct IncidentSignArgs {
  std::string id, pin_file, document;
  std::vector<std::string> keys;
  bool dry_run = false;
};

// The report as the controller has it; its hash is worked out here, never taken on trust.
absl::StatusOr<std::string> FetchHash(Session& s, const IncidentSignArgs& args) {
  v1::GetIncidentReportRequest request;
  request.set_incident_id(args.id);
  v1::IncidentReportResponse report;
  MUSTER_RETURN_IF_ERROR(s.Call("GetIncidentReport", request, &report));
  if (report.sha256().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        args.id, " has no report yet; write one with `musterctl incident draft ", args.id, "`"));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string hash, LossReportSha256(report.html()));
  if (hash != report.sha256()) {
    return absl::FailedPreconditionError(absl::StrCat("the report that came has the SHA-256 ", hash,
                                                      ", the controller names ", report.sha256(),
                                                      "; nothing was signed"));
  }
  if (args.document.empty()) return hash;
  MUSTER_ASSIGN_OR_RETURN(
      const std::string text,
      ReadSmallFile(args.document, "report", static_cast<size_t>(limits::kMaxReplyBytes)));
  MUSTER_ASSIGN_OR_RETURN(const std::string read, LossReportSha256(text));
  if (read == hash) return hash;
  return absl::FailedPreconditionError(
      absl::StrCat("REPORT_CHANGED: ", args.document, " has the SHA-256 ", read,
                   ", and the report is now ", hash, "; nothing was signed"));
}

absl::StatusOr<v1::SignedDoc> MakeSignature(Session& s, const IncidentSignArgs& args,
                                            const std::string& hash) {
  v1::TrustView view;
  MUSTER_RETURN_IF_ERROR(s.Call("GetTrust", v1::GetTrustRequest(), &view));
  MUSTER_ASSIGN_OR_RETURN(const v1::Root root, RootOf(view.root()));
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(root));
  const absl::Time now = SystemClock().Now();
  v1::LossReport payload;
  v1::DocumentHeader& header = *payload.mutable_header();
  header.set_tenant(root.header().tenant());
  header.set_kind(std::string(kLossReportKind.kind));
  header.set_name(LossReportName(args.id));
  header.set_epoch(root.header().epoch());
  header.set_version(1);
  *header.mutable_issued_at() = ToProto(now);
  *header.mutable_not_after() = ToProto(now + limits::kLossReportLife);
  payload.set_incident_id(args.id);
  payload.set_report_sha256(hash);
  MUSTER_ASSIGN_OR_RETURN(v1::SignedDoc doc, MakeSignedDoc(payload, {}));
  const std::string role(kLossReportKind.role);
  for (const std::string& where : args.keys) {
    MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, LoadSigningKey(where, args.pin_file));
    MUSTER_RETURN_IF_ERROR(AddSignature(doc, key, {NeedOf(doc, trust, role)}));
  }
  return doc;
}

absl::StatusOr<int> SignReport(Session& s, const IncidentSignArgs& args) {
  MUSTER_ASSIGN_OR_RETURN(const std::string hash, FetchHash(s, args));
  s.err << "signing the report of " << args.id << " with the SHA-256 " << hash << "\n";
  v1::SignIncidentRequest request;
  request.set_incident_id(args.id);
  request.set_dry_run(args.dry_run);
  MUSTER_ASSIGN_OR_RETURN(*request.mutable_signature(), MakeSignature(s, args, hash));
  v1::IncidentResponse response;
  MUSTER_RETURN_IF_ERROR(s.Call("SignIncident", request, &response));
  return PrintIncident(s, response, args.dry_run);
}

void AddIncidentSign(CLI::App* noun, Session* session) {
  auto args = std::make_shared<IncidentSignArgs>();
  CLI::App* verb = AddVerb(noun, session, "sign", "Sign the report with the records key",
                           [args](Session& s) { return SignReport(s, *args); });
  AddId(verb, [args](const std::string& v) { args->id = v; });
  verb->add_option("--key", args->keys,
                   "Records key: a PEM file (0600) or pkcs11:URI of a token; once for each key")
      ->required();
  AddOptional(verb, "--pin-file", "File (0600) with the token's PIN",
              [args](const std::string& v) { args->pin_file = v; });
  AddOptional(verb, "--document", "The file that you read; refused when the report is another now",
              [args](const std::string& v) { args->document = v; });
  AddDryRun(verb, [args](bool v) { args->dry_run = v; });
}

struct DocumentArgs {
  std::string id, out;
};

absl::StatusOr<int> WriteDocument(Session& s, const DocumentArgs& args) {
  if (!args.out.empty()) MUSTER_RETURN_IF_ERROR(CheckIsNew(args.out));
  v1::GetIncidentReportRequest request;
  request.set_incident_id(args.id);
  v1::IncidentReportResponse report;
  MUSTER_RETURN_IF_ERROR(s.Call("GetIncidentReport", request, &report));
  if (args.out.empty() && s.format == Format::kTable) {
    s.out << report.html();
    return 0;
  }
  if (args.out.empty()) return s.Print(MessageJson(report));
  MUSTER_RETURN_IF_ERROR(WriteNewFile(args.out, report.html(), 0644));
  return s.Print({{"file", args.out},
                  {"sha256", report.sha256()},
                  {"signed", report.is_signed()},
                  {"bytes", report.html().size()}});
}

void AddDocument(CLI::App* noun, Session* session) {
  auto args = std::make_shared<DocumentArgs>();
  CLI::App* verb = AddVerb(noun, session, "document", "The report, for the printer or the reader",
                           [args](Session& s) { return WriteDocument(s, *args); });
  AddId(verb, [args](const std::string& v) { args->id = v; });
  AddOptional(verb, "--out", "Write it to this new file (HTML)",
              [args](const std::string& v) { args->out = v; });
}

}  // namespace

void AddIncidentCommands(CLI::App* root, Session* session) {
  CLI::App* archive = AddNoun(root, "archive", "Chats that must be kept, and the proof of it");
  auto filter = std::make_shared<v1::ListIncidentsRequest>();
  CLI::App* list =
      AddListVerb(archive, session, "incidents", "Possible losses of records", "ListIncidents",
                  filter, std::make_shared<v1::ListIncidentsResponse>(),
                  {{"INCIDENT", "incident_id"},
                   {"STATE", "state"},
                   {"CAUSE", "cause"},
                   {"PERSON", "person_upn"},
                   {"OFFICE", "office"},
                   {"APP", "app_id"},
                   {"DEVICE", "device_id"},
                   {"HAPPENED", "happened_at"},
                   {"REPORTED", "reported_at"},
                   {"UPDATE DUE", "update_due_at"}});
  AddEnum(list, "--state", "Only this state", v1::Incident::State_descriptor(),
          [filter](int v) { filter->set_state(static_cast<v1::Incident::State>(v)); });
  AddOptional(list, "--person", "Only this person (UPN)",
              [filter](const std::string& v) { filter->set_person_upn(v); });
  list->add_flag_function(
      "--open", [filter](int64_t) { filter->set_open(true); },
      "Only those on which somebody still has to act");
  auto get = std::make_shared<v1::GetIncidentRequest>();
  AddAlternative(
      list, session, "incident", "Only this one, with all that is known of it",
      [get](const std::string& v) { get->set_incident_id(v); },
      [get](Session& s) -> absl::StatusOr<int> {
        v1::Incident incident;
        MUSTER_RETURN_IF_ERROR(s.Call("GetIncident", *get, &incident));
        return s.Print(MessageJson(incident));
      });

  CLI::App* noun = AddNoun(root, "incident", "Possible losses of records (36 CFR 1230.14)");
  AddOpen(noun, session);
  AddIncidentDecisions(noun, session);
  AddDraft(noun, session);
  AddIncidentSign(noun, session);
  AddDocument(noun, session);
}

}  // namespace muster::cli
