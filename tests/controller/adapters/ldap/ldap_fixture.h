// A small directory on a real slapd, for the tests of the LDAP adapter.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/adapters/ldap/ldap_directory.h"
#include "tests/integration/slapd.h"

namespace muster {

inline constexpr char kApproval[] = "cn=wa-approved,ou=groups,dc=mdm,dc=test";
inline constexpr char kApprovalId[] = "6f000000-0000-4000-8000-000000000001";
inline constexpr char kNestedId[] = "6f000000-0000-4000-8000-000000000002";

inline std::string PersonId(int n) { return absl::StrFormat("a0000000-0000-4000-8000-%012d", n); }
inline std::string PersonDn(int n) { return absl::StrCat("uid=u", n, ",ou=people,dc=mdm,dc=test"); }

inline std::string Person(int n, const std::string& more = "") {
  return absl::StrCat("dn: ", PersonDn(n), "\nobjectClass: inetOrgPerson\n",
                      more.empty() ? "" : "objectClass: extensibleObject\n", "uid: u", n,
                      "\ncn: User ", n, "\nsn: ", n, "\nmail: u", n,
                      "@mdm.test\nentryUUID: ", PersonId(n), "\n", more, "\n");
}

inline std::string Group(const std::string& cn, const std::string& id,
                         const std::vector<std::string>& members) {
  std::string out =
      absl::StrCat("dn: cn=", cn, ",ou=groups,dc=mdm,dc=test\nobjectClass: groupOfNames\ncn: ", cn,
                   "\nentryUUID: ", id, "\n");
  for (const std::string& member : members) absl::StrAppend(&out, "member: ", member, "\n");
  return out + "\n";
}

// Two levels that form a cycle, a disabled and an expired account, a member that does not exist.
inline std::string SmallDirectory() {
  return absl::StrCat(
      Person(1), Person(2), Person(3, "userAccountControl: 514\n"),
      Person(4, "accountExpires: 133485408000000000\n"), Person(5),
      Group("wa-approved", kApprovalId,
            {PersonDn(1), "cn=nested,ou=groups,dc=mdm,dc=test", "cn=nobody,dc=mdm,dc=test"}),
      Group("nested", kNestedId,
            {"UID=u2, OU=people,dc=mdm,dc=test", PersonDn(3), PersonDn(4), kApproval}));
}

class LdapDirectoryTest : public ::testing::Test {
 protected:
  void Start(const std::string& ldif) {
    Slapd::Options options;
    options.ldif = ldif;
    Start(options);
  }
  void Start(const Slapd::Options& options) {
    absl::StatusOr<std::unique_ptr<Slapd>> server = Slapd::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    slapd_ = *std::move(server);
  }

  LdapOptions Options() const {
    LdapOptions options;
    options.uris = {slapd_->ldaps_uri()};
    options.ca_file = slapd_->ca_file();
    options.bind_dn = Slapd::kAdminDn;
    options.bind_password = Slapd::kPassword;
    options.base_dn = "ou=people,dc=mdm,dc=test";
    options.timeout = absl::Seconds(20);
    return options;
  }

  std::unique_ptr<LdapDirectory> Open(const LdapOptions& options) const {
    absl::StatusOr<std::unique_ptr<LdapDirectory>> directory = LdapDirectory::Open(options);
    EXPECT_TRUE(directory.ok()) << directory.status();
    return *std::move(directory);
  }

  std::set<std::string> MembersOf(LdapDirectory* directory, const std::string& group) const {
    const absl::StatusOr<DirectorySnapshotPtr> read =
        directory->Read({{"whatsapp", group}}, ReadDepth::kFull);
    EXPECT_TRUE(read.ok()) << read.status();
    if (!read.ok()) return {"error"};
    const std::vector<std::string>& ids =
        (*read)->groups.at((*read)->approval.at("whatsapp")).member_ids;
    return {ids.begin(), ids.end()};
  }

  std::unique_ptr<Slapd> slapd_;
};

}  // namespace muster
