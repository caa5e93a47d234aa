#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/adapters/yaml/policy_loader.h"
#include "tests/controller/adapters/yaml/policy_issues.h"

namespace muster {
namespace {

TEST(ParseYaml, AcceptsWhatEditorsWrite) {
  const std::string app = GoodApp("x");
  EXPECT_EQ(AppIssues(absl::StrCat("\xEF\xBB\xBF", app)), Texts{});
  EXPECT_EQ(AppIssues(absl::StrReplaceAll(app, {{"\n", "\r\n"}})), Texts{});
  EXPECT_EQ(AppIssues(absl::StrCat("# comment\n---\n", app)), Texts{});
  EXPECT_EQ(AppIssues(absl::StrReplaceAll(app, {{"Name", "Z\xC3\xA4ngi \xE4\xBF\xA1"}})), Texts{});
  EXPECT_EQ(AppIssues(absl::StrReplaceAll(app, {{"Name", "'360'"}})), Texts{});
}

TEST(ParseYaml, RefusesWhatHidesMeaning) {
  const std::string tail = "identities: [{platform: linux, dpkg: xx, verified: unverified}]\n";
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"", {" the file is empty; write its keys or leave the file out"}},
      {"# only a comment\n", {" the file is empty; write its keys or leave the file out"}},
      {"- id\n", {"1:1: an app file must be a map (key: value lines), but is a list"}},
      {"text\n", {"1:1: an app file must be a map (key: value lines), but is a single value"}},
      {"id: x\nname: X\nid: y\n" + tail,
       {"3:1: key 'id' is already given in line 1; keep one of them"}},
      {"id: x\nname: &n X\n" + tail,
       {"2:7: anchor '&n' is not allowed; write the value out where it is used"}},
      {"id: x\nname: &n X\nnote: *n\n" + tail,
       {"2:7: anchor '&n' is not allowed; write the value out where it is used",
        "3:7: aliases (*name) are not allowed; write the value out"}},
      {"id: x\nname: !!str X\n" + tail,
       {"2:7: tag 'tag:yaml.org,2002:str' is not allowed; remove it"}},
      {"id: x\nname: X\nidentities: !mine [{platform: linux, dpkg: xx, verified: unverified}]\n",
       {"3:13: tag '!mine' is not allowed; remove it"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(AppIssues(c.text), c.want) << c.text;
}

TEST(ParseYaml, RefusesOtherStructure) {
  const std::string tail = "identities: [{platform: linux, dpkg: xx, verified: unverified}]\n";
  const std::string deep32 = absl::StrCat(std::string(31, '['), std::string(31, ']'));
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"id: x\n---\nid: x\n",
       {"2:1: a second YAML document or text after the end of the first starts here; keep one "
        "document per file"}},
      {"{id: x} more\n",
       {"1:9: a second YAML document or text after the end of the first starts here; keep one "
        "document per file"}},
      {"id: x\nname: X\n[a]: b\n" + tail, {"3:1: a key must be plain text, not a list or a map"}},
      {"id: x\nname: X\n? {a: b}\n: c\n" + tail,
       {"3:3: a key must be plain text, not a list or a map"}},
      {"id: x\nname: X\n~: b\n" + tail, {"3:1: a key is missing before ':'; write key: value"}},
      {"id: x\nname: X\n<<: {a: b}\n" + tail,
       {"3:1: unknown key '<<'; expected one of id, name, publisher, note, identities, web"}},
      {"id: x\nname: [X\n",
       {"3:1: not valid YAML: end of sequence flow not found; check indentation, colons and quotes "
        "here"}},
      {"id: x\n\tname: X\n",
       {"2:1: not valid YAML: illegal tab when looking for indentation; check indentation, colons "
        "and quotes here"}},
      {"id: *nowhere\n",
       {"1:5: not valid YAML: the referenced anchor is not defined; check indentation, colons and "
        "quotes here"}},
      {"id: x\nname: X\nnote: " + deep32 + "\n" + tail,
       {"3:7: 'note' must be text, but is a list"}},
      {"id: x\nname: X\nnote: [" + deep32 + "]\n" + tail,
       {"3:38: nested deeper than 32 levels; no file of Muster needs more than 4"}},
      {absl::StrCat("a: ", std::string(400, '['), std::string(400, ']'), "\n"),
       {"1:35: nested deeper than 32 levels; no file of Muster needs more than 4"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(AppIssues(c.text), c.want) << c.text;
}

TEST(ParseYaml, RefusesOtherCharacters) {
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"id: x\nname: \xC3\n", {"2:7: not valid UTF-8; save the file as UTF-8 text"}},
      {"id: x\nname: \xC0\x80\n", {"2:7: not valid UTF-8; save the file as UTF-8 text"}},
      {"id: x\nname: \xED\xA0\x80\n", {"2:7: not valid UTF-8; save the file as UTF-8 text"}},
      {std::string("id: x\nname: \0X\n", 15),
       {"2:7: control character U+0000 is not allowed; remove it"}},
      {"id: x\nname: a\x04\n", {"2:8: control character U+0004 is not allowed; remove it"}},
      {"id: x\rname: X\n", {"1:6: control character U+000d is not allowed; remove it"}},
      {"id: x\nname: a\xE2\x80\xAE\n",
       {"2:8: invisible character U+202e is not allowed; remove it"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(AppIssues(c.text), c.want) << c.text;
}

TEST(ParseYaml, AliasBombIsRefusedWithoutExpandingIt) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [");
    for (int j = 0; j < 9; ++j) absl::StrAppend(&bomb, j == 0 ? "*a" : ", *a", i - 1);
    absl::StrAppend(&bomb, "]\n");
  }
  EXPECT_EQ(AppIssues(bomb),
            (Texts{"1:5: anchor '&a0' is not allowed; write the value out where it is used",
                   "2:5: anchor '&a1' is not allowed; write the value out where it is used",
                   "2:10: aliases (*name) are not allowed; write the value out"}));
}

TEST(ParseYaml, LongForeignTextIsCutInMessages) {
  EXPECT_EQ(AppIssues(absl::StrCat("id: x\nname: X\n", std::string(500, 'k'), ": 1\n",
                                   "identities: [{platform: linux, dpkg: xx, verified: u}]\n")),
            Texts{absl::StrCat("3:1: unknown key '", std::string(64, 'k'),
                               "…'; expected one of id, name, publisher, note, identities, web")});
}

}  // namespace
}  // namespace muster
