#include "cli/report_page.h"

#include <gtest/gtest.h>

namespace muster::cli {
namespace {

const Json kReport = Json::parse(R"({
  "items": [{"group": "<b>Field & \"co\"</b>", "chats": 3}], "total": {"group": "total", "chats": 3},
  "next_cursor": "", "cannot_be_known": "Nobody knows <all>."})");
const std::vector<Column> kColumns = {{"OFFICE", "group"}, {"CHATS", "chats"}};

TEST(RenderPage, HoldsEverythingAndEscapesIt) {
  const std::string page =
      RenderPage({.title = "A <report>", .facts = {{"Agency", "demo & co"}, {"Quarter", ""}}},
                 kReport, kColumns);
  const std::string body = page.substr(page.find("<body>"));
  EXPECT_EQ(body,
            "<body>\n<h1>A &lt;report&gt;</h1>\n"
            "<dl>\n<dt>Agency</dt><dd>demo &amp; co</dd>\n</dl>\n"
            "<table>\n<thead>\n"
            "<tr><th scope=\"col\">OFFICE</th><th scope=\"col\">CHATS</th></tr>\n"
            "</thead>\n<tbody>\n"
            "<tr><td>&lt;b&gt;Field &amp; &quot;co&quot;&lt;/b&gt;</td><td>3</td></tr>\n"
            "<tr class=\"total\"><td>total</td><td>3</td></tr>\n"
            "</tbody>\n</table>\n"
            "<h2>How sure a figure is</h2>\n<dl>\n"
            "<dt>E0</dt><dd>nothing is known</dd>\n"
            "<dt>E1</dt><dd>the person says so</dd>\n"
            "<dt>E2</dt><dd>an agent saw the export, hashed and read it</dd>\n"
            "<dt>E3</dt><dd>the record repository holds it and signed a receipt that matches</dd>\n"
            "</dl>\n"
            "<h2>What cannot be known</h2>\n"
            "<p class=\"unknown\">Nobody knows &lt;all&gt;.</p>\n</body>\n</html>\n");
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

TEST(RenderPage, SaysThatThereIsNothing) {
  const Json none = Json::parse(R"({"items": [], "total": {"group": "total"}})");
  EXPECT_NE(RenderPage({.title = "x", .facts = {}}, none, kColumns).find("<p>None.</p>"),
            std::string::npos);
}

TEST(HtmlText, LeavesNothingThatABrowserWouldRun) {
  EXPECT_EQ(HtmlText("<a href='x' onclick=\"y\">\x01&"),
            "&lt;a href=&#39;x&#39; onclick=&quot;y&quot;&gt; &amp;");
}

}  // namespace
}  // namespace muster::cli
