// How musterctl prints: table for people, json, csv and yaml for programs. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cli/message_json.h"

namespace muster::cli {

enum class Format { kTable, kJson, kCsv, kYaml };

std::optional<Format> ParseFormat(absl::string_view name);  // "table", "json", "csv", "yaml"

// One column of a list: `path` leads through nested objects with dots ("person.upn") and is
// also the CSV heading; `title` heads the table.
struct Column {
  std::string title;
  std::string path;
};

// `list` is {"items":[...],"next_cursor":...}. Table and CSV show the columns; JSON and YAML
// everything. A table of no items says so; a table cut by a page ends with how to go on.
//
// Of a report more is shown: an object "total" as the last row, the fields named by `facts` (a
// table: above it; CSV: records of path and value below the rows), and at the very end the
// paragraph "cannot_be_known", in CSV as a last record whose first field has that name and whose
// second is the text. All records of a CSV have the same number of fields.
std::string RenderList(Format format, const Json& list, const std::vector<Column>& columns,
                       const std::vector<Column>& facts = {});

// The rows of that table or CSV, the heading first, the total last; no facts, no paragraph.
std::vector<std::vector<std::string>> ListRows(const Json& list, const std::vector<Column>& columns,
                                               bool table);
// The field of `value` at a Column's path as a cell; empty when there is none.
std::string CellAt(const Json& value, const std::string& path, bool printable);

// One object. A table shows `field: value` lines, lists of objects as indented tables, and
// leaves out what is empty; CSV is one heading and one row of its plain fields.
std::string RenderObject(Format format, const Json& object);

// An Explanation; the table form is made for reading aloud at a service desk.
std::string RenderExplanation(Format format, const Json& explanation);

// Why somebody counts in the approval groups or not: an ExplainMemberResponse, likewise.
std::string RenderMemberExplanations(Format format, const Json& list);

// A SyncRun; the table form is a diff: `+` joins, `-` goes, with why and the path through the
// groups, and how many more there are than are listed.
std::string RenderSyncRun(Format format, const Json& run);

std::string RenderYaml(const Json& value);

// A value in one cell: lists joined with ", ", null and absent as "". For a table `printable`
// replaces control characters, so that text from a request cannot move an operator's cursor.
std::string CellText(const Json& value, bool printable);

}  // namespace muster::cli
