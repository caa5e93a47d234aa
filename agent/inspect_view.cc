#include "agent/inspect_view.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/domain/plain_text.h"
#include "common/archive_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

using Json = nlohmann::ordered_json;
using archive::DatedRange;
using archive::ExportFileSummary;
using archive::ExportSummary;

constexpr size_t kShownProblems = 8, kShownBytes = 200, kProblemBytes = 400;

Json Text(absl::string_view text) { return std::string(text); }

std::string OrderWords(archive::DateOrder order) {
  switch (order) {
    case archive::DateOrder::kDayMonthYear:
      return "day, month, year";
    case archive::DateOrder::kMonthDayYear:
      return "month, day, year";
    case archive::DateOrder::kYearMonthDay:
      return "year, month, day";
  }
  return "";
}

std::string Plural(uint64_t count, absl::string_view one, absl::string_view many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

Json Alternatives(const ExportSummary& text, absl::TimeZone zone) {
  Json out = Json::array();
  for (const DatedRange& range : text.alternatives) {
    out.push_back({{"date_order", Text(archive::DateOrderName(range.order))},
                   {"first", WallText(range.first, zone)},
                   {"last", WallText(range.last, zone)}});
  }
  return out;
}

std::vector<std::string> Problems(const Inspected& in) {
  std::vector<std::string> out = in.file.text.problems;
  if (in.skipped > 0) {
    out.push_back(absl::StrCat(Plural(in.skipped, "entry has", "entries have"), " a time that ",
                               in.zone.name(),
                               " skipped when its clocks went forward: the zone is not the "
                               "phone's, or its clock was wrong"));
  }
  if (in.repeated > 0) {
    out.push_back(absl::StrCat(Plural(in.repeated, "entry has", "entries have"), " a time that ",
                               in.zone.name(),
                               " showed twice when its clocks went back; taken as the first"));
  }
  return out;
}

Json Made(const ExportFileSummary& file, absl::TimeZone zone) {
  if (file.made_wall) return WallText(*file.made_wall, zone);
  if (file.made_at) return WallText(absl::ToCivilSecond(*file.made_at, zone), zone);
  return nullptr;
}

void AddTimes(const Inspected& in, Json& out) {
  const ExportSummary& text = in.file.text;
  out["first"] = text.dated ? Json(WallText(text.range.first, in.zone)) : Json(nullptr);
  out["last"] = text.dated ? Json(WallText(text.range.last, in.zone)) : Json(nullptr);
  out["time_zone"] = in.zone.name();
  out["date_order"] = text.dated ? Text(archive::DateOrderName(text.range.order)) : Json(nullptr);
  out["ambiguous"] = text.ambiguous;
  out["alternatives"] = Alternatives(text, in.zone);
  out["backwards"] = text.backwards;
  out["truncation_suspected"] = text.truncation_suspected;
  out["from_start"] = text.from_start;
}

void AddBytes(const ExportFileSummary& file, Json& out) {
  out["bytes"] = file.text.bytes + file.media_bytes;
  out["accounted_bytes"] = file.text.accounted_bytes + file.media_bytes;
  out["text_bytes"] = file.text.bytes;
  out["media_bytes"] = file.media_bytes;
  out["media_files"] = file.media_files;
  out["unreferenced_files"] = file.unreferenced_files;
  out["unreferenced"] = file.unreferenced;
  out["zip"] = file.zip;
  out["text_name"] = file.text_name.empty() ? Json(nullptr) : Json(file.text_name);
  out["file_bytes"] = file.file_bytes;
  out["sha256"] = file.sha256;
}

// A line of the table.
void Row(absl::string_view label, absl::string_view value, std::string& out) {
  absl::StrAppendFormat(&out, "%-12s %s\n", label, value);
}

std::string ChatWords(const ExportSummary& text) {
  const std::string name = PlainText(text.chat, kShownBytes);
  return absl::StrCat(name.empty() ? "not named in it" : name, text.group ? " (a group)" : "");
}

std::string FormatWords(const ExportFileSummary& file) {
  switch (file.text.format) {
    case archive::ExportFormat::kAndroid:
      return absl::StrCat("WhatsApp on Android, ", file.zip ? "with media" : "text only");
    case archive::ExportFormat::kIos:
      return absl::StrCat("WhatsApp on an iPhone, ", file.zip ? "with media" : "text only");
    case archive::ExportFormat::kUnknown:
      return "nothing in it reads as an exported chat";
  }
  return "";
}

std::string MediaWords(const ExportFileSummary& file) {
  const ExportSummary& text = file.text;
  std::string out = absl::StrCat(text.attached, " in the export, ", text.omitted,
                                 " left out by the app, ", text.missing, " named but not there");
  if (file.unreferenced_files > 0) {
    absl::StrAppend(&out, "; ", Plural(file.unreferenced_files, "file", "files"),
                    " that no message names");
  }
  return out;
}

// What the reader must know before the figures are believed, most serious first.
std::vector<std::string> Traps(const Inspected& in) {
  const ExportSummary& text = in.file.text;
  std::vector<std::string> out;
  if (text.damaged) {
    out.push_back(
        "DAMAGED: not everything in it could be read; it proves nothing beyond what is "
        "shown here.");
  }
  if (text.ambiguous) {
    std::string words = "AMBIGUOUS DATES: day and month cannot be told apart.";
    for (const DatedRange& range : text.alternatives) {
      absl::StrAppend(&words, " As ", OrderWords(range.order), ": ", WallText(range.first, in.zone),
                      " to ", WallText(range.last, in.zone), ".");
    }
    out.push_back(words + " Say which with --date-order.");
  }
  if (text.truncation_suspected) {
    out.push_back(absl::StrCat("CUT SHORT: it is about as long as the app ever writes (",
                               limits::kExportCapWithoutMedia, " messages, or ",
                               limits::kExportCapWithMedia,
                               " with media); older ones are left out without a word."));
  }
  if (const uint64_t lost = text.omitted + text.missing; lost > 0) {
    out.push_back(absl::StrCat("MEDIA ARE NOT IN IT: ", lost,
                               " messages had a picture, a sound or "
                               "a file that this export does not hold; export with media."));
  }
  if (text.backwards) {
    out.push_back(
        "TIMES RUN BACKWARDS: the phone's clock was set back, or a message holds pasted "
        "text that looks like another message. It cannot be told which.");
  }
  for (const std::string& problem : Problems(in)) {
    if (out.size() >= kShownProblems) {
      out.push_back("More is in -o json.");
      break;
    }
    out.push_back(PlainText(problem, kProblemBytes));
  }
  return out;
}

}  // namespace

std::string WallText(absl::CivilSecond time, absl::TimeZone zone) {
  const absl::Time at = absl::FromCivil(time, zone);
  const std::string text = absl::FormatTime("%Y-%m-%dT%H:%M:%S", at, zone);
  return zone == absl::UTCTimeZone() ? text + "Z" : text + absl::FormatTime("%Ez", at, zone);
}

std::string Dump(const nlohmann::ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

nlohmann::ordered_json InspectJson(const Inspected& in) {
  const ExportSummary& text = in.file.text;
  Json out;
  out["file"] = in.name;
  out["format"] = Text(archive::ExportFormatName(text.format));
  out["chat"] = text.chat.empty() ? Json(nullptr) : Json(text.chat);
  out["group"] = text.group;
  out["messages"] = text.messages;
  out["system"] = text.system;
  out["unread"] = text.unread;
  out["attached"] = text.attached;
  out["omitted"] = text.omitted;
  out["missing"] = text.missing;
  out["edited"] = text.edited;
  out["deleted"] = text.deleted;
  out["participants"] = text.participants;
  AddTimes(in, out);
  AddBytes(in.file, out);
  out["made"] = Made(in.file, in.zone);
  out["damaged"] = text.damaged;
  out["problems"] = Problems(in);
  return out;
}

nlohmann::ordered_json EntryJson(const archive::Entry& entry, absl::TimeZone zone) {
  Json out;
  const bool read = entry.kind != archive::EntryKind::kUnread;
  out["time"] = read ? Json(WallText(entry.time, zone)) : Json(nullptr);
  out["kind"] = Text(archive::EntryKindName(entry.kind));
  out["flags"] = Json::array();
  for (const absl::string_view flag : archive::EntryFlagNames(entry.flags)) {
    out["flags"].push_back(Text(flag));
  }
  out["author"] = entry.author.empty() ? Json(nullptr) : Text(entry.author);
  out["bytes"] = entry.bytes;
  return out;
}

std::string InspectTable(const Inspected& in) {
  const ExportFileSummary& file = in.file;
  const ExportSummary& text = file.text;
  std::string out;
  Row("Export", PlainText(in.name, kShownBytes), out);
  Row("Written by", FormatWords(file), out);
  Row("Chat", ChatWords(text), out);
  Row("Messages",
      absl::StrCat(text.messages, " by ", Plural(text.participants, "participant", "participants"),
                   "; ", text.edited, " edited, ", text.deleted, " deleted"),
      out);
  Row("Media", MediaWords(file), out);
  Row("Notes", absl::StrCat(Plural(text.system, "line", "lines"), " of the app itself"), out);
  if (text.dated) {
    Row("First",
        WallText(text.range.first, in.zone) + (text.from_start ? " (the chat begins here)" : ""),
        out);
    Row("Last", WallText(text.range.last, in.zone), out);
    Row("Dates",
        absl::StrCat(OrderWords(text.range.order), text.ambiguous ? " (a guess)" : "",
                     "; as the phone's clock showed them, taken to be in ", in.zone.name()),
        out);
  }
  Row("Bytes",
      absl::StrCat(text.accounted_bytes + file.media_bytes, " of ", text.bytes + file.media_bytes,
                   " accounted for, ", text.unread, " stretches unread"),
      out);
  Row("SHA-256", file.sha256, out);
  const std::vector<std::string> traps = Traps(in);
  out += traps.empty() ? "\nNothing in it is out of order.\n" : "\nTake care:\n";
  for (const std::string& trap : traps) absl::StrAppend(&out, "  - ", trap, "\n");
  absl::StrAppend(&out,
                  "\nIt cannot show: other chats, messages deleted before it was made, what linked "
                  "devices did,\nor who is behind a name.\n");
  return out;
}

}  // namespace muster::agent
