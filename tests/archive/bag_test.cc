// The texts of a bag: what each line means, and what is refused.
#include "archive/bag.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"

namespace muster::archive {
namespace {

// "OK", the code of a bag's error, or the status.
template <typename T>
std::string CodeOf(const absl::StatusOr<T>& result) {
  if (result.ok()) return "OK";
  const std::string code = BagCodeOf(result.status());
  return code.empty() ? result.status().ToString() : code;
}

const std::string kMd5 = "8ad8757baa8564dc136c1e07507f4a98";

TEST(BagDeclaration, IsTwoLinesAndNothingElse) {
  const struct {
    const char* text;
    const char* want;
  } kCases[] = {
      {"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "OK"},
      {"BagIt-Version: 0.93\r\nTag-File-Character-Encoding: utf-8", "OK"},
      {"BagIt-Version: 0.97  \rTag-File-Character-Encoding: UTF-16 \r", "OK"},
      {"BagIt-Version: 0.96\nTag-File-Character-Encoding: ISO-8859-1\n", "OK"},
      {"BagIt-Version: .97\nTag-File-Character-Encoding: UTF-8\n", "BAG_VERSION"},
      {"BagIt-Version: 1.1\nTag-File-Character-Encoding: UTF-8\n", "BAG_VERSION"},
      {"BagIt-Version: 0.92\nTag-File-Character-Encoding: UTF-8\n", "BAG_VERSION"},
      {"BagIt-Version: 01.0\nTag-File-Character-Encoding: UTF-8\n", "BAG_VERSION"},
      {"BagIt-Version:\nTag-File-Character-Encoding: UTF-8\n", "BAG_VERSION"},
      {"BagIt-Version: 1.0\n", "BAG_MALFORMED"},
      {"", "BAG_MALFORMED"},
      {"Tag-File-Character-Encoding: UTF-8\nBagIt-Version: 1.0\n", "BAG_MALFORMED"},
      {"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n\n", "BAG_MALFORMED"},
      {"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\nMore: x\n", "BAG_MALFORMED"},
      {"BagIt-Version: 1.0\nTag-File-Character-Encoding: EBCDIC\n", "BAG_MALFORMED"},
      {"\xEF\xBB\xBF"
       "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
       "BAG_MALFORMED"},
      {" BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "BAG_MALFORMED"},
  };
  for (const auto& c : kCases) EXPECT_EQ(CodeOf(ParseBagDeclaration(c.text)), c.want) << c.text;
  const auto ours = ParseBagDeclaration(FormatBagDeclaration());
  ASSERT_TRUE(ours.ok());
  EXPECT_EQ(ours->version, "1.0");
  EXPECT_EQ(ours->encoding, "UTF-8");
}

TEST(TagText, IsUtf8WhateverItWas) {
  const struct {
    std::string bytes, encoding, want;
  } kCases[] = {
      {"a\xC3\xA9", "UTF-8", "a\xC3\xA9"},
      {"a\xE9", "ISO-8859-1", "a\xC3\xA9"},
      {std::string("\xFF\xFE"
                   "a\0\xE9\0",
                   6),
       "UTF-16", "a\xC3\xA9"},
      {std::string("\xFE\xFF\0a\0\xE9", 6), "UTF-16", "a\xC3\xA9"},
      {std::string("\0a", 2), "UTF-16", "a"},
      {std::string("\xD8\x3D\xDE\x00", 4), "UTF-16", "\xF0\x9F\x98\x80"},
      {"a\xE9", "UTF-8", "BAG_MALFORMED"},
      {"\xED\xA0\x80", "UTF-8", "BAG_MALFORMED"},
      {"\xEF\xBB\xBF"
       "a",
       "UTF-8", "BAG_MALFORMED"},
      {std::string("a\0b", 3), "UTF-8", "BAG_MALFORMED"},
      {std::string("\0a\0", 3), "UTF-16", "BAG_MALFORMED"},
      {std::string("\xD8\x3D\0a", 4), "UTF-16", "BAG_MALFORMED"},
      {std::string(limits::kMaxTagFileBytes + 1, 'a'), "UTF-8", "BAG_OVERSIZE"},
  };
  for (const auto& c : kCases) {
    const auto got = TagText(c.bytes, c.encoding);
    EXPECT_EQ(got.ok() ? *got : CodeOf(got), c.want) << c.bytes.substr(0, 40);
  }
}

TEST(BagInfo, KeepsOrderRepeatsAndFoldedValues) {
  const auto info = ParseBagInfo(
      "Source: one\r\nSource:two\r\nTest-Tag    :   5 \nLong: first\n   second\n\tthird\rEmpty:\n"
      "Late:\n  value\n");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(*info, (BagInfo{{"Source", "one"},
                            {"Source", "two"},
                            {"Test-Tag", "5"},
                            {"Long", "first second third"},
                            {"Empty", ""},
                            {"Late", "value"}}));
  EXPECT_EQ(FindInfo(*info, "source"), "one");
  EXPECT_EQ(FindInfo(*info, "none"), "");
  EXPECT_EQ(CodeOf(ParseBagInfo("  folded: from nothing\n")), "BAG_MALFORMED");
  EXPECT_EQ(CodeOf(ParseBagInfo("no colon\n")), "BAG_MALFORMED");
  EXPECT_EQ(CodeOf(ParseBagInfo(": no label\n")), "BAG_MALFORMED");
  std::string many;
  for (size_t i = 0; i <= limits::kMaxBagInfoFields; ++i) absl::StrAppend(&many, "a: b\n");
  EXPECT_EQ(CodeOf(ParseBagInfo(many)), "BAG_OVERSIZE");
}

TEST(BagInfo, WhatIsWrittenReadsBackAndNoLineIsLong) {
  std::string words;
  for (int i = 0; i < 60; ++i) absl::StrAppend(&words, i == 0 ? "" : " ", "word", i);
  const BagInfo kInfo = {{"Muster-Chat", words},
                         {"Twice", "a  b  c"},
                         {"Url", std::string(200, 'x')},
                         {"Then", absl::StrCat(std::string(90, 'y'), " z")},
                         {"None", ""}};
  const std::string text = FormatBagInfo(kInfo);
  const auto back = ParseBagInfo(text);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, kInfo);
  EXPECT_EQ(text.substr(0, 80).find('\n'), text.find('\n')) << "folded by column 79";
  EXPECT_EQ(FormatBagInfo(*back), text);
  // Nobody writes a label of their own into a chat's name.
  EXPECT_EQ(FormatBagInfo({{"Muster-Chat", " a\nMuster-Person: x\r\n"}}),
            "Muster-Chat: a Muster-Person: x\n");
}

TEST(PayloadOxum, IsTwoNumbers) {
  EXPECT_EQ(ParsePayloadOxum("260.5")->bytes, 260u);
  EXPECT_EQ(ParsePayloadOxum("260.5")->files, 5u);
  for (const char* bad : {"", "1", "1.", ".1", "1.2.3", "-1.2", "+1.2", "1.02", " 1.2", "1.2 ",
                          "99999999999999999999.1"}) {
    EXPECT_EQ(CodeOf(ParsePayloadOxum(bad)), "BAG_MALFORMED") << bad;
  }
}

TEST(Manifest, EachFormOfALine) {
  const struct {
    std::string line, path;  // path: the one file that it lists, or the code
  } kCases[] = {
      {kMd5 + "  data/a\n", "data/a"},
      {kMd5 + " data/a", "data/a"},
      {kMd5 + "\tdata/a\r\n", "data/a"},
      {kMd5 + " *data/a\r", "data/a"},
      {kMd5 + "  ./data/a\n", "data/a"},
      {kMd5 + "  data/a b \n", "data/a b "},
      {kMd5 + "  data/%7Ea\n", "data/%7Ea"},
      {kMd5 + "  data/%25a%0Ab%0dc\n", "data/%a\nb\rc"},
      {kMd5 + "  data/%2525\n", "data/%25"},
      {kMd5 + "  data/~a\n", "data/~a"},
      {"8AD8757BAA8564DC136C1E07507F4A98  data/a\n", "data/a"},
      {kMd5 + "\n", "BAG_MALFORMED"},
      {kMd5 + "  \n", "BAG_MALFORMED"},
      {kMd5 + "0  data/a\n", "BAG_MALFORMED"},
      {" " + kMd5 + "  data/a\n", "BAG_MALFORMED"},
      {"xad8757baa8564dc136c1e07507f4a98  data/a\n", "BAG_MALFORMED"},
      {"\xEF\xBB\xBF" + kMd5 + "  data/a\n", "BAG_MALFORMED"},
      {kMd5 + "  data/a\n" + kMd5 + "  data/a\n", "BAG_MALFORMED"},
      {kMd5 + "  data/a\n" + kMd5 + "  ./data/a\n", "BAG_MALFORMED"},
      {kMd5 + "  /tmp/a\n", "BAG_PATH"},
      {kMd5 + "  ~/a\n", "BAG_PATH"},
      {kMd5 + "  ~root/a\n", "BAG_PATH"},
      {kMd5 + "  ../a\n", "BAG_PATH"},
      {kMd5 + "  data/../../a\n", "BAG_PATH"},
      {kMd5 + "  data/..\n", "BAG_PATH"},
      {kMd5 + "  data/./a\n", "BAG_PATH"},
      {kMd5 + "  data//a\n", "BAG_PATH"},
      {kMd5 + "  data/\n", "BAG_PATH"},
      {kMd5 + "  ././data/a\n", "BAG_PATH"},
      {kMd5 + "  data\\..\\a\n", "BAG_PATH"},
      {kMd5 + "  data/" + std::string(limits::kMaxBagPathBytes, 'a') + "\n", "BAG_OVERSIZE"},
  };
  for (const auto& c : kCases) {
    const auto got = ParseManifest(c.line, 16);
    EXPECT_EQ(got.ok() && got->size() == 1 ? got->begin()->first : CodeOf(got), c.path) << c.line;
    if (got.ok()) {
      EXPECT_EQ(got->begin()->second, kMd5);
    }
  }
  EXPECT_EQ(CodeOf(ParseManifest(kMd5 + "  data/a\n", 32)), "BAG_MALFORMED");
  EXPECT_TRUE(ParseManifest("", 16)->empty());
}

TEST(Manifest, WhatIsWrittenReadsBack) {
  const Manifest kManifest = {{"data/100%", kMd5}, {"data/a\r\nb", kMd5}, {"data/%0A", kMd5}};
  EXPECT_EQ(FormatManifest(kManifest),
            kMd5 + "  data/%250A\n" + kMd5 + "  data/100%25\n" + kMd5 + "  data/a%0D%0Ab\n");
  EXPECT_EQ(*ParseManifest(FormatManifest(kManifest), 16), kManifest);
}

TEST(Manifest, IsBounded) {
  std::string text;
  for (size_t i = 0; i <= limits::kMaxBagFiles; ++i)
    absl::StrAppend(&text, kMd5, " data/", i, "\n");
  EXPECT_EQ(CodeOf(ParseManifest(text, 16)), "BAG_OVERSIZE");
}

TEST(FetchList, NamesPathsThatAreChecked) {
  EXPECT_EQ(*ParseFetchList("http://h/a%20b - data/a b\r\nhttp://h/c 12 data/c\n"),
            (std::vector<std::string>{"data/a b", "data/c"}));
  EXPECT_EQ(CodeOf(ParseFetchList("http://h/a -\n")), "BAG_MALFORMED");
  EXPECT_EQ(CodeOf(ParseFetchList("http://h/a - ../a\n")), "BAG_PATH");
  EXPECT_EQ(CodeOf(ParseFetchList("http://h/a - ~root/a\n")), "BAG_PATH");
}

TEST(PathIdentity, IsOneWhereCaseOrCompositionIsAllThatDiffers) {
  EXPECT_EQ(PathIdentity("data/A\xC3\x89"), PathIdentity("data/ae\xCC\x81"));
  EXPECT_EQ(PathIdentity("data/STRASSE"), PathIdentity("data/stra\xC3\x9F"
                                                       "e"));
  EXPECT_NE(PathIdentity("data/a"), PathIdentity("data/b"));
}

TEST(BagId, IsOneHarmlessName) {
  for (const char* good : {"a", "3f2b-01.bag_2", "A"}) EXPECT_TRUE(IsBagId(good)) << good;
  for (const char* bad : {"", ".", "..", ".a", "a/b", "a b", "~a", "a\n", "\xC3\xA9"}) {
    EXPECT_FALSE(IsBagId(bad)) << bad;
  }
  EXPECT_FALSE(IsBagId(std::string(limits::kMaxBagIdBytes + 1, 'a')));
}

TEST(BagCode, SurvivesItsStatus) {
  for (const BagCode code : {BagCode::kMalformed, BagCode::kVersion, BagCode::kPath,
                             BagCode::kIncomplete, BagCode::kChecksum, BagCode::kSize,
                             BagCode::kExport, BagCode::kOversize, BagCode::kFiled}) {
    EXPECT_EQ(BagCodeOf(BagError(code, "x")), BagCodeName(code));
  }
  EXPECT_EQ(BagCodeOf(absl::FailedPreconditionError("BAG_NONE: x")), "");
  EXPECT_EQ(BagCodeOf(absl::InternalError("BAG_PATH: x")), "");
}

TEST(Manifest, ANameThatBeginsOddlyIsReadAsItWasWritten) {
  const std::string checksum(64, 'a');
  for (const std::string path : {"  a", "\tb", "*c", "data/d", " *e"}) {
    const Manifest manifest = {{path, checksum}};
    EXPECT_EQ(*ParseManifest(FormatManifest(manifest), 32), manifest) << path;
  }
}

}  // namespace
}  // namespace muster::archive
