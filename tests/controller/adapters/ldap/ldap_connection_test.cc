#include "controller/adapters/ldap/ldap_connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/controller/adapters/ldap/ldap_fixture.h"

namespace muster {
namespace {

using LdapConnectionTest = LdapDirectoryTest;

// --- Connecting.

TEST_F(LdapConnectionTest, RefusesWhatIsNotProven) {
  Start(SmallDirectory());
  const auto with = [&](auto change) {
    LdapOptions options = Options();
    change(&options);
    return options;
  };
  const auto start_tls = [&](LdapOptions* o) {
    o->uris = {slapd_->ldap_uri()};
    o->start_tls = true;
  };
  std::ofstream(slapd_->folder() + "/empty.pem") << "\n";
  const struct {
    const char* what;
    LdapOptions options;
    absl::StatusCode code;
    std::string says;
  } kCases[] = {
      {"another CA, ldaps", with([&](auto* o) { o->ca_file = slapd_->other_ca_file(); }),
       absl::StatusCode::kUnavailable, "is its certificate issued by " + slapd_->other_ca_file()},
      {"another CA, StartTLS", with([&](auto* o) {
         start_tls(o);
         o->ca_file = slapd_->other_ca_file();
       }),
       absl::StatusCode::kUnavailable, "is its certificate issued by " + slapd_->other_ca_file()},
      {"the public CAs", with([&](auto* o) { o->ca_file = ""; }), absl::StatusCode::kUnavailable,
       "is its certificate issued by /etc/ssl/certs/ca-certificates.crt"},
      {"no CA file", with([&](auto* o) { o->ca_file = "/nonexistent/ca.pem"; }),
       absl::StatusCode::kFailedPrecondition, "CA file /nonexistent/ca.pem"},
      {"an empty CA file", with([&](auto* o) { o->ca_file = slapd_->folder() + "/empty.pem"; }),
       absl::StatusCode::kUnavailable, "certificate"},
      {"another name",
       with([&](auto* o) { o->uris = {absl::StrCat("ldaps://127.0.0.2:", slapd_->ldaps_port())}; }),
       absl::StatusCode::kUnavailable, "127.0.0.2"},
      {"localhost",
       with([&](auto* o) { o->uris = {absl::StrCat("ldaps://localhost:", slapd_->ldaps_port())}; }),
       absl::StatusCode::kUnavailable, "use 127.0.0.1 or that name"},
      {"StartTLS on the ldaps port", with([&](auto* o) {
         o->uris = {absl::StrCat("ldap://127.0.0.1:", slapd_->ldaps_port())};
         o->start_tls = true;
         o->timeout = absl::Milliseconds(500);
       }),
       absl::StatusCode::kUnavailable, "cannot open an encrypted connection"},
      {"wrong password", with([&](auto* o) { o->bind_password = "wrong horse"; }),
       absl::StatusCode::kUnauthenticated, "bind_dn and the password file"},
      {"wrong bind DN", with([&](auto* o) { o->bind_dn = "cn=nobody,dc=mdm,dc=test"; }),
       absl::StatusCode::kUnauthenticated, "cn=nobody,dc=mdm,dc=test"},
      {"nobody listens", with([&](auto* o) { o->uris = {"ldaps://127.0.0.1:1"}; }),
       absl::StatusCode::kUnavailable, "ldaps://127.0.0.1:1"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const absl::Status read =
        Open(c.options)->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).status();
    EXPECT_EQ(read.code(), c.code) << read;
    EXPECT_TRUE(absl::StrContains(read.message(), c.says)) << read;
    EXPECT_FALSE(absl::StrContains(read.message(), c.options.bind_password)) << read;
  }
}

TEST(LdapOptions, RefusesBeforeConnecting) {
  LdapOptions good;
  good.uris = {"ldaps://127.0.0.1:1"};
  good.bind_dn = "cn=a";
  good.bind_password = "secret";
  good.base_dn = "dc=b";
  LdapOptions kerberos = good;
  kerberos.uris = {"ldap://127.0.0.1:1", "ldap://127.0.0.2"};
  kerberos.bind_dn = kerberos.bind_password = "";
  kerberos.principal = "svc@A.TEST";
  kerberos.keytab_file = "keytab";
  EXPECT_TRUE(CheckLdapOptions(kerberos).ok()) << CheckLdapOptions(kerberos);
  LdapOptions domain = good;
  domain.uris = {};
  domain.domain = "a.test";
  EXPECT_TRUE(CheckLdapOptions(domain).ok()) << CheckLdapOptions(domain);
  EXPECT_TRUE(CheckLdapOptions(good).ok()) << CheckLdapOptions(good);
  const auto with = [&](auto change) {
    LdapOptions options = good;
    change(&options);
    return options;
  };
  const std::pair<LdapOptions, const char*> kCases[] = {
      {with([](auto* o) { o->uris = {"ldap://127.0.0.1:1"}; }), "StartTLS"},
      {with([](auto* o) { o->start_tls = true; }), "start_tls"},
      {with([](auto* o) { o->uris = {"ldapi:///"}; }), "ldaps://"},
      {with([](auto* o) { o->uris = {"ldaps://"}; }), "one server"},
      {with([](auto* o) { o->uris = {"ldaps://a ldap://b"}; }), "one server"},
      {with([](auto* o) { o->uris = {"ldaps://a,ldap://b"}; }), "one server"},
      {with([](auto* o) { o->uris = {"ldaps://a/dc=b??sub"}; }), "host and port"},
      {with([](auto* o) {
         o->uris = {"ldaps://a", "ldap://b"};
       }),
       "StartTLS"},
      {with([](auto* o) { o->uris = {}; }), "URIs or the domain"},
      {with([](auto* o) { o->domain = "a.test"; }), "URIs or the domain"},
      {with([](auto* o) { o->uris = std::vector<std::string>(33, "ldaps://a"); }), "at most 32"},
      {with([&](auto* o) { *o = kerberos, o->uris = {"ldaps://a"}; }), "inside TLS"},
      {with([&](auto* o) { *o = kerberos, o->start_tls = true; }), "switch start_tls off"},
      {with([&](auto* o) { *o = kerberos, o->principal = ""; }), "needs a principal"},
      {with([&](auto* o) { *o = kerberos, o->bind_dn = "cn=a"; }), "not both"},
      {with([](auto* o) { o->bind_dn = ""; }), "bind_dn"},
      {with([](auto* o) { o->bind_password = ""; }), "password"},
      {with([](auto* o) { o->base_dn = ""; }), "base_dn"},
      {with([](auto* o) { o->timeout = absl::ZeroDuration(); }), "timeout"},
      {with([](auto* o) { o->timeout = absl::Hours(1); }), "timeout"},
  };
  for (const auto& [options, says] : kCases) {
    const absl::Status status = LdapDirectory::Open(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), says)) << status;
  }
}

// A port that takes the connection and never says a word.
TEST_F(LdapConnectionTest, DoesNotWaitForEverForAMuteServer) {
  Start(SmallDirectory());
  const int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(mute, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(mute, 16), 0);
  ASSERT_EQ(getsockname(mute, reinterpret_cast<sockaddr*>(&address), &size), 0);
  for (const char* scheme : {"ldaps", "ldap"}) {
    LdapOptions options = Options();
    options.uris = {absl::StrCat(scheme, "://127.0.0.1:", ntohs(address.sin_port))};
    options.start_tls = options.uris.front()[4] == ':';
    options.timeout = absl::Milliseconds(300);
    const absl::Time before = absl::Now();
    const absl::Status read =
        Open(options)->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).status();
    EXPECT_EQ(read.code(), absl::StatusCode::kUnavailable) << read;
    EXPECT_LT(absl::Now() - before, absl::Seconds(15)) << scheme;
  }
  close(mute);
}

TEST_F(LdapConnectionTest, RecoversWhenTheServerComesBack) {
  Start(SmallDirectory());
  const std::unique_ptr<LdapDirectory> directory = Open(Options());
  ASSERT_TRUE(directory->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).ok());
  slapd_->Kill();
  for (int i = 0; i < 2; ++i) {
    const absl::Status down = directory->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).status();
    EXPECT_EQ(down.code(), absl::StatusCode::kUnavailable) << down;
    EXPECT_EQ(directory->AddMember(kApproval, PersonId(5)).code(), absl::StatusCode::kUnavailable);
  }
  ASSERT_TRUE(slapd_->Restart().ok());
  EXPECT_EQ(MembersOf(directory.get(), kNestedId),
            (std::set<std::string>{PersonId(2), PersonId(3), PersonId(4), kApprovalId}));
  // The kept connection is dead now, without anyone having noticed.
  ASSERT_TRUE(slapd_->Restart().ok());
  EXPECT_TRUE(directory->AddMember(kApproval, PersonId(5)).ok());
  slapd_->Kill();
  ASSERT_TRUE(slapd_->Restart().ok());
  const absl::Status back = directory->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).status();
  EXPECT_EQ(back, absl::OkStatus());
}

// Reads while the server is killed and started again: each is whole or an error.
TEST_F(LdapConnectionTest, NeverReturnsPartOfAReadWhenTheServerDies) {
  std::string ldif;
  std::vector<std::string> members;
  for (int n = 0; n < 5'000; ++n) {
    ldif += Person(n);
    members.push_back(PersonDn(n));
  }
  Start(ldif + Group("wa-approved", kApprovalId, members));
  const std::unique_ptr<LdapDirectory> directory = Open(Options());
  int whole = 0, refused = 0;
  for (int round = 0; round < 8; ++round) {
    std::thread killer([&] {
      absl::SleepFor(absl::Milliseconds(5 + 15 * round));
      slapd_->Kill();
    });
    for (bool ok = true; ok;) {
      const absl::StatusOr<DirectorySnapshotPtr> read =
          directory->Read({{"whatsapp", kApproval}}, ReadDepth::kFull);
      ok = read.ok();
      if (!ok) {
        ++refused;
        EXPECT_EQ(read.status().code(), absl::StatusCode::kUnavailable) << read.status();
        continue;
      }
      ++whole;
      ASSERT_EQ((*read)->persons.size(), 5'000u);
      ASSERT_EQ((*read)->groups.at(kApprovalId).member_ids.size(), 5'000u);
    }
    killer.join();
    ASSERT_TRUE(slapd_->Restart().ok());
  }
  EXPECT_EQ(refused, 8);
  EXPECT_TRUE(directory->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).ok());
}

}  // namespace
}  // namespace muster
