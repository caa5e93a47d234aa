// One real change and one lost entry, together: what the random rounds seldom meet, because most
// of their faults lose so much that the removals are held. A removal is asked for again along the
// path and by the DN that the store knows, so both are changed here before the read loses an entry.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controller/adapters/ldap/ldap_directory.h"
#include "tests/controller/flow/world.h"
#include "tests/integration/ldap_proxy.h"

namespace muster {
namespace {

constexpr char kPeople[] = ",ou=people,dc=mdm,dc=test";
constexpr char kGroupsDn[] = ",ou=groups,dc=mdm,dc=test";
constexpr int kLastPerson = 20;

std::string Id(int n) { return absl::StrFormat("c0000000-0000-4000-8000-%012d", n); }
std::string Dn(int n) { return absl::StrCat("uid=p", n, kPeople); }
std::string GroupDn(const std::string& cn) { return absl::StrCat("cn=", cn, kGroupsDn); }

std::string PersonEntry(int n) {
  return absl::StrCat("dn: ", Dn(n), "\nobjectClass: inetOrgPerson\nuid: p", n, "\ncn: P", n,
                      "\nsn: P\nmail: p", n, "@mdm.test\nentryUUID: ", Id(n), "\n\n");
}
std::string GroupEntry(const std::string& cn, const std::vector<std::string>& members) {
  std::string out = absl::StrCat("dn: ", GroupDn(cn), "\nobjectClass: groupOfNames\ncn: ", cn,
                                 "\nmember: cn=nobody,dc=mdm,dc=test\n");
  for (const std::string& member : members) absl::StrAppend(&out, "member: ", member, "\n");
  return out + "\n";
}
std::string Value(const std::string& group, const char* change, const std::string& member) {
  return absl::StrCat("dn: ", GroupDn(group), "\nchangetype: modify\n", change,
                      ": member\nmember: ", member, "\n\n");
}

class SmallLosses : public World {
 protected:
  // Persons 1 to 19 are direct members, the last one through the group `a`. What comes last in
  // `ldif` is the last entry of every search.
  void Begin(const std::string& ldif) {
    settings_.groups = {{"whatsapp", GroupDn("wa")}};
    LoadCatalogue();
    Slapd::Options options;
    options.ldif = ldif;
    slapd_ = *Slapd::Start(options);
    proxy_ = *LdapProxy::Start(*slapd_, {});
    LdapOptions ldap;
    ldap.uris = {proxy_->uri()};
    ldap.ca_file = slapd_->ca_file();
    ldap.bind_dn = Slapd::kAdminDn;
    ldap.bind_password = Slapd::kPassword;
    ldap.base_dn = "ou=people,dc=mdm,dc=test";
    ldap_ = *LdapDirectory::Open(ldap);
    sync_ = std::make_unique<DirectorySync>(*services_, *ldap_);
    ASSERT_EQ(Read(), "");
    ASSERT_TRUE(Member(kLastPerson));
  }
  static std::string Persons(int first, int last) {
    std::string out;
    for (int n = first; n <= last; ++n) out += PersonEntry(n);
    return out;
  }
  static std::string Approval() {
    std::vector<std::string> members = {GroupDn("a"), GroupDn("b")};
    for (int n = 1; n < kLastPerson; ++n) members.push_back(Dn(n));
    return GroupEntry("wa", members);
  }
  // Empty, or why the read was refused or held.
  std::string Read() {
    const auto run = sync_->Run(MusterItself(), ReadDepth::kFull, false);
    return run.ok() ? run->detail() : run.status().ToString();
  }
  bool Member(int n) { return store_->Read()->Get(MemberKey("whatsapp", Id(n)))->has_value(); }
  // The page ends one entry early and looks like the last.
  void LoseTheLastEntry(int entries) { proxy_->SetFaults({{LdapFault::kPageCut, 0, entries - 1}}); }

  std::unique_ptr<Slapd> slapd_;
  std::unique_ptr<LdapProxy> proxy_;
  std::unique_ptr<LdapDirectory> ldap_;
  std::unique_ptr<DirectorySync> sync_;
};

// Two organizational units, the persons and three groups: what a full read searches for.
constexpr int kEntries = 2 + kLastPerson + 3;

TEST_F(SmallLosses, OfAnybodysEntryAlone) {
  ASSERT_NO_FATAL_FAILURE(Begin(Approval() + GroupEntry("a", {Dn(kLastPerson)}) +
                                GroupEntry("b", {}) + Persons(1, kLastPerson)));
  LoseTheLastEntry(kEntries);
  EXPECT_NE(Read(), "");
  EXPECT_EQ(proxy_->fired().at(LdapFault::kPageCut), 1);
  EXPECT_TRUE(Member(kLastPerson));
}

TEST_F(SmallLosses, OfTheGroupThatSomebodyMovedTo) {
  ASSERT_NO_FATAL_FAILURE(Begin(Persons(1, kLastPerson) + Approval() +
                                GroupEntry("a", {Dn(kLastPerson)}) + GroupEntry("b", {})));
  ASSERT_EQ(
      slapd_->Modify(Value("b", "add", Dn(kLastPerson)) + Value("a", "delete", Dn(kLastPerson))),
      absl::OkStatus());
  LoseTheLastEntry(kEntries);
  Read();
  EXPECT_EQ(proxy_->fired().at(LdapFault::kPageCut), 1);
  EXPECT_TRUE(Member(kLastPerson)) << "in by the group b, but out by the path that was stored";
}

TEST_F(SmallLosses, OfSomebodyWhoWasRenamed) {
  ASSERT_NO_FATAL_FAILURE(Begin(Approval() + GroupEntry("a", {Dn(kLastPerson)}) +
                                GroupEntry("b", {}) + Persons(1, kLastPerson)));
  const std::string renamed = absl::StrCat("uid=married", kPeople);
  ASSERT_EQ(slapd_->Modify(absl::StrCat("dn: ", Dn(kLastPerson),
                                        "\nchangetype: modrdn\nnewrdn: uid=married\n"
                                        "deleteoldrdn: 1\n\n") +
                           Value("a", "add", renamed) + Value("a", "delete", Dn(kLastPerson))),
            absl::OkStatus());
  LoseTheLastEntry(kEntries);
  Read();
  EXPECT_EQ(proxy_->fired().at(LdapFault::kPageCut), 1);
  EXPECT_TRUE(Member(kLastPerson)) << "in by the new name, but out by the one that was stored";
}

}  // namespace
}  // namespace muster
