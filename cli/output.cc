#include "cli/output.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace muster::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// Blanks C0, DEL and C1 (U+0080 to U+009F, two bytes in UTF-8).
std::string Printable(std::string text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) text[i] = ' ';
    const bool c1 = byte == 0xC2 && i + 1 < text.size() &&
                    (static_cast<unsigned char>(text[i + 1]) & 0xE0) == 0x80;
    if (c1) text[i] = text[i + 1] = ' ';
  }
  return text;
}

const Json* FindPath(const Json& value, absl::string_view path) {
  const Json* at = &value;
  for (absl::string_view name : absl::StrSplit(path, '.')) {
    if (!at->is_object()) return nullptr;
    const auto it = at->find(std::string(name));
    if (it == at->end()) return nullptr;
    at = &*it;
  }
  return at;
}

// Code points, so that names with accents keep their column.
size_t Width(absl::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string TableText(const Rows& rows, absl::string_view indent) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line(indent);
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i], std::string(widths[i] - Width(row[i]) + 2, ' '));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, line, "\n");
  }
  return out;
}

// RFC 4180. A spreadsheet would run what begins like a formula: it gets an apostrophe in front.
std::string CsvField(std::string text) {
  text = Printable(std::move(text));
  if (!text.empty() && absl::StrContains("=+-@", text.substr(0, 1))) text.insert(0, 1, '\'');
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string CsvText(const Rows& rows) {
  std::string out;
  for (const auto& row : rows) {
    absl::StrAppend(&out,
                    absl::StrJoin(row, ",",
                                  [](std::string* o, const std::string& cell) {
                                    absl::StrAppend(o, CsvField(cell));
                                  }),
                    "\n");
  }
  return out;
}

bool IsObjectList(const Json& value) {
  return value.is_array() && !value.empty() && value.front().is_object();
}

bool IsEmpty(const Json& value) {
  return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty()) ||
         (value.is_structured() && value.empty());
}

// Columns for a list nobody described: every field of the items that is filled anywhere.
Rows NestedRows(const Json& items) {
  std::vector<std::string> names;
  for (const Json& item : items) {
    for (const auto& [name, value] : item.items()) {
      if (!IsEmpty(value) && std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(name);
      }
    }
  }
  Rows rows = {names};
  for (const Json& item : items) {
    std::vector<std::string> row;
    for (const std::string& name : names) {
      row.push_back(item.contains(name) ? CellText(item.at(name), true) : "");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

void AppendFields(const std::string& prefix, const Json& object, Rows* plain, std::string* lists) {
  for (const auto& [name, value] : object.items()) {
    if (IsEmpty(value)) continue;
    const std::string path = prefix + name;
    if (IsObjectList(value)) {
      absl::StrAppend(lists, path, ":\n", TableText(NestedRows(value), "  "));
    } else if (value.is_object()) {
      AppendFields(path + ".", value, plain, lists);
    } else {
      plain->push_back({path + ":", CellText(value, true)});
    }
  }
}

std::string ObjectTable(const Json& object) {
  Rows plain;
  std::string lists;
  AppendFields("", object, &plain, &lists);
  return TableText(plain, "") + lists;
}

std::string ObjectCsv(const Json& object) {
  Rows rows(2);
  for (const auto& [name, value] : object.items()) {
    if (IsObjectList(value)) continue;
    rows[0].push_back(name);
    rows[1].push_back(CellText(value, false));
  }
  return CsvText(rows);
}

std::string Pretty(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Words of a paragraph in lines for a terminal.
std::string Wrapped(absl::string_view text) {
  constexpr size_t kWidth = 96;
  std::string out;
  size_t at = 0;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (at > 0 && at + 1 + Width(word) > kWidth) {
      out += '\n';
      at = 0;
    }
    absl::StrAppend(&out, at > 0 ? " " : "", word);
    at += Width(word) + (at > 0 ? 1 : 0);
  }
  return out + "\n";
}

std::string ParagraphOf(const Json& list) { return CellAt(list, "cannot_be_known", true); }

std::string ListTable(const Json& list, const std::vector<Column>& columns,
                      const std::vector<Column>& facts) {
  Rows head;
  for (const Column& c : facts) head.push_back({c.title + ":", CellAt(list, c.path, true)});
  std::string out = TableText(head, "");
  if (!head.empty()) out += "\n";
  absl::StrAppend(
      &out, list.at("items").empty() ? "none\n" : TableText(ListRows(list, columns, true), ""));
  const std::string cursor = list.value("next_cursor", "");
  if (!cursor.empty()) absl::StrAppend(&out, "more: --cursor ", cursor, "\n");
  const std::string paragraph = ParagraphOf(list);
  if (!paragraph.empty()) absl::StrAppend(&out, "\n", Wrapped(paragraph));
  return out;
}

std::string ListCsv(const Json& list, const std::vector<Column>& columns,
                    const std::vector<Column>& facts) {
  Rows rows = ListRows(list, columns, false);
  const size_t fields = std::max<size_t>(rows.front().size(), 2);
  for (const Column& c : facts) rows.push_back({c.path, CellAt(list, c.path, false)});
  const std::string paragraph = ParagraphOf(list);
  if (!paragraph.empty()) rows.push_back({"cannot_be_known", paragraph});
  if (!facts.empty() || !paragraph.empty()) {
    for (auto& row : rows) row.resize(fields);
  }
  return CsvText(rows);
}

std::string ChainTable(const Rows& head, const Json& explanation) {
  Rows chain;
  for (const Json& link : explanation.at("chain")) {
    chain.push_back({link.at("holds").get<bool>() ? "yes" : "no",
                     CellText(link.at("condition"), true), CellText(link.at("detail"), true)});
  }
  std::string out = TableText(head, "");
  if (!chain.empty()) absl::StrAppend(&out, "because:\n", TableText(chain, "  "));
  const std::string next = CellText(explanation.at("next_step"), true);
  if (!next.empty()) absl::StrAppend(&out, "next step: ", next, "\n");
  return out;
}

std::string ExplanationTable(const Json& explanation) {
  return ChainTable({{"verdict:", CellText(explanation.at("verdict"), true)},
                     {"reason:", CellText(explanation.at("reason"), true)}},
                    explanation);
}

std::string MemberTable(const Json& item) {
  return ChainTable({{"app:", CellText(item.at("app_id"), true)},
                     {"effective:", item.at("effective").get<bool>() ? "yes" : "no"}},
                    item);
}

void AppendChanges(const Json& run, const char* list, const char* sign, Rows* rows) {
  for (const Json& change : run.at(list)) {
    std::vector<std::string> via;
    for (const Json& group : change.at("via")) via.push_back(CellText(group, true));
    std::string who = CellText(change.at("upn"), true);
    if (who.empty()) who = CellText(change.at("person_id"), true);
    rows->push_back({sign, who, CellText(change.at("display_name"), true),
                     CellText(change.at("app_id"), true), CellText(change.at("cause"), true),
                     CellText(change.at("why"), true), absl::StrJoin(via, " > ")});
  }
}

std::string More(const Json& run, const char* list, const char* count, const char* what) {
  const size_t all = run.at(count).get<size_t>(), listed = run.at(list).size();
  if (all <= listed) return "";
  return absl::StrCat("  and ", all - listed, " more ", what, "\n");
}

std::string RunDiff(const Json& run) {
  Json head = run;
  for (const char* list : {"added", "removed", "missing"}) head.erase(list);
  Rows rows;
  AppendChanges(run, "removed", "-", &rows);
  AppendChanges(run, "missing", "-", &rows);
  AppendChanges(run, "added", "+", &rows);
  std::string out = ObjectTable(head);
  absl::StrAppend(&out, "changes:\n", rows.empty() ? "  none\n" : TableText(rows, "  "),
                  More(run, "removed", "removed_count", "removals"),
                  More(run, "missing", "missing_count", "missing persons"),
                  More(run, "added", "added_count", "adds"));
  return out;
}

}  // namespace

std::optional<Format> ParseFormat(absl::string_view name) {
  if (name == "table") return Format::kTable;
  if (name == "json") return Format::kJson;
  if (name == "csv") return Format::kCsv;
  if (name == "yaml") return Format::kYaml;
  return std::nullopt;
}

std::string CellText(const Json& value, bool printable) {
  std::string out;
  if (value.is_string()) {
    out = value.get<std::string>();
  } else if (value.is_array()) {
    out = absl::StrJoin(value, ", ", [printable](std::string* o, const Json& element) {
      absl::StrAppend(o, CellText(element, printable));
    });
  } else if (!value.is_null()) {
    out = CompactJson(value);
  }
  return printable ? Printable(std::move(out)) : out;
}

std::string CellAt(const Json& value, const std::string& path, bool printable) {
  const Json* found = FindPath(value, path);
  return found == nullptr ? "" : CellText(*found, printable);
}

Rows ListRows(const Json& list, const std::vector<Column>& columns, bool table) {
  Rows rows(1);
  for (const Column& c : columns) rows[0].push_back(table ? c.title : c.path);
  const auto add = [&](const Json& item) {
    std::vector<std::string>& row = rows.emplace_back();
    for (const Column& c : columns) row.push_back(CellAt(item, c.path, table));
  };
  for (const Json& item : list.at("items")) add(item);
  if (list.contains("total") && !list.at("items").empty()) add(list.at("total"));
  return rows;
}

std::string RenderList(Format format, const Json& list, const std::vector<Column>& columns,
                       const std::vector<Column>& facts) {
  switch (format) {
    case Format::kTable:
      return ListTable(list, columns, facts);
    case Format::kJson:
      return Pretty(list);
    case Format::kCsv:
      return ListCsv(list, columns, facts);
    case Format::kYaml:
      return RenderYaml(list);
  }
  return "";
}

std::string RenderObject(Format format, const Json& object) {
  switch (format) {
    case Format::kTable:
      return ObjectTable(object);
    case Format::kJson:
      return Pretty(object);
    case Format::kCsv:
      return ObjectCsv(object);
    case Format::kYaml:
      return RenderYaml(object);
  }
  return "";
}

std::string RenderExplanation(Format format, const Json& explanation) {
  if (format == Format::kTable) return ExplanationTable(explanation);
  return RenderObject(format, explanation);
}

std::string RenderMemberExplanations(Format format, const Json& list) {
  if (format == Format::kTable) {
    if (list.at("items").empty()) return "none\n";
    return absl::StrJoin(list.at("items"), "\n", [](std::string* out, const Json& item) {
      absl::StrAppend(out, MemberTable(item));
    });
  }
  return RenderList(format, list,
                    {{"APP", "app_id"}, {"EFFECTIVE", "effective"}, {"NEXT STEP", "next_step"}});
}

std::string RenderSyncRun(Format format, const Json& run) {
  return format == Format::kTable ? RunDiff(run) : RenderObject(format, run);
}

}  // namespace muster::cli
