// A report as one HTML page that prints well. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/message_json.h"
#include "cli/output.h"

namespace muster::cli {

struct PageHead {
  std::string title;
  // What stands above the table, in order: {"Tenant", "demo"}. An empty value is left out.
  std::vector<std::pair<std::string, std::string>> facts;
};

// A whole document without scripts, links or anything from elsewhere; every value is escaped. The
// table has the columns and rows of RenderList(), below it stand the legend of evidence levels and
// the paragraph "cannot_be_known" of `list`. The same input gives the same bytes.
std::string RenderPage(const PageHead& head, const Json& list, const std::vector<Column>& columns);

// Text as content or attribute value of HTML: & < > " ' replaced; control characters become spaces.
std::string HtmlText(const std::string& text);

}  // namespace muster::cli
