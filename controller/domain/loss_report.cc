#include "controller/domain/loss_report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/loss_report_text.h"
#include "common/time_proto.h"
#include "controller/domain/cannot_be_known.h"
#include "controller/domain/html.h"

namespace muster {
namespace {

constexpr char kNotKnown[] = "not known";

// No size is named: the printer's paper decides, and everything fits either.
constexpr char kStyle[] =
    "@page { margin: 20mm 18mm; }\n"
    "body { font: 11pt/1.4 serif; color: #000; background: #fff; max-width: 44em; margin: 2em "
    "auto; padding: 0 1em; }\n"
    "h1 { font-size: 18pt; margin: 0 0 .2em; }\n"
    "h2 { font-size: 13pt; margin: 1.6em 0 .4em; break-after: avoid; page-break-after: avoid; }\n"
    "table { border-collapse: collapse; width: 100%; margin: .6em 0; break-inside: avoid; "
    "page-break-inside: avoid; }\n"
    "table.long { break-inside: auto; page-break-inside: auto; }\n"
    "thead { display: table-header-group; }\n"
    "tr { break-inside: avoid; page-break-inside: avoid; }\n"
    "caption { text-align: left; font-weight: bold; padding: .2em 0; }\n"
    "th, td { border: 1px solid #888; padding: .2em .5em; text-align: left; vertical-align: top; "
    "overflow-wrap: anywhere; }\n"
    "th[scope=row] { width: 32%; font-weight: normal; background: #f2f2f2; }\n"
    ".text { white-space: pre-wrap; overflow-wrap: anywhere; }\n"
    ".missing { font-style: italic; }\n"
    ".small { font-size: 9pt; }\n"
    ".signature { break-inside: avoid; page-break-inside: avoid; }\n"
    ".line { border-bottom: 1px solid #000; height: 2.4em; }\n"
    "@media print { body { margin: 0; max-width: none; padding: 0; } }\n";

std::string When(const google::protobuf::Timestamp& at, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S %Z", FromProto(at), zone);
}

std::string OrNotKnown(absl::string_view text) {
  return std::string(text.empty() ? kNotKnown : text);
}

// The whole document, a part after the other.
class LossReport {
 public:
  LossReport(const v1::Incident& incident, const LossReportFacts& facts)
      : i_(incident), f_(facts) {}

  std::string Text() {
    Head();
    Subject();
    Description();
    Office();
    Circumstances();
    Statements();
    Unknowns();
    Signature();
    return std::move(out_);
  }

 private:
  template <typename... Parts>
  void Add(const Parts&... parts) {
    absl::StrAppend(&out_, parts...);
  }
  std::string When(bool has, const google::protobuf::Timestamp& at) const {
    return has ? muster::When(at, f_.zone) : kNotKnown;
  }

  void Head();
  void Subject();
  void Description();
  void Chat(const v1::Incident::Chat& chat);
  void Exports(const std::vector<v1::ExportRecord>& exports);
  void Office();
  void Circumstances();
  void History();
  void Statements();
  void Unknowns();
  void Signature();

  std::string Name() const;
  std::string Estimate(const v1::Incident::Chat& chat) const;
  google::protobuf::Timestamp DraftedAt() const;

  const v1::Incident& i_;
  const LossReportFacts& f_;
  std::string out_;
};

// The day of the text is that of its last change, not of whoever looks at it.
google::protobuf::Timestamp LossReport::DraftedAt() const {
  google::protobuf::Timestamp out = i_.opened_at();
  for (const v1::Incident::Step& step : i_.history()) {
    if (step.to() == v1::Incident::REPORT_DRAFT) out = step.at();
  }
  return out;
}

std::string LossReport::Name() const {
  const std::string upn = OrNotKnown(i_.person_upn());
  return f_.person_name.empty() ? upn : absl::StrCat(f_.person_name, " (", upn, ")");
}

void LossReport::Head() {
  const std::string title = absl::StrCat("Report of a loss of records, ", i_.incident_id());
  Add("<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n",
      "<meta charset=\"utf-8\"/>\n<meta http-equiv=\"Content-Security-Policy\" ",
      "content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;\"/>\n<title>",
      html::Escape(title), "</title>\n<style>\n", kStyle, "</style>\n</head>\n<body>\n<h1>",
      html::Escape(title), "</h1>\n<p>", html::Escape(f_.tenant),
      ". Made for the report that 36 CFR 1230.14(a) and 44 U.S.C. 3106 ask for. Times are those "
      "of ",
      html::Escape(f_.zone_name), ".</p>\n");
}

void LossReport::Subject() {
  uint64_t kept = 0, estimated = 0;
  for (const v1::Incident::Chat& chat : i_.chats()) {
    kept += chat.messages_kept();
    estimated += chat.messages_estimated();
  }
  Add("<table>\n<tbody>\n", html::Row("Incident", i_.incident_id()),
      html::Row("Text of", muster::When(DraftedAt(), f_.zone)),
      html::Row("What happened", CauseWords(i_.cause())),
      html::Row("When", When(i_.has_happened_at(), i_.happened_at())),
      html::Row("Noticed", When(i_.has_opened_at(), i_.opened_at())), html::Row("Person", Name()),
      html::Row("App", OrNotKnown(i_.app_id())),
      html::Row("Chats with uncovered time", absl::StrCat(i_.chats_size())),
      html::Row("Messages of these chats that are kept",
                absl::StrCat(kept, " (each chat's level of evidence is below)")),
      html::Row("Messages that may be lost",
                estimated == 0 ? kNotKnown
                               : absl::StrCat("about ", estimated,
                                              " (estimated, where an export gives a rate; the rest "
                                              "is not known)")),
      "</tbody>\n</table>\n");
}

std::string LossReport::Estimate(const v1::Incident::Chat& chat) const {
  const absl::Duration uncovered =
      FromProto(chat.uncovered_until()) - FromProto(chat.uncovered_from());
  if (chat.level() < v1::Evidence::E2_SEEN && chat.messages_kept() == 0) {
    return absl::StrCat(kNotKnown, ": there is no export of it to go by");
  }
  return absl::StrFormat(
      "about %d (estimated: this chat's own rate, its kept messages over the time its exports "
      "cover, times %.1f uncovered days)",
      chat.messages_estimated(), absl::FDivDuration(uncovered, absl::Hours(24)));
}

void LossReport::Exports(const std::vector<v1::ExportRecord>& exports) {
  Add("<table class=\"long small\">\n<caption>Exports of this chat that exist</caption>\n<thead>\n"
      "<tr><th>SHA-256 of the file</th><th>First message</th><th>Last message</th>"
      "<th>Messages</th><th>Evidence</th></tr>\n</thead>\n<tbody>\n");
  for (const v1::ExportRecord& record : exports) {
    const v1::ExportSeen& seen = record.seen();
    const bool receipted = !record.receipt_sha256().empty();
    std::string level = LevelWords(receipted ? v1::Evidence::E3_RECEIPTED : v1::Evidence::E2_SEEN);
    if (seen.damaged()) level += "; damaged";
    if (seen.ambiguous()) level += "; its dates can be read in two ways";
    if (seen.truncation_suspected()) level += "; its beginning may be cut off";
    if (!record.mismatch_code().empty()) level += "; a receipt came that does not fit";
    Add("<tr><td>", html::Escape(seen.export_sha256()), "</td><td>",
        When(seen.has_first_at(), seen.first_at()), "</td><td>",
        When(seen.has_last_at(), seen.last_at()), "</td><td>", seen.messages(), "</td><td>",
        html::Escape(level), "</td></tr>\n");
  }
  Add("</tbody>\n</table>\n");
}

void LossReport::Chat(const v1::Incident::Chat& chat) {
  const bool shown = !chat.chat_key().empty();
  Add("<table>\n<caption>",
      shown ? absl::StrCat("Chat ", html::Escape(chat.chat_key()))
            : "Whatever chats there are that no export has shown",
      "</caption>\n<tbody>\n",
      html::Row("Kind", !shown         ? kNotKnown
                        : chat.group() ? "group"
                                       : "between two"),
      html::Row("Uncovered from", When(chat.has_uncovered_from(), chat.uncovered_from())),
      html::Row("Uncovered until", When(chat.has_uncovered_until(), chat.uncovered_until())),
      html::Row("Messages kept", absl::StrCat(chat.messages_kept())),
      html::Row("Messages that may be lost", Estimate(chat)),
      html::Row("Evidence", LevelWords(chat.level())), "</tbody>\n</table>\n");
  const auto exports = f_.exports.find(chat.chat_key());
  if (exports != f_.exports.end() && !exports->second.empty()) Exports(exports->second);
}

void LossReport::Description() {
  Add("<h2>1. The records, their volume and dates</h2>\n",
      html::Text(i_.description(), "No description beyond the tables below was given."),
      "<p>The records are messages of the app ", html::Escape(OrNotKnown(i_.app_id())),
      ". A chat is named by a salted hash of its name, which only the device and the record "
      "repository can undo. The dates are those between which nothing proves that the messages "
      "were kept.</p>\n");
  for (const v1::Incident::Chat& chat : i_.chats()) Chat(chat);
  if (i_.chats().empty()) Add("<p class=\"missing\">No chat is known.</p>\n");
  if (f_.exports_not_listed > 0) {
    Add("<p>", f_.exports_not_listed, " older exports of these chats exist and are not listed.",
        "</p>\n");
  }
}

void LossReport::Office() {
  Add("<h2>2. The office that maintained the records</h2>\n<table>\n<tbody>\n",
      html::Row("Office", OrNotKnown(i_.office())), html::Row("Person", Name()),
      html::Row("Capstone official", i_.capstone() ? "yes" : "no"));
  if (f_.device) {
    const v1::Device& device = *f_.device;
    Add(html::Row("Device", absl::StrCat(device.hostname(), " (", i_.device_id(), ")")),
        html::Row("Platform", v1::Platform::Id_Name(device.platform())),
        html::Row("Enrolled", When(device.has_enrolled_at(), device.enrolled_at())));
  } else {
    Add(html::Row("Device", OrNotKnown(i_.device_id())));
  }
  if (f_.grant) {
    const v1::Grant& grant = *f_.grant;
    Add(html::Row("Approved by grant", grant.grant_id()),
        html::Row("Granted", When(grant.has_granted_at(), grant.granted_at())),
        html::Row("Approved by", OrNotKnown(absl::StrJoin(grant.approved_by_upn(), ", "))));
  } else {
    Add(html::Row("Approved by grant", OrNotKnown(i_.grant_id())));
  }
  std::string guidance = "no attestation is on file";
  if (f_.guidance) {
    guidance = absl::StrCat("version ", f_.guidance->version(), ", on ",
                            muster::When(f_.guidance->at(), f_.zone), " (SHA-256 ",
                            f_.guidance->sha256(), ")");
  }
  Add(html::Row("Archive guidance attested", guidance), "</tbody>\n</table>\n");
}

void LossReport::History() {
  Add("<table class=\"long\">\n<caption>How it was found and decided</caption>\n<thead>\n"
      "<tr><th>When</th><th>State</th><th>By</th><th>Why</th></tr>\n</thead>\n<tbody>\n");
  for (const v1::Incident::Step& step : i_.history()) {
    Add("<tr><td>", muster::When(step.at(), f_.zone), "</td><td>",
        v1::Incident::State_Name(step.to()), "</td><td>",
        html::Escape(step.by_upn().empty() ? "Muster" : step.by_upn()), "</td><td class=\"text\">",
        html::Escape(step.reason()), "</td></tr>\n");
  }
  Add("</tbody>\n</table>\n");
}

void LossReport::Circumstances() {
  Add("<h2>3. The exact circumstances</h2>\n", html::Text(i_.circumstances(), "Not stated yet."));
  if (i_.has_covered_at()) {
    Add("<p>Since ", muster::When(i_.covered_at(), f_.zone),
        " exports that came later cover the time that this report is about.</p>\n");
  }
  History();
}

void LossReport::Statements() {
  Add("<h2>4. Safeguards established to prevent further loss</h2>\n",
      html::Text(i_.safeguards(), "Not stated yet."),
      "<h2>5. Salvage, retrieval and reconstruction</h2>\n",
      html::Text(i_.salvage(), "Not stated yet."));
}

void LossReport::Unknowns() {
  std::vector<std::string> unknown;
  const auto add = [&](bool is_unknown, absl::string_view what) {
    if (is_unknown) unknown.emplace_back(what);
  };
  uint64_t without = 0;
  bool unseen = false;
  for (const v1::Incident::Chat& chat : i_.chats()) {
    unseen = unseen || chat.chat_key().empty();
    if (chat.level() < v1::Evidence::E2_SEEN && chat.messages_kept() == 0) ++without;
  }
  add(unseen, "Which chats there were that no export has shown, with whom, and their volume.");
  add(without > 0, absl::StrCat("The volume of ", without, " of the ", i_.chats_size(),
                                " entries above: no export gives a rate."));
  add(true,
      "How many messages were written in the uncovered time; every such figure is estimated.");
  add(!i_.has_happened_at(), "When it happened.");
  add(i_.office().empty(), "Which office the person belonged to.");
  add(!f_.device.has_value(), "More of the device than its name: it is not enrolled here.");
  add(!f_.grant.has_value(), "By which approval the app was used.");
  add(!f_.guidance.has_value(), "Whether the person had read how to archive.");
  Add("<h2>6. What is not known</h2>\n<ul>\n");
  for (const std::string& line : unknown) Add("<li>", html::Escape(line), "</li>\n");
  Add("</ul>\n<p>", html::Escape(kCannotBeKnown), "</p>\n");
}

void LossReport::Signature() {
  Add("<section class=\"signature\">\n<h2>Signature</h2>\n", kSignatureBegins, kSignatureEnds,
      "<p class=\"small\">What is signed is the SHA-256 of this document without the lines between "
      "the two marks of its signature block.</p>\n</section>\n</body>\n</html>\n");
}

}  // namespace

std::string LevelWords(v1::Evidence::Level level) {
  switch (level) {
    case v1::Evidence::E1_STATED:
      return "E1: the person says so";
    case v1::Evidence::E2_SEEN:
      return "E2: an agent saw, hashed and read the export";
    case v1::Evidence::E3_RECEIPTED:
      return "E3: the record repository's signed receipt matches";
    case v1::Evidence::E0_NONE:
    case v1::Evidence_Level_Evidence_Level_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::Evidence_Level_Evidence_Level_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return "E0: nothing is known";
}

std::string CauseWords(v1::Incident::Cause cause) {
  switch (cause) {
    case v1::Incident::UNINSTALLED:
      return "the app was removed from the device";
    case v1::Incident::WIPED:
      return "the device was wiped";
    case v1::Incident::DEVICE_LOST:
      return "the device was lost";
    case v1::Incident::REINSTALLED:
      return "the app was installed anew";
    case v1::Incident::GAP:
      return "two exports leave a gap between them";
    case v1::Incident::OTHER:
    case v1::Incident::CAUSE_UNSPECIFIED:
    case v1::Incident_Cause_Incident_Cause_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::Incident_Cause_Incident_Cause_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return "something else, as the circumstances say";
}

std::string LossReportHtml(const v1::Incident& incident, const LossReportFacts& facts) {
  return LossReport(incident, facts).Text();
}

std::string SignatureBlock(const v1::Incident& incident, absl::TimeZone zone) {
  if (!incident.has_signature()) {
    return absl::StrCat("<p>This report is not signed.</p>\n<table>\n<tbody>\n",
                        html::Row("Records officer", ""),
                        "<tr><th scope=\"row\">Signature</th><td class=\"line\"></td></tr>\n",
                        html::Row("Date", ""), "</tbody>\n</table>\n");
  }
  std::string keys;
  for (const v1::Signature& signature : incident.signature().signatures()) {
    absl::StrAppend(&keys, keys.empty() ? "" : ", ", signature.key_id());
  }
  return absl::StrCat(
      "<table>\n<tbody>\n", html::Row("Signed by", incident.signed_by_upn()),
      html::Row("On", When(incident.signed_at(), zone)), html::Row("Records key", keys),
      html::Row("SHA-256 that is signed", incident.report_sha256()), "</tbody>\n</table>\n");
}

}  // namespace muster
