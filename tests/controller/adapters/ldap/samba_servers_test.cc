// Signing in to a real domain controller, and changing to another one.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/controller/adapters/ldap/samba_fixture.h"

namespace muster {
namespace {

// --- Signing in.

TEST_F(SambaTest, SignsInByPasswordOverTlsAndByKerberos) {
  StartDomain();
  LdapOptions start_tls = Options("svc-sync");
  start_tls.uris = {"ldap://127.0.0.2"};
  start_tls.start_tls = true;
  const std::pair<LdapOptions, const char*> kCases[] = {
      {Options("svc-sync"), "password over TLS as svc-sync@mdm.test"},
      {start_tls, "password over TLS as svc-sync@mdm.test"},
      {Kerberos(), "Kerberos as svc-sync@MDM.TEST, signed and sealed"},
  };
  for (const auto& [options, signed_in] : kCases) {
    const std::unique_ptr<LdapDirectory> directory = Open(options);
    EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
    EXPECT_EQ(directory->reading().signed_in(), signed_in);
  }
}

TEST_F(SambaTest, FindsItsServersByDns) {
  StartDomain({.dns = true});
  LdapOptions by_password = Options("svc-sync"), by_kerberos = Kerberos(), elsewhere = by_password;
  by_password.uris = by_kerberos.uris = elsewhere.uris = {};
  by_password.domain = by_kerberos.domain = "mdm.test";
  elsewhere.domain = "other.test";
  const std::pair<LdapOptions, const char*> kCases[] = {
      {by_password, "ldaps://dc1.mdm.test"},
      {by_kerberos, "ldap://dc1.mdm.test:389"},
  };
  for (const auto& [options, server] : kCases) {
    const std::unique_ptr<LdapDirectory> directory = Open(options);
    EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
    EXPECT_EQ(directory->reading().server(), server);
    EXPECT_EQ(directory->source(), "ldap mdm.test");
  }
  const absl::Status none =
      Open(elsewhere)->Read({{"whatsapp", SambaDomain::kApproval}}, ReadDepth::kFull).status();
  EXPECT_EQ(none.code(), absl::StatusCode::kUnavailable) << none;
  EXPECT_TRUE(absl::StrContains(none.message(), "_ldap._tcp.other.test")) << none;
}

TEST_F(SambaTest, SaysWhyItMayNotSignIn) {
  StartDomain();
  LdapOptions wrong = Options("svc-sync"), unknown = wrong, disabled = Options("svc-disabled"),
              other_ca = wrong, no_key = Kerberos(), no_keytab = Kerberos();
  wrong.bind_password = "guess";
  unknown.bind_dn = "nobody@mdm.test";
  other_ca.ca_file = "/etc/ssl/certs/ca-certificates.crt";
  no_key.principal = "svc-plain@MDM.TEST";
  no_keytab.keytab_file = domain_->File("none.keytab");
  const struct {
    const char* what;
    LdapOptions options;
    absl::StatusCode code;
    std::vector<const char*> says;
  } kCases[] = {
      {"wrong password",
       wrong,
       absl::StatusCode::kUnauthenticated,
       {"the name or the password is wrong", "data 52e", "bind_dn and the password file"}},
      {"unknown account", unknown, absl::StatusCode::kUnauthenticated, {"nobody@mdm.test"}},
      {"disabled",
       disabled,
       absl::StatusCode::kUnauthenticated,
       {"the account is disabled", "data 533"}},
      {"another authority", other_ca, absl::StatusCode::kUnavailable, {"certificate"}},
      {"another's key", no_key, absl::StatusCode::kFailedPrecondition, {"svc-plain@MDM.TEST"}},
      {"no keytab", no_keytab, absl::StatusCode::kFailedPrecondition, {"none.keytab"}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const absl::Status read =
        Open(c.options)->Read({{"whatsapp", SambaDomain::kApproval}}, ReadDepth::kFull).status();
    EXPECT_EQ(read.code(), c.code) << read;
    for (const char* says : c.says) EXPECT_TRUE(absl::StrContains(read.message(), says)) << read;
    if (!c.options.bind_password.empty()) {
      EXPECT_FALSE(absl::StrContains(read.message(), c.options.bind_password)) << read;
    }
  }
}

TEST_F(SambaTest, SaysWhyKerberosRefuses) {
  StartDomain();
  const std::unique_ptr<LdapDirectory> kept = Open(Kerberos());
  EXPECT_EQ(Effective(Read(kept.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
  const auto expect = [&](absl::StatusCode code, absl::string_view says) {
    const absl::Status read =
        Open(Kerberos())->Read({{"whatsapp", SambaDomain::kApproval}}, ReadDepth::kFull).status();
    EXPECT_EQ(read.code(), code) << read;
    EXPECT_TRUE(absl::StrContains(read.message(), says)) << read;
  };
  const std::string account = "CN=svc-sync,OU=Services,DC=mdm,DC=test";
  ASSERT_EQ(Set(account, "userAccountControl", "514"), absl::OkStatus());
  expect(absl::StatusCode::kUnauthenticated, "is the account enabled");
  ASSERT_EQ(Set(account, "userAccountControl", "512"), absl::OkStatus());
  expect(absl::StatusCode::kOk, "");
  ASSERT_EQ(domain_->OnDatabase("db.setpassword('(sAMAccountName=svc-sync)', 'N3w-Passw0rd!1')"),
            absl::OkStatus());
  expect(absl::StatusCode::kUnauthenticated, "is the keytab newer");
  domain_->StopController(1);
  expect(absl::StatusCode::kUnavailable, "127.0.0.2");
}

// Our own check comes first; behind it the server refuses too.
TEST_F(SambaTest, ClearTextIsRefusedOnBothSides) {
  StartDomain();
  LdapOptions clear = Options("svc-sync");
  clear.uris = {"ldap://127.0.0.2"};
  EXPECT_EQ(LdapDirectory::Open(clear).status().code(), absl::StatusCode::kInvalidArgument);
  const CommandResult raw =
      RunCommand({"ldapsearch", "-x", "-H", "ldap://127.0.0.2", "-D", "svc-sync@mdm.test", "-y",
                  domain_->PasswordFile("svc-sync"), "-b", "DC=mdm,DC=test", "-s", "base"});
  EXPECT_EQ(raw.exit_code, 8) << raw;
  EXPECT_TRUE(absl::StrContains(raw.err, "Transport encryption required")) << raw;
}

// The stream of changes is refused in the middle; what the account may still do is enough.
TEST_F(SambaTest, ReadsOnWhenTheRightToReplicateIsTakenAway) {
  StartDomain();
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-sync"));
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
  EXPECT_EQ(directory->reading().notes_size(), 0);
  ASSERT_EQ(domain_->OnDatabase(R"py(
base = str(db.domain_dn())
found = db.search(base, expression="(sAMAccountName=svc-sync)", attrs=["objectSid"])
sid = db.schema_format_value("objectSid", found[0]["objectSid"][0]).decode()
right = f"(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;{sid})"
before = acl.get_sd_as_sddl(base)
assert right in before
acl.modify_sd_on_dn(base, before.replace(right, ""))
)py"),
            absl::OkStatus());
  ASSERT_EQ(RemoveFrom(SambaDomain::kApproval, PersonDn("ann")), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"bob"}));
  EXPECT_EQ(directory->reading().method(), "DirSync");
  EXPECT_EQ(directory->reading().notes_size(), 1);
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("cy")), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"bob", "cy"}));
}

// --- Several servers.

// The second controller is another copy of the database: other numbers, so everything is read.
TEST_F(SambaTest, ChangesToAControllerWithLowerNumbersAndBack) {
  StartDomain({.controllers = 2});
  const uint64_t first = std::stoull(domain_->Attribute("", "highestCommittedUSN", 1));
  const uint64_t second = std::stoull(domain_->Attribute("", "highestCommittedUSN", 2));
  EXPECT_LT(second, first);
  // What only one of them knows tells them apart.
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("cy"), 2), absl::OkStatus());
  LdapOptions both = Options("svc-sync");
  both.uris.push_back("ldaps://127.0.0.3");
  const std::unique_ptr<LdapDirectory> directory = Open(both);
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
  const std::string invocation = directory->reading().servers(0).invocation_id();

  domain_->StopController(1);
  const absl::Time before = absl::Now();
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"ann", "bob", "cy"}));
  v1::DirectoryReading reading = directory->reading();
  EXPECT_EQ(reading.server(), "ldaps://127.0.0.3");
  EXPECT_EQ(reading.servers(1).state(), "in use");
  EXPECT_NE(reading.servers(0).state(), "in use");
  EXPECT_NE(reading.servers(1).invocation_id(), invocation);
  EXPECT_GE(reading.last_full_at().seconds(), absl::ToUnixSeconds(before));
  ASSERT_EQ(RemoveFrom(SambaDomain::kApproval, PersonDn("ann"), 2), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"bob", "cy"}));

  // It stays while this one answers, and goes back when it does not.
  ASSERT_EQ(domain_->StartController(1), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"bob", "cy"}));
  domain_->StopController(2);
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"ann", "bob"}));
  EXPECT_EQ(directory->reading().server(), "ldaps://127.0.0.2");

  // A write goes where the read went.
  domain_->StopController(1);
  ASSERT_EQ(domain_->StartController(2), absl::OkStatus());
  LdapOptions writer = Options("svc-write");
  writer.uris = both.uris;
  EXPECT_EQ(Open(writer)->AddMember(SambaDomain::kApproval, domain_->GuidOf(PersonDn("dan"), 2)),
            absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"bob", "cy", "dan"}));

  domain_->StopController(2);
  const absl::Status down =
      directory->Read({{"whatsapp", SambaDomain::kApproval}}, ReadDepth::kChanges).status();
  EXPECT_EQ(down.code(), absl::StatusCode::kUnavailable) << down;
  EXPECT_TRUE(absl::StrContains(down.message(), "127.0.0.2")) << down;
  EXPECT_TRUE(absl::StrContains(down.message(), "127.0.0.3")) << down;
}

// Its tickets are no good for the other one.
TEST_F(SambaTest, ChangesTheControllerWithKerberosToo) {
  StartDomain({.controllers = 2});
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("cy"), 2), absl::OkStatus());
  LdapOptions both = Kerberos();
  both.uris.push_back("ldap://127.0.0.3");
  const std::unique_ptr<LdapDirectory> directory = Open(both);
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
  domain_->StopController(1);
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"ann", "bob", "cy"}));
  EXPECT_EQ(directory->reading().server(), "ldap://127.0.0.3");
}

// Takes connections and says nothing: in the middle of a kept one, and at the start of a new one.
TEST_F(SambaTest, LeavesAControllerThatHangs) {
  StartDomain({.controllers = 2});
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("cy"), 2), absl::OkStatus());
  LdapOptions both = Options("svc-sync");
  both.uris.push_back("ldaps://127.0.0.3");
  both.timeout = absl::Seconds(2);
  const std::unique_ptr<LdapDirectory> kept = Open(both), fresh = Open(both);
  EXPECT_EQ(Effective(Read(kept.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
  domain_->PauseController(1);
  for (LdapDirectory* directory : {kept.get(), fresh.get()}) {
    EXPECT_EQ(Effective(Read(directory, ReadDepth::kChanges)), (Names{"ann", "bob", "cy"}));
    EXPECT_EQ(directory->reading().server(), "ldaps://127.0.0.3");
  }
}

// A controller that was restored from a backup does not know where the cookie's numbers stand.
TEST_F(SambaTest, ACookieOfAnotherCopyIsNeverUsed) {
  StartDomain();
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-sync"));
  const std::string dc1 = domain_->File("dc1"), backup = domain_->File("backup");
  ASSERT_EQ(RunCommand({"cp", "-a", dc1, backup}).exit_code, 0);
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("cy")), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob", "cy"}));
  domain_->StopController(1);
  ASSERT_EQ(RunCommand({"rm", "-rf", dc1}).exit_code, 0);
  ASSERT_EQ(RunCommand({"mv", backup, dc1}).exit_code, 0);
  // As a restore does: the same name, another invocationId.
  ASSERT_EQ(domain_->OnDatabase(R"(
change = ldb.Message(ldb.Dn(db, db.get_dsServiceName()))
value = ndr_pack(misc.GUID(str(uuid.uuid4())))
change["invocationId"] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, "invocationId")
db.modify(change)
)"),
            absl::OkStatus());
  ASSERT_EQ(domain_->StartController(1), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"ann", "bob"}));
}

// A copy put back without telling anybody (a virtual machine's snapshot) has the same
// invocationId, and gives numbers to new changes that the cookie says are known.
class SambaRollback : public SambaTest {
 protected:
  void SetUp() override {
    StartDomain();
    ASSERT_NE(domain_, nullptr);
    directory_ = Open(Options("svc-sync"));
    const std::string dc1 = domain_->File("dc1"), backup = domain_->File("backup");
    domain_->StopController(1);
    ASSERT_EQ(RunCommand({"cp", "-a", dc1, backup}).exit_code, 0);
    ASSERT_EQ(domain_->StartController(1), absl::OkStatus());
    for (const char* office : {"1", "2", "3"}) {
      ASSERT_EQ(Set(PersonDn("dan"), "physicalDeliveryOfficeName", office), absl::OkStatus());
    }
    EXPECT_EQ(Effective(Read(directory_.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
    const std::string invocation = directory_->reading().servers(0).invocation_id();
    const uint64_t known = Usn();
    domain_->StopController(1);
    ASSERT_EQ(RunCommand({"rm", "-rf", dc1}).exit_code, 0);
    ASSERT_EQ(RunCommand({"mv", backup, dc1}).exit_code, 0);
    ASSERT_EQ(domain_->StartController(1), absl::OkStatus());
    ASSERT_EQ(RemoveFrom(SambaDomain::kApproval, PersonDn("ann")), absl::OkStatus());
    ASSERT_LT(Usn(), known);
    EXPECT_EQ(directory_->reading().servers(0).invocation_id(), invocation);
  }
  uint64_t Usn() { return std::stoull(domain_->Attribute("", "highestCommittedUSN")); }

  std::unique_ptr<LdapDirectory> directory_;
};

TEST_F(SambaRollback, IsReadAnew) {
  EXPECT_EQ(Effective(Read(directory_.get(), ReadDepth::kChanges)), (Names{"bob"}));
}

// Something other than a read finds the old connection closed and opens another one.
TEST_F(SambaRollback, IsReadAnewAfterAnotherOperation) {
  const PastMember cy = {domain_->GuidOf(PersonDn("cy")), PersonDn("cy"), {SambaDomain::kApproval}};
  EXPECT_EQ(directory_->ConfirmGone(cy), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory_.get(), ReadDepth::kChanges)), (Names{"bob"}));
}

}  // namespace
}  // namespace muster
