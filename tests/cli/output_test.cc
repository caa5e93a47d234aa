#include "cli/output.h"

#include <gtest/gtest.h>

namespace muster::cli {
namespace {

const Json kGrants = Json::parse(R"({
  "items": [
    {"grant_id": "GRT-1", "state": "ACTIVE", "person": {"upn": "zoë@demo.test"}, "via": ["a", "b"]},
    {"grant_id": "GRT-22", "state": "REVOKED", "person": {"upn": "bob, \"b\""}, "via": []}
  ], "next_cursor": "c7"})");
const std::vector<Column> kColumns = {
    {"GRANT", "grant_id"}, {"PERSON", "person.upn"}, {"VIA", "via"}, {"NONE", "no.such"}};

TEST(RenderList, TableAlignsByCharactersAndSaysThatThereIsMore) {
  EXPECT_EQ(RenderList(Format::kTable, kGrants, kColumns),
            "GRANT   PERSON         VIA   NONE\n"
            "GRT-1   zoë@demo.test  a, b\n"
            "GRT-22  bob, \"b\"\n"
            "more: --cursor c7\n");
  EXPECT_EQ(RenderList(Format::kTable, Json::parse(R"({"items":[],"next_cursor":""})"), kColumns),
            "none\n");
}

TEST(RenderList, CsvQuotesAsRfc4180) {
  EXPECT_EQ(RenderList(Format::kCsv, kGrants, kColumns),
            "grant_id,person.upn,via,no.such\n"
            "GRT-1,zoë@demo.test,\"a, b\",\n"
            "GRT-22,\"bob, \"\"b\"\"\",,\n");
}

TEST(RenderList, JsonIsWholeAndIndented) {
  EXPECT_EQ(RenderList(Format::kJson, Json::parse(R"({"items":[{"a":1}],"next_cursor":""})"), {}),
            "{\n  \"items\": [\n    {\n      \"a\": 1\n    }\n  ],\n  \"next_cursor\": \"\"\n}\n");
}

TEST(RenderYaml, KeepsTypesApart) {
  const Json value = Json::parse(R"({
    "items": [{"id": "a", "num": 1, "list": ["x", "yes"]}, {"id": "1", "ok": true, "none": []}],
    "text": "a: b", "empty": "", "map": {"k y": {"deep": null}}})");
  EXPECT_EQ(RenderYaml(value),
            "items:\n"
            "  - id: a\n"
            "    num: 1\n"
            "    list:\n"
            "      - x\n"
            "      - \"yes\"\n"
            "  - id: \"1\"\n"
            "    ok: true\n"
            "    none: []\n"
            "text: \"a: b\"\n"
            "empty: \"\"\n"
            "map:\n"
            "  \"k y\":\n"
            "    deep: null\n");
  EXPECT_EQ(RenderYaml(Json::array()), "[]\n");
}

TEST(RenderObject, TableLeavesOutWhatIsEmptyAndIndentsLists) {
  const Json object = Json::parse(R"({
    "device_id": "d1", "mode": "", "hosts": ["a", "b"], "last": {"state": "APPLIED", "n": 0},
    "documents": [{"name": "root", "code": ""}, {"name": "cohort/linux", "code": ""}],
    "execs": []})");
  EXPECT_EQ(RenderObject(Format::kTable, object),
            "device_id:   d1\n"
            "hosts:       a, b\n"
            "last.state:  APPLIED\n"
            "last.n:      0\n"
            "documents:\n"
            "  name\n"
            "  root\n"
            "  cohort/linux\n");
}

TEST(RenderObject, CsvIsOneHeadingAndOneRow) {
  EXPECT_EQ(
      RenderObject(Format::kCsv, Json::parse(R"({"a":"x","n":2,"l":["p","q"],"o":[{"z":1}]})")),
      "a,n,l\nx,2,\"p, q\"\n");
}

TEST(RenderExplanation, TableReadsAsASentence) {
  const Json explanation = Json::parse(R"({
    "verdict": "BLOCK", "reason": "NO_GRANT", "chain": [
      {"condition": "TRM status is PROHIBITED", "holds": false, "detail": "RESTRICTED"},
      {"condition": "no live grant", "holds": true, "detail": ""}],
    "next_step": "File a request."})");
  EXPECT_EQ(RenderExplanation(Format::kTable, explanation),
            "verdict:  BLOCK\n"
            "reason:   NO_GRANT\n"
            "because:\n"
            "  no   TRM status is PROHIBITED  RESTRICTED\n"
            "  yes  no live grant\n"
            "next step: File a request.\n");
  EXPECT_EQ(RenderExplanation(Format::kJson, explanation),
            RenderObject(Format::kJson, explanation));
}

TEST(CellText, ControlCharactersNeverReachATerminal) {
  EXPECT_EQ(CellText(Json("a\x1b[2Jb\nc\x7f"), true), "a [2Jb c ");
  EXPECT_EQ(CellText(Json("a\nb"), false), "a\nb");
  // C1 controls (U+0080 to U+009F) move some terminals too.
  EXPECT_EQ(CellText(Json("a\xc2\x9b"
                          "2Jb"),
                     true),
            "a  2Jb");
  EXPECT_EQ(CellText(Json("\xc2\xa0\xc3\xa9"), true), "\xc2\xa0\xc3\xa9");
}

TEST(ParseFormat, KnowsFour) {
  EXPECT_EQ(ParseFormat("table"), Format::kTable);
  EXPECT_EQ(ParseFormat("json"), Format::kJson);
  EXPECT_EQ(ParseFormat("csv"), Format::kCsv);
  EXPECT_EQ(ParseFormat("yaml"), Format::kYaml);
  EXPECT_EQ(ParseFormat("JSON"), std::nullopt);
}

}  // namespace
}  // namespace muster::cli
