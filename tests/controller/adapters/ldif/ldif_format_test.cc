#include "controller/adapters/ldif/ldif_format.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace muster {
namespace {

// "line dn|line name=value ..." per entry.
std::string Shown(const std::vector<LdifEntry>& entries) {
  std::string out;
  for (const LdifEntry& entry : entries) {
    absl::StrAppend(&out, "[", entry.line, " ", entry.dn);
    for (const LdifAttribute& attribute : entry.attributes) {
      absl::StrAppend(&out, "|", attribute.line, " ", attribute.name, "=", attribute.value);
    }
    absl::StrAppend(&out, "]");
  }
  return out;
}

TEST(ParseLdif, Reads) {
  const std::pair<std::string, std::string> kCases[] = {
      {"dn: cn=a\n", "[1 cn=a]"},
      {"version: 1\ndn: cn=a\ncn: a\n", "[2 cn=a|3 cn=a]"},
      {"version: 1\n\n\ndn: cn=a\n\n", "[4 cn=a]"},
      {"\xEF\xBB\xBFversion: 1\ndn: cn=a\n", "[2 cn=a]"},
      {"\n\n", ""},
      {"# only a comment\n", ""},
      {"dn: cn=a\n\ndn: cn=b\n", "[1 cn=a][3 cn=b]"},
      {"dn: cn=a\r\ncn: a\r\n\r\ndn: cn=b\r\n", "[1 cn=a|2 cn=a][4 cn=b]"},
      {"dn: cn=a,\n dc=b\ncn: lo\n n\n g\n", "[1 cn=a,dc=b|3 cn=long]"},
      {"dn: cn=a\ncn: x\n  y\n", "[1 cn=a|2 cn=x y]"},
      {"dn: cn=a\r\ncn: lo\r\n ng\r\n", "[1 cn=a|2 cn=long]"},
      {"dn:: Y249YQ==\ncn:: w4ljbGFpcg==\n",
       "[1 cn=a|2 cn=\xC3\x89"
       "clair]"},
      {"dn: cn=a\ncn:: w4lj\n bGFpcg==\n",
       "[1 cn=a|2 cn=\xC3\x89"
       "clair]"},
      {"dn: cn=a\ncn:\nsn:   b \n", "[1 cn=a|2 cn=|3 sn=b ]"},
      {"dn: cn=a\nCN;lang-en: a\n", "[1 cn=a|2 cn;lang-en=a]"},
      {"# head\n folded\ndn: cn=a\n# in\ncn: a\n", "[3 cn=a|5 cn=a]"},
      {"dn: cn=a\ncn: a:b #c\n", "[1 cn=a|2 cn=a:b #c]"},
      {"dn: cn=a\nversion: 2\n", "[1 cn=a|2 version=2]"},
      {"dn: cn=a\ncn: \xC3\x89\n", "[1 cn=a|2 cn=\xC3\x89]"},
      {"dn: \n", "[1 ]"},
  };
  for (const auto& [text, want] : kCases) {
    const absl::StatusOr<std::vector<LdifEntry>> got = ParseLdif(text);
    ASSERT_TRUE(got.ok()) << text << got.status();
    EXPECT_EQ(Shown(*got), want) << text;
  }
}

TEST(ParseLdif, RefusesWithTheLine) {
  const std::pair<std::string, std::string> kCases[] = {
      {"", "line 1: the file is empty"},
      {"dn: cn=a", "line 1: the file ends in the middle of a line"},
      {"dn: cn=a\ncn: a\nmember: cn=", "line 3: the file ends in the middle of a line"},
      {"version: 2\n", "line 1: only LDIF version 1 is known"},
      {"cn: a\n", "line 1: an entry must start with \"dn:\", not \"cn:\""},
      {"dn: cn=a\n\n\ncn: a\n", "line 4: an entry must start with \"dn:\""},
      {"dn: cn=a\ndn: cn=b\n", "line 2: a second \"dn:\" in the entry of line 1"},
      {"dn: cn=a\n \ndn: cn=b\n", "line 3: a second \"dn:\" in the entry of line 1"},
      {"dn: cn=a\n\n cn: b\n", "line 3: a continued line"},
      {" dn: cn=a\n", "line 1: a continued line"},
      {"dn: cn=a\nchangetype: delete\n", "line 2: this is a list of changes"},
      {"dn: cn=a\njpegPhoto:< file:///etc/passwd\n", "line 2: the value is a URL"},
      {"dn: cn=a\ncn:: !!!!\n", "line 2: the value after \"::\" is not base64"},
      {"dn: cn=a\ncn\n", "line 2: \"cn\" is not \"attribute: value\""},
      {"dn: cn=a\nc n: a\n", "line 2: \"c n: a\" is not \"attribute: value\""},
      {"dn: cn=a\n: a\n", "line 2: \": a\" is not \"attribute: value\""},
      {"dn: cn=a\n\tcn: a\n", "line 2: \"\\tcn: a\" is not \"attribute: value\""},
      {"dn: cn=a\n-\n", "line 2: \"-\" is not \"attribute: value\""},
      {std::string("dn: cn=a\ncn: a\0b\n", 17), "line 2: the value holds a NUL"},
      {"dn: cn=a\ncn: a\rb\n", "line 2: the value holds a NUL"},
      {"dn: cn=a\nmember;range=0-1499: cn=b\n", "line 2: member;range=0-1499 is one range"},
      {"dn: cn=a\n\nsearch: 2\nresult: 4 Size limit exceeded\n",
       "line 3: an entry must start with \"dn:\", not \"search:\""},
  };
  for (const auto& [text, want] : kCases) {
    const absl::Status status = ParseLdif(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_EQ(status.message().substr(0, want.size()), want) << text;
  }
}

// The bytes that a rewrite cuts out or inserts after.
TEST(ParseLdif, KnowsWhereEveryAttributeStands) {
  const std::string text = "dn: cn=a\nmember: x\n y\n# note\nmember: z\n\n";
  const std::vector<LdifEntry> entries = ParseLdif(text).value();
  ASSERT_EQ(entries.size(), 1u);
  ASSERT_EQ(entries[0].attributes.size(), 2u);
  const LdifAttribute& xy = entries[0].attributes[0];
  const LdifAttribute& z = entries[0].attributes[1];
  EXPECT_EQ(text.substr(xy.begin, xy.end - xy.begin), "member: x\n y\n");
  EXPECT_EQ(text.substr(z.begin, z.end - z.begin), "member: z\n");
  EXPECT_EQ(entries[0].end, z.end);
}

TEST(LdifLine, EncodesWhatIsNotSafe) {
  const std::pair<std::string, std::string> kCases[] = {
      {"cn=a,dc=b", "member: cn=a,dc=b\n"},
      {"", "member: \n"},
      {" a", "member:: IGE=\n"},
      {"a ", "member:: YSA=\n"},
      {":a", "member:: OmE=\n"},
      {"<a", "member:: PGE=\n"},
      {"\xC3\x89", "member:: w4k=\n"},
      {"a\nb", "member:: YQpi\n"},
  };
  for (const auto& [value, want] : kCases) {
    EXPECT_EQ(LdifLine("member", value, "\n"), want);
    const std::vector<LdifEntry> back = ParseLdif("dn: cn=a\n" + want).value();
    EXPECT_EQ(back[0].attributes[0].value, value);
  }
  EXPECT_EQ(LdifLine("member", "cn=a", "\r\n"), "member: cn=a\r\n");
}

}  // namespace
}  // namespace muster
