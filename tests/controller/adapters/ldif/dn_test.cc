#include "controller/adapters/ldif/dn.h"

#include <gtest/gtest.h>

#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

TEST(NormalizeDn, SameDnsAreEqual) {
  const std::pair<const char*, const char*> kCases[] = {
      {"cn=a,dc=b", "cn=a,dc=b"},
      {"CN=A,DC=B", "cn=a,dc=b"},
      {" cn = A , dc=b ", "cn=a,dc=b"},
      {"cn=a;dc=b", "cn=a,dc=b"},
      {"OID.2.5.4.3=a", "2.5.4.3=a"},
      {"oid.oid.a=a", "oid.oid.a=a"},
      {"cn=Two  Words,dc=b", "cn=two words,dc=b"},
      {"cn=Smith\\, John,dc=b", "cn=smith\\, john,dc=b"},
      {"cn=Smith\\2C John,dc=b", "cn=smith\\, john,dc=b"},
      {"cn=\"Smith, John\",dc=b", "cn=smith\\, john,dc=b"},
      {"cn=\\ a\\ ,dc=b", "cn=a,dc=b"},
      {"cn=\\C3\\89,dc=b", "cn=\xC3\x89,dc=b"},
      {"cn=\xC3\x89,dc=b", "cn=\xC3\x89,dc=b"},
      {"cn=a=b,dc=c", "cn=a\\=b,dc=c"},
      {"cn=a\\3db,dc=c", "cn=a\\=b,dc=c"},
      {"cn=\\#a", "cn=\\#a"},
      {"cn=\\23a", "cn=\\#a"},
      {"cn=#0401AB , dc=b", "cn=#0401ab,dc=b"},
      {"uid=b+cn=a,dc=c", "cn=a+uid=b,dc=c"},
      {"cn=a\\+b", "cn=a\\+b"},
      {"cn=a\\0ab", "cn=a\\0ab"},
      {"cn=,dc=b", "cn=,dc=b"},
      {"cn=x\\\\,dc=b", "cn=x\\\\,dc=b"},
  };
  for (const auto& [dn, want] : kCases) {
    const absl::StatusOr<std::string> got = NormalizeDn(dn);
    ASSERT_TRUE(got.ok()) << dn << ": " << got.status();
    EXPECT_EQ(*got, want) << dn;
    EXPECT_EQ(NormalizeDn(*got).value(), want) << "once more: " << dn;
  }
}

TEST(NormalizeDn, RefusesWhatIsNoDn) {
  for (const char* dn : {"", "  ", "a", "cn=a,", "=a", "cn=a,b", "c n=a", "cn=a\\", "cn=a\\4",
                         "cn=a\\4x", "cn=\"a", "cn=\"a\"b", "cn=a\"b", "cn=#", "cn=#1", "cn=#12x",
                         "cn=a,,dc=b", "cn=a++uid=b", "cn=\\\xC3"}) {
    EXPECT_EQ(NormalizeDn(dn).status().code(), absl::StatusCode::kInvalidArgument) << dn;
  }
}

TEST(Guid, Text) {
  const std::string guid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
  EXPECT_EQ(ParseGuidText("3F2504E0-4F89-11D3-9A0C-0305E82C3301"), guid);
  EXPECT_EQ(ParseGuidText("{3f2504e0-4f89-11d3-9a0c-0305e82c3301}"), guid);
  for (const char* bad :
       {"", "3f2504e04f8911d39a0c0305e82c3301", "cn=a,dc=b",
        "{3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3f2504e0-4f89-11d3-9a0c-0305e82c330g",
        "3f2504e0-4f89-11d3-9a0c00305e82c3301"}) {
    EXPECT_EQ(ParseGuidText(bad), std::nullopt) << bad;
  }
}

TEST(Guid, ActiveDirectoryBytes) {
  const std::string bytes("\xE0\x04\x25\x3F\x89\x4F\xD3\x11\x9A\x0C\x03\x05\xE8\x2C\x33\x01", 16);
  EXPECT_EQ(GuidFromAdBytes(bytes), "3f2504e0-4f89-11d3-9a0c-0305e82c3301");
  EXPECT_EQ(GuidToAdBytes("3f2504e0-4f89-11d3-9a0c-0305e82c3301"), bytes);
  EXPECT_EQ(GuidFromAdBytes("short"), std::nullopt);
}

TEST(Guid, FromNameIsStableAndOfItsKind) {
  const std::string guid = GuidFromName("cn=wa-approved,dc=test");
  EXPECT_EQ(guid, GuidFromName("cn=wa-approved,dc=test"));
  EXPECT_NE(guid, GuidFromName("cn=wa-approved,dc=tess"));
  EXPECT_EQ(ParseGuidText(guid), guid);
  EXPECT_EQ(guid[14], '8');
  EXPECT_TRUE(guid[19] == '8' || guid[19] == '9' || guid[19] == 'a' || guid[19] == 'b') << guid;
}

}  // namespace
}  // namespace muster
