// The LDAP adapter against a real Samba domain.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/adapters/ldap/ldap_directory.h"
#include "tests/integration/samba_domain.h"

namespace muster {

using Names = std::set<std::string>;

class SambaTest : public ::testing::Test {
 protected:
  void StartDomain(const SambaDomain::Options& options = {}) {
    absl::StatusOr<std::unique_ptr<SambaDomain>> domain = SambaDomain::Start(options);
    ASSERT_TRUE(domain.ok()) << domain.status();
    domain_ = *std::move(domain);
  }

  LdapOptions Options(const std::string& account, int controller = 1) const {
    LdapOptions options;
    options.uris = {absl::StrCat("ldaps://", SambaDomain::Host(controller))};
    options.ca_file = domain_->ca_file();
    options.bind_dn = account + "@mdm.test";
    options.bind_password = domain_->Password(account);
    options.base_dn = SambaDomain::kBaseDn;
    options.timeout = absl::Seconds(20);
    options.attributes.capstone = "info";
    return options;
  }

  LdapOptions Kerberos(int controller = 1) const {
    LdapOptions options = Options("svc-sync", controller);
    options.uris = {absl::StrCat("ldap://", SambaDomain::Host(controller))};
    options.bind_dn = options.bind_password = options.ca_file = "";
    options.principal = "svc-sync@MDM.TEST";
    options.keytab_file = domain_->File("svc-sync.keytab");
    return options;
  }

  static std::unique_ptr<LdapDirectory> Open(const LdapOptions& options) {
    absl::StatusOr<std::unique_ptr<LdapDirectory>> directory = LdapDirectory::Open(options);
    EXPECT_TRUE(directory.ok()) << directory.status();
    return *std::move(directory);
  }

  DirectorySnapshotPtr Read(LdapDirectory* directory, ReadDepth depth,
                            const std::string& group = SambaDomain::kApproval) const {
    absl::StatusOr<DirectorySnapshotPtr> read = directory->Read({{"whatsapp", group}}, depth);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? *read : std::make_shared<const DirectorySnapshot>();
  }

  // Account names of the effective members.
  static Names Effective(const DirectorySnapshotPtr& snapshot) {
    const absl::StatusOr<EffectiveMembers> members =
        ComputeEffectiveMembers(*snapshot, absl::Now());
    EXPECT_TRUE(members.ok()) << members.status();
    Names out;
    if (!members.ok()) return {members.status().ToString()};
    for (const auto& [app, persons] : *members) {
      for (const auto& [id, via] : persons) out.insert(snapshot->persons.at(id).account_name());
    }
    return out;
  }

  // Everything a snapshot says, in words.
  static std::string Dump(const DirectorySnapshot& snapshot, bool with_persons) {
    std::string out;
    for (const auto& [app, group] : snapshot.approval) absl::StrAppend(&out, app, "=", group, "\n");
    for (const auto& [id, group] : snapshot.groups) {
      absl::StrAppend(&out, id, " ", group.name, "\n");
      for (const std::string& member : group.member_ids) absl::StrAppend(&out, "  ", member, "\n");
    }
    if (!with_persons) return out;
    for (const auto& [id, person] : snapshot.persons) {
      absl::StrAppend(&out, person.ShortDebugString(), "\n");
    }
    return out;
  }

  absl::Status Modify(const std::string& dn, const std::string& change, int controller = 1) {
    return domain_->Modify(absl::StrCat("dn: ", dn, "\nchangetype: ", change, "\n"), controller);
  }
  absl::Status AddTo(const std::string& group, const std::string& member, int controller = 1) {
    return Modify(group, absl::StrCat("modify\nadd: member\nmember: ", member), controller);
  }
  absl::Status RemoveFrom(const std::string& group, const std::string& member, int controller = 1) {
    return Modify(group, absl::StrCat("modify\ndelete: member\nmember: ", member), controller);
  }
  absl::Status Set(const std::string& dn, const std::string& attribute, const std::string& value) {
    return Modify(dn, absl::StrCat("modify\nreplace: ", attribute, "\n",
                                   value.empty() ? "" : absl::StrCat(attribute, ": ", value)));
  }
  absl::Status Create(const std::string& name) {
    return Modify(PersonDn(name), absl::StrCat("add\nobjectClass: user\nsAMAccountName: ", name,
                                               "\nuserPrincipalName: ", name, "@mdm.test\nmail: ",
                                               name, "@mdm.test\nuserAccountControl: 544"));
  }
  static std::string PersonDn(const std::string& name) {
    return absl::StrCat("CN=", name, ",", SambaDomain::kPeople);
  }
  static std::string GroupDn(const std::string& name) {
    return absl::StrCat("CN=", name, ",", SambaDomain::kGroups);
  }

  std::unique_ptr<SambaDomain> domain_;
};

}  // namespace muster
