#include "tests/integration/test_directory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "tests/integration/process.h"
#include "tests/integration/samba_domain.h"
#include "tests/integration/slapd.h"

namespace muster {
namespace {

constexpr char kPeopleBase[] = ",ou=people,dc=mdm,dc=test";
constexpr char kPlaceholder[] = "cn=placeholder,ou=groups,dc=mdm,dc=test";

// What the slapd fixture has already.
constexpr char kBase[] = R"(version: 1

dn: dc=mdm,dc=test
objectClass: dcObject
objectClass: organization
o: mdm
dc: mdm

dn: ou=people,dc=mdm,dc=test
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=mdm,dc=test
objectClass: organizationalUnit
ou: groups

)";

std::string Entries(const std::vector<TestPerson>& people, bool with_ids) {
  std::string out =
      absl::StrCat("dn: ", kPlaceholder, "\nobjectClass: applicationProcess\ncn: placeholder\n\n");
  int n = 0;
  const auto id = [&] {
    return with_ids ? absl::StrCat("entryUUID: 0a000000-0000-4000-8000-",
                                   absl::Dec(++n, absl::kZeroPad12), "\n")
                    : "";
  };
  for (const TestPerson& person : people) {
    absl::StrAppend(&out, "dn: ", DnOf(person.account), "\nobjectClass: inetOrgPerson\n", id(),
                    "uid: ", person.account, "\ncn: ", person.account,
                    "\nsn: Test\nmail: ", person.mail,
                    "\nuserPassword: ", PasswordOf(person.account), "\n\n");
  }
  for (const std::string group : {kChatGroup, kWhatsAppGroup, kToxGroup}) {
    const std::string cn = group.substr(3, group.find(',') - 3);
    absl::StrAppend(&out, "dn: ", group, "\nobjectClass: groupOfNames\n", id(), "cn: ", cn,
                    "\nmember: ", kPlaceholder, "\n\n");
  }
  for (const RoleGroup& group : RoleGroups()) {
    absl::StrAppend(&out, "dn: ", RoleGroupDn(group.role), "\nobjectClass: groupOfNames\n", id(),
                    "cn: role-", group.role, "\nmember: ", kPlaceholder, "\n");
    for (const std::string& account : group.accounts) {
      const bool known = std::any_of(people.begin(), people.end(), [&](const TestPerson& person) {
        return person.account == account;
      });
      if (known) absl::StrAppend(&out, "member: ", DnOf(account), "\n");
    }
    absl::StrAppend(&out, "\n");
  }
  return out;
}

// Of unfolded LDIF: the people among the members of one entry.
std::set<std::string> PeopleIn(absl::string_view entry) {
  std::set<std::string> out;
  for (absl::string_view line : absl::StrSplit(entry, '\n')) {
    if (!absl::ConsumePrefix(&line, "member: uid=")) continue;
    if (absl::ConsumeSuffix(&line, kPeopleBase)) out.insert(std::string(line));
  }
  return out;
}

class LdifTestDirectory final : public TestDirectory {
 public:
  explicit LdifTestDirectory(std::string file) : file_(std::move(file)) {}

  std::string Config() const override {
    return absl::StrCat("  kind: ldif\n  ldif_file: ", file_, "\n");
  }

  absl::StatusOr<std::set<std::string>> Members(const std::string& group) override {
    const std::string text = Text();
    MUSTER_ASSIGN_OR_RETURN(const auto at, Find(text, group));
    return PeopleIn(absl::string_view(text).substr(at.first, at.second - at.first));
  }

  absl::Status AddByHand(const std::string& group,
                         const std::vector<std::string>& accounts) override {
    std::string text = Text();
    MUSTER_ASSIGN_OR_RETURN(const auto at, Find(text, group));
    std::string lines;
    for (const std::string& account : accounts) {
      absl::StrAppend(&lines, "\nmember: ", DnOf(account));
    }
    return Write(text.insert(at.second, lines));
  }

  absl::Status RemoveByHand(const std::string& group,
                            const std::vector<std::string>& accounts) override {
    std::string text = Text();
    for (const std::string& account : accounts) {
      MUSTER_ASSIGN_OR_RETURN(const auto at, Find(text, group));
      const std::string line = absl::StrCat("\nmember: ", DnOf(account));
      const size_t found = text.find(line, at.first);
      if (found >= at.second) return absl::NotFoundError(account + " is not in " + group);
      text.erase(found, line.size());
    }
    return Write(text);
  }

  void Break() override {
    kept_ = ReadWhole(file_);
    WriteWhole(file_, "dn: dc=mdm,dc=test\nthis is not LDIF\n", 0600);
  }
  absl::Status Heal() override { return Write(kept_); }

 private:
  std::string Text() const { return absl::StrReplaceAll(ReadWhole(file_), {{"\n ", ""}}); }

  // Where the entry of `dn` begins and ends.
  static absl::StatusOr<std::pair<size_t, size_t>> Find(const std::string& text,
                                                        const std::string& dn) {
    const size_t start = text.find(absl::StrCat("dn: ", dn, "\n"));
    if (start == std::string::npos) return absl::NotFoundError("no entry " + dn);
    const size_t end = text.find("\n\n", start);
    return std::pair{start, end == std::string::npos ? text.size() - 1 : end};
  }

  absl::Status Write(const std::string& text) const {
    return WriteWhole(file_, text, 0600) ? absl::OkStatus()
                                         : absl::InternalError("cannot write " + file_);
  }

  const std::string file_;
  std::string kept_;
};

// LDIF that adds or deletes these accounts, by the DNs that `dn_of` gives them.
std::string MemberChange(const std::string& group, const std::vector<std::string>& accounts,
                         absl::string_view verb, std::string (*dn_of)(const std::string&)) {
  std::string ldif = absl::StrCat("dn: ", group, "\nchangetype: modify\n", verb, ": member\n");
  for (const std::string& account : accounts) {
    absl::StrAppend(&ldif, "member: ", dn_of(account), "\n");
  }
  return ldif;
}

class SlapdTestDirectory final : public TestDirectory {
 public:
  SlapdTestDirectory(std::unique_ptr<Slapd> slapd, bool start_tls)
      : slapd_(std::move(slapd)), start_tls_(start_tls) {}

  std::string Config() const override {
    return absl::StrCat(
        "  kind: ldap\n  ldap:\n    uri: ", start_tls_ ? slapd_->ldap_uri() : slapd_->ldaps_uri(),
        start_tls_ ? "\n    start_tls: true" : "", "\n    ca_file: ", slapd_->ca_file(),
        "\n    bind_dn: ", Slapd::kAdminDn, "\n    bind_password_file: ", slapd_->folder(),
        "/password\n    base_dn: ", Slapd::kBaseDn, "\n    timeout: 5s\n");
  }

  absl::StatusOr<std::set<std::string>> Members(const std::string& group) override {
    const CommandResult found =
        RunCommand({"ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", slapd_->ldap_uri(),
                    "-D", Slapd::kAdminDn, "-y", slapd_->folder() + "/password", "-b", group, "-s",
                    "base", "member"});
    if (found.exit_code != 0) return absl::UnavailableError(found.err);
    return PeopleIn(found.out);
  }

  absl::Status AddByHand(const std::string& group,
                         const std::vector<std::string>& accounts) override {
    return Change(group, accounts, "add");
  }
  absl::Status RemoveByHand(const std::string& group,
                            const std::vector<std::string>& accounts) override {
    return Change(group, accounts, "delete");
  }

  void Break() override { slapd_->Kill(); }
  absl::Status Heal() override { return slapd_->Restart(); }

 private:
  absl::Status Change(const std::string& group, const std::vector<std::string>& accounts,
                      absl::string_view verb) {
    return slapd_->Modify(MemberChange(group, accounts, verb, DnOf));
  }

  const std::unique_ptr<Slapd> slapd_;
  const bool start_tls_;
};

constexpr char kSambaPeople[] = ",OU=People,DC=mdm,DC=test";

std::string SambaDn(const std::string& account) {
  return absl::StrCat("CN=", account, kSambaPeople);
}

std::string SambaEntries(const std::vector<TestPerson>& people) {
  // The domain has a bob of its own.
  std::string out = absl::StrCat("dn: ", SambaDn("bob"), "\nchangetype: delete\n\n");
  for (const TestPerson& person : people) {
    absl::StrAppend(&out, "dn: ", SambaDn(person.account),
                    "\nchangetype: add\nobjectClass: user\nsAMAccountName: ", person.account,
                    "\nuserPrincipalName: ", person.mail, "\nmail: ", person.mail,
                    "\nuserAccountControl: 544\n\n");
  }
  const auto add_group = [&](const std::string& dn, const std::vector<std::string>& accounts) {
    const std::string cn = dn.substr(3, dn.find(',') - 3);
    absl::StrAppend(&out, "dn: ", dn, "\nchangetype: add\nobjectClass: group\nsAMAccountName: ", cn,
                    "\n");
    for (const std::string& account : accounts) {
      const bool known = std::any_of(people.begin(), people.end(), [&](const TestPerson& person) {
        return person.account == account;
      });
      if (known) absl::StrAppend(&out, "member: ", SambaDn(account), "\n");
    }
    absl::StrAppend(&out, "\n");
  };
  for (const char* group : {kChatGroup, kWhatsAppGroup, kToxGroup}) add_group(group, {});
  for (const RoleGroup& group : RoleGroups()) add_group(RoleGroupDn(group.role), group.accounts);
  return out;
}

// Passwords, and the delegated right: read and write of `member`, on the chat group alone.
std::string SambaRights(const std::vector<TestPerson>& people) {
  std::string out;
  for (const TestPerson& person : people) {
    absl::StrAppend(&out, "db.setpassword(\"(sAMAccountName=", person.account, ")\", \"",
                    PasswordOf(person.account), "\")\n");
  }
  absl::StrAppend(&out,
                  "found = db.search(\"DC=mdm,DC=test\", "
                  "expression=\"(sAMAccountName=svc-sync)\", attrs=[\"objectSid\"])\n"
                  "sid = db.schema_format_value(\"objectSid\", "
                  "found[0][\"objectSid\"][0]).decode()\n"
                  "acl.dacl_prepend_aces(\"",
                  kChatGroup, "\", f\"(OA;;RPWP;bf9679c0-0de6-11d0-a285-00aa003049e2;;{sid})\")\n");
  return out;
}

class SambaTestDirectory final : public TestDirectory {
 public:
  explicit SambaTestDirectory(std::unique_ptr<SambaDomain> domain) : domain_(std::move(domain)) {}

  std::string Config() const override {
    return absl::StrCat(
        "  kind: ldap\n  attributes:\n    capstone: info\n  ldap:\n    uri: ldaps://",
        SambaDomain::Host(1), "\n    ca_file: ", domain_->ca_file(),
        "\n    bind_dn: svc-sync@mdm.test\n    bind_password_file: ",
        domain_->PasswordFile("svc-sync"), "\n    base_dn: ", SambaDomain::kBaseDn,
        "\n    timeout: 10s\n");
  }
  absl::StatusOr<std::set<std::string>> Members(const std::string& group) override {
    std::set<std::string> out;
    for (absl::string_view dn : domain_->MembersOf(group)) {
      if (absl::ConsumePrefix(&dn, "CN=") && absl::ConsumeSuffix(&dn, kSambaPeople)) {
        out.emplace(dn);
      }
    }
    return out;
  }
  absl::Status AddByHand(const std::string& group,
                         const std::vector<std::string>& accounts) override {
    return Change(group, accounts, "add");
  }
  absl::Status RemoveByHand(const std::string& group,
                            const std::vector<std::string>& accounts) override {
    return Change(group, accounts, "delete");
  }
  absl::Status SetAttribute(const std::string& account, const std::string& name,
                            const std::string& value) override {
    return domain_->Modify(absl::StrCat("dn: ", SambaDn(account), "\nchangetype: modify\nreplace: ",
                                        name, "\n", name, ": ", value, "\n"));
  }
  void Break() override { domain_->StopController(1); }
  absl::Status Heal() override { return domain_->StartController(1); }

 private:
  absl::Status Change(const std::string& group, const std::vector<std::string>& accounts,
                      absl::string_view verb) {
    return domain_->Modify(MemberChange(group, accounts, verb, SambaDn));
  }
  const std::unique_ptr<SambaDomain> domain_;
};

}  // namespace

const std::vector<RoleGroup>& RoleGroups() {
  static const auto& kGroups = *new std::vector<RoleGroup>{
      {"service-desk", {"tsd"}},  {"soc-approver", {"soc", "soc2"}}, {"uem-admin", {"uem"}},
      {"trm-officer", {"admin"}}, {"records-officer", {"rim"}},      {"auditor", {"auditor"}},
      {"admin", {"admin"}},
  };
  return kGroups;
}

std::string RoleGroupDn(const std::string& role) {
  return absl::StrCat("cn=role-", role, ",ou=groups,dc=mdm,dc=test");
}

std::string RolesConfig() {
  std::string out = "  roles:\n";
  for (const RoleGroup& group : RoleGroups()) {
    absl::StrAppend(&out, "    ", group.role, ": ", RoleGroupDn(group.role), "\n");
  }
  return out;
}

std::string PasswordOf(const std::string& account) { return absl::StrCat("Pass-", account, "-1!"); }

std::string DnOf(const std::string& account) { return absl::StrCat("uid=", account, kPeopleBase); }

absl::StatusOr<std::unique_ptr<TestDirectory>> TestDirectory::Start(
    DirectoryKind kind, const std::string& folder, const std::vector<TestPerson>& people) {
  if (kind == DirectoryKind::kLdif) {
    const std::string file = folder + "/directory.ldif";
    if (!WriteWhole(file, kBase + Entries(people, true), 0600)) {
      return absl::InternalError("cannot write " + file);
    }
    return std::make_unique<LdifTestDirectory>(file);
  }
  if (kind == DirectoryKind::kSamba) {
    MUSTER_ASSIGN_OR_RETURN(std::unique_ptr<SambaDomain> domain, SambaDomain::Start({}));
    MUSTER_RETURN_IF_ERROR(domain->Modify(SambaEntries(people)));
    MUSTER_RETURN_IF_ERROR(domain->OnDatabase(SambaRights(people)));
    return std::make_unique<SambaTestDirectory>(std::move(domain));
  }
  Slapd::Options options;
  options.ldif = Entries(people, false);
  MUSTER_ASSIGN_OR_RETURN(std::unique_ptr<Slapd> slapd, Slapd::Start(options));
  return std::make_unique<SlapdTestDirectory>(std::move(slapd), kind == DirectoryKind::kStartTls);
}

}  // namespace muster
