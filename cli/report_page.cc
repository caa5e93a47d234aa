#include "cli/report_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace muster::cli {
namespace {

constexpr char kStyle[] =
    "@page { size: landscape; margin: 15mm; }\n"
    "body { font: 11pt/1.4 sans-serif; color: #000; background: #fff; margin: 2em; }\n"
    "h1 { font-size: 16pt; margin: 0 0 .6em; }\n"
    "h2 { font-size: 12pt; margin: 1.4em 0 .3em; }\n"
    "dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; margin: 0 0 1em; "
    "}\n"
    "dt { font-weight: bold; }\n"
    "dd { margin: 0; }\n"
    "table { border-collapse: collapse; width: 100%; font-size: 9pt; }\n"
    "th, td { border: 1px solid #555; padding: .25em .4em; text-align: left;\n"
    "         vertical-align: top; overflow-wrap: anywhere; }\n"
    "thead { display: table-header-group; }\n"
    "th { background: #eee; }\n"
    "tr { break-inside: avoid; }\n"
    "tr.total td { font-weight: bold; border-top: 2px solid #000; }\n"
    ".unknown { border: 1px solid #000; padding: .6em .8em; break-inside: avoid; }\n"
    "@media print { body { margin: 0; } }\n";

constexpr std::pair<const char*, const char*> kLevels[] = {
    {"E0", "nothing is known"},
    {"E1", "the person says so"},
    {"E2", "an agent saw the export, hashed and read it"},
    {"E3", "the record repository holds it and signed a receipt that matches"},
};

std::string Row(const std::vector<std::string>& cells, absl::string_view tag,
                absl::string_view attributes) {
  std::string out = absl::StrCat("<tr", attributes, ">");
  for (const std::string& cell : cells) {
    absl::StrAppend(&out, "<", tag, ">", HtmlText(cell), "</", tag, ">");
  }
  return out + "</tr>\n";
}

std::string Table(const Json& list, const std::vector<Column>& columns) {
  const auto rows = ListRows(list, columns, /*table=*/true);
  if (rows.size() == 1) return "<p>None.</p>\n";
  std::string out = absl::StrCat("<table>\n<thead>\n", Row(rows[0], "th scope=\"col\"", ""),
                                 "</thead>\n<tbody>\n");
  out = absl::StrReplaceAll(out, {{"</th scope=\"col\">", "</th>"}});
  const bool has_total = list.contains("total");
  for (size_t i = 1; i < rows.size(); ++i) {
    const bool total = has_total && i + 1 == rows.size();
    absl::StrAppend(&out, Row(rows[i], "td", total ? " class=\"total\"" : ""));
  }
  return out + "</tbody>\n</table>\n";
}

std::string List(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string out = "<dl>\n";
  for (const auto& [name, value] : facts) {
    if (value.empty()) continue;
    absl::StrAppend(&out, "<dt>", HtmlText(name), "</dt><dd>", HtmlText(value), "</dd>\n");
  }
  return out + "</dl>\n";
}

}  // namespace

std::string HtmlText(const std::string& text) {
  std::string out = CellText(Json(text), /*printable=*/true);
  return absl::StrReplaceAll(
      out, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string RenderPage(const PageHead& head, const Json& list, const std::vector<Column>& columns) {
  const std::string title = HtmlText(head.title);
  std::string out = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n<title>",
      title, "</title>\n<style>\n", kStyle, "</style>\n</head>\n<body>\n<h1>", title, "</h1>\n");
  absl::StrAppend(&out, List(head.facts), Table(list, columns));
  absl::StrAppend(&out, "<h2>How sure a figure is</h2>\n",
                  List({std::begin(kLevels), std::end(kLevels)}));
  absl::StrAppend(&out, "<h2>What cannot be known</h2>\n<p class=\"unknown\">",
                  HtmlText(CellAt(list, "cannot_be_known", true)), "</p>\n</body>\n</html>\n");
  return out;
}

}  // namespace muster::cli
