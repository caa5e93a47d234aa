#include "controller/adapters/yaml/server_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace muster {
namespace {

constexpr char kLdif[] =
    "data_dir: data\n"
    "directory:\n"
    "  kind: ldif\n"
    "  ldif_file: people.ldif\n";

constexpr char kLdap[] =
    "data_dir: /data\n"
    "directory:\n"
    "  kind: ldap\n"
    "  ldap:\n"
    "    uri: ldaps://dc1.example\n"
    "    base_dn: dc=example\n";

// Every field, in words, so that one comparison sees all of it.
std::string Dump(const ServerConfig& c) {
  const ServerConfig::Directory& d = c.directory;
  return absl::StrCat(
      "listen=", c.listen, " names=", absl::StrJoin(c.server_names, ","), " data=", c.data_dir,
      " ask=", c.how_to_ask, " sync=", absl::FormatDuration(c.sync_interval),
      " life=", absl::FormatDuration(c.certificate_life),
      " soak=", absl::FormatDuration(c.rollout_soak), " nacks=", c.rollout_max_nack_percent,
      " kind=", d.kind, " write_back=", d.write_back,
      " groups=", absl::StrJoin(d.groups, ",", absl::PairFormatter(":")), " ldif=", d.ldif_file,
      " attributes=", d.attributes.office, ",", d.attributes.manager, ",", d.attributes.capstone,
      " uri=", absl::StrJoin(d.ldap.uris, ","), " domain=", d.ldap.domain,
      " start_tls=", d.ldap.start_tls, " ca=", d.ldap.ca_file, " bind=", d.ldap.bind_dn,
      " password=", d.ldap.bind_password_file, " principal=", d.ldap.principal,
      " keytab=", d.ldap.keytab_file, " base=", d.ldap.base_dn,
      " timeout=", absl::FormatDuration(d.ldap.timeout));
}

std::string Parsed(const std::string& file, const std::string& text) {
  const absl::StatusOr<ServerConfig> config = ParseServerConfig(file, text);
  return config.ok() ? Dump(*config) : config.status().ToString();
}

TEST(ParseServerConfig, DefaultsAndPathsRelativeToTheFile) {
  const std::string want =
      "listen=127.0.0.1:7443 names= data=/etc/muster/data ask=Ask your service desk for this app; "
      "an approval opens it. sync=5s life=8760h soak=1m nacks=2 kind=ldif write_back=1 groups= "
      "ldif=/etc/muster/people.ldif "
      "attributes=physicalDeliveryOfficeName,manager, uri= domain= start_tls=0 ca= bind= password= "
      "principal= keytab= base= timeout=10s";
  EXPECT_EQ(Parsed("/etc/muster/musterd.yaml", kLdif), want);
  EXPECT_EQ(Parsed("musterd.yaml", kLdif), absl::StrReplaceAll(want, {{"/etc/muster/", ""}}));
}

TEST(ParseServerConfig, EveryField) {
  EXPECT_EQ(Parsed("/c/m.yaml",
                   "listen: '[::]:0'\n"
                   "server_names: [muster.example, 10.0.0.1, '::1']\n"
                   "data_dir: /var/lib/muster\n"
                   "how_to_ask: Call 4711.\n"
                   "sync_interval: 1m30s\n"
                   "device_certificate_life: 2160h\n"
                   "rollout: {soak: 30m, max_nack_percent: 0}\n"
                   "directory:\n"
                   "  kind: ldap\n"
                   "  write_back: false\n"
                   "  groups:\n"
                   "    whatsapp: cn=wa,dc=example\n"
                   "    signal: 0d6f7a7c-9d5b-4c5e-8f5a-0123456789AB\n"
                   "  ldap:\n"
                   "    uri: ldap://dc1.example:389/\n"
                   "    start_tls: true\n"
                   "    ca_file: ca.pem\n"
                   "    bind_dn: cn=muster,dc=example\n"
                   "    bind_password_file: pw\n"
                   "    base_dn: dc=example\n"
                   "    timeout: 2s\n"),
            "listen=[::]:0 names=muster.example,10.0.0.1,::1 data=/var/lib/muster ask=Call 4711. "
            "sync=1m30s life=2160h soak=30m nacks=0 kind=ldap write_back=0 "
            "groups=signal:0d6f7a7c-9d5b-4c5e-8f5a-0123456789AB,whatsapp:cn=wa,dc=example ldif= "
            "attributes=physicalDeliveryOfficeName,manager, uri=ldap://dc1.example:389/ domain= "
            "start_tls=1 ca=/c/ca.pem bind=cn=muster,dc=example password=/c/pw principal= keytab= "
            "base=dc=example timeout=2s");
}

TEST(ParseServerConfig, SeveralServersKerberosAndAttributes) {
  const std::string rest =
      "listen=127.0.0.1:7443 names= data=/data ask=Ask your service desk for this app; an approval "
      "opens it. sync=5s life=8760h soak=1m nacks=2 kind=ldap write_back=1 groups= ldif= ";
  EXPECT_EQ(
      Parsed("/c/m.yaml",
             "data_dir: /data\n"
             "directory:\n"
             "  kind: ldap\n"
             "  attributes: {office: l, manager: seeAlso, capstone: extensionAttribute5}\n"
             "  ldap:\n"
             "    uris: [ldap://dc1.example, 'ldap://10.0.0.2:389']\n"
             "    principal: svc-muster@EXAMPLE\n"
             "    keytab_file: muster.keytab\n"
             "    base_dn: dc=example\n"),
      rest +
          "attributes=l,seeAlso,extensionAttribute5 uri=ldap://dc1.example,ldap://10.0.0.2:389 "
          "domain= start_tls=0 ca= bind= password= principal=svc-muster@EXAMPLE "
          "keytab=/c/muster.keytab base=dc=example timeout=10s");
  EXPECT_EQ(
      Parsed("/c/m.yaml",
             absl::StrReplaceAll(kLdap, {{"uri: ldaps://dc1.example", "domain: agency.example"}})),
      rest +
          "attributes=physicalDeliveryOfficeName,manager, uri= domain=agency.example "
          "start_tls=0 ca= bind= password= principal= keytab= base=dc=example timeout=10s");
}

TEST(ParseServerConfig, CredentialsOfSystemd) {
  const std::string file = absl::StrCat(
      kLdap, "    bind_dn: cn=m\n    bind_password_file: $CREDENTIALS_DIRECTORY/ldap-password\n");
  const std::string want =
      "listen=127.0.0.1:7443 names= data=/data ask=Ask your service desk for this app; an approval "
      "opens it. sync=5s life=8760h soak=1m nacks=2 kind=ldap write_back=1 groups= ldif= "
      "attributes=physicalDeliveryOfficeName,manager, uri=ldaps://dc1.example domain= start_tls=0 "
      "ca= bind=cn=m password=/run/credentials/musterd.service/ldap-password principal= keytab= "
      "base=dc=example timeout=10s";
  setenv("CREDENTIALS_DIRECTORY", "/run/credentials/musterd.service", 1);
  EXPECT_EQ(Parsed("/c/m.yaml", file), want);
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(Parsed("/c/m.yaml", file),
            "INVALID_ARGUMENT: /c/m.yaml:8:25: systemd handed no credentials to musterd; add "
            "LoadCredential=ldap-password:FILE to its unit, or name a file here");
}

TEST(ParseServerConfig, Issues) {
  const std::string ldif = kLdif, ldap = kLdap;
  const std::string listen =
      " is not an address; write host:port, e.g. 0.0.0.0:7443 or \"[::]:7443\"";
  const std::string uri =
      " is not an LDAP address; write ldaps://host or ldap://host with start_tls: true";
  const auto with_uri = [&](const std::string& to) {
    return absl::StrReplaceAll(ldap, {{"ldaps://dc1.example", to}});
  };
  const struct {
    std::string text;
    std::vector<std::string> want;
  } kCases[] = {
      {"", {"m.yaml: the file is empty; write its keys or leave the file out"}},
      {"- a\n", {"m.yaml:1:1: the configuration must be a map (key: value lines), but is a list"}},
      {"listen: a:1\n",
       {"m.yaml:1:1: the configuration has no 'data_dir'; add data_dir: ...",
        "m.yaml:1:1: the configuration has no 'directory'; add directory: ..."}},
      {ldif + "lisen: a:1\n",
       {"m.yaml:5:1: unknown key 'lisen'; did you mean 'listen'? expected one of listen, "
        "server_names, data_dir, how_to_ask, sync_interval, device_certificate_life, rollout, "
        "directory, requests, operators, webhooks"}},
      {ldif + "data_dir: x\n",
       {"m.yaml:5:1: key 'data_dir' is already given in line 1; keep one of them"}},
      {ldif + "listen: 7443\n",
       {"m.yaml:5:9: 'listen' must be text, but '7443' is a number; put it in quotes"}},
      {ldif + "listen: localhost\n", {"m.yaml:5:9: 'listen' 'localhost'" + listen}},
      {ldif + "listen: a:65536\n", {"m.yaml:5:9: 'listen' 'a:65536'" + listen}},
      {ldif + "listen: a:-1\n", {"m.yaml:5:9: 'listen' 'a:-1'" + listen}},
      {ldif + "listen: ::1:7443\n", {"m.yaml:5:9: 'listen' '::1:7443'" + listen}},
      {ldif + "listen: 'a b:1'\n", {"m.yaml:5:9: 'listen' 'a b:1'" + listen}},
      {ldif + "server_names: [a, 'https://b', a]\n",
       {"m.yaml:5:19: server name 'https://b' is not a host name or an IP address; write it "
        "without scheme and port",
        "m.yaml:5:32: server name 'a' is listed twice; keep one"}},
      {ldif + "sync_interval: 60\n",
       {"m.yaml:5:16: 'sync_interval' must be a duration like 60s or 5m, not '60'"}},
      {ldif + "sync_interval: 0s\n",
       {"m.yaml:5:16: 'sync_interval' must be between 100ms and 24h, not '0s'"}},
      {ldif + "sync_interval: inf\n",
       {"m.yaml:5:16: 'sync_interval' must be between 100ms and 24h, not 'inf'"}},
      {ldif + "device_certificate_life: 9s\n",
       {"m.yaml:5:26: 'device_certificate_life' must be between 10s and 19800h, not '9s'"}},
      {ldif + "rollout: {soak: 1m, max_nack_percent: 101, waves: 3}\n",
       {"m.yaml:5:39: 'max_nack_percent' '101' is not a whole number from 0 to 100",
        "m.yaml:5:44: unknown key 'waves'; expected one of soak, max_nack_percent"}},
      {ldif + "  write_back: yes\n",
       {"m.yaml:5:15: 'write_back' must be true or false, not 'yes'"}},
      {ldif + "  write_back: 'true'\n",
       {"m.yaml:5:15: 'write_back' must be true or false, not 'true'"}},
      {ldif + "  groups: [a]\n",
       {"m.yaml:5:11: 'groups' must be a map (key: value lines), but is a list"}},
      {ldif + "  groups:\n    Whats App: cn=a\n",
       {"m.yaml:6:5: 'Whats App' is not an app id; use a-z, 0-9 and -"}},
      {ldif + "  groups:\n    a: WhatsApp users\n",
       {"m.yaml:6:8: group 'WhatsApp users' is neither a DN nor an objectGUID; write e.g. "
        "cn=app-users,ou=groups,dc=agency,dc=example"}},
      {ldif + "  groups:\n    a: cn=G,dc=x\n    b: CN=g,DC=x\n",
       {"m.yaml:7:8: this group is already the approval group of app 'a'; each app needs its own "
        "group"}},
      {"data_dir: x\ndirectory: {}\n", {"m.yaml:2:12: 'directory' has no 'kind'; add kind: ..."}},
      {"data_dir: x\ndirectory: {kind: nis}\n",
       {"m.yaml:2:19: unknown directory kind 'nis'; expected one of ldif, ldap"}},
      {"data_dir: x\ndirectory: {kind: ldif}\n",
       {"m.yaml:2:12: a directory of kind ldif has no 'ldif_file'; add ldif_file: ..."}},
      {"data_dir: x\ndirectory: {kind: ldap}\n",
       {"m.yaml:2:12: a directory of kind ldap has no 'ldap'; add ldap: ..."}},
      {ldap + "  ldif_file: x\n",
       {"m.yaml:7:3: 'ldif_file' has no effect with kind: ldap; remove it or change the kind"}},
      {"data_dir: x\ndirectory: {kind: ldap, ldap: {start_tls: true}}\n",
       {"m.yaml:2:31: 'ldap' has no 'base_dn'; add base_dn: ...",
        "m.yaml:2:31: 'ldap' has no 'uri'; add uri: ..."}},
      {with_uri("https://dc1"), {"m.yaml:5:10: 'uri' 'https://dc1'" + uri}},
      {with_uri("ldaps://"), {"m.yaml:5:10: 'uri' 'ldaps://'" + uri}},
      {with_uri("ldaps://dc1:x"), {"m.yaml:5:10: 'uri' 'ldaps://dc1:x'" + uri}},
      {with_uri("ldap://dc1"),
       {"m.yaml:5:10: ldap:// without start_tls sends the password and the members in clear; write "
        "ldaps:// or add start_tls: true"}},
      {ldap + "    start_tls: true\n",
       {"m.yaml:5:10: ldaps:// is TLS from the start; remove start_tls, or write ldap://"}},
      {ldap + "    bind_dn: cn=m\n",
       {"m.yaml:5:5: 'bind_dn' needs 'bind_password_file'; give both, or neither to bind "
        "anonymously"}},
      {ldap + "    bind_password_file: pw\n",
       {"m.yaml:5:5: 'bind_password_file' needs 'bind_dn'; give both, or neither to bind "
        "anonymously"}},
      {ldap + "    domain: agency.example\n",
       {"m.yaml:5:5: 'uri', 'uris' and 'domain' each say where the servers are; keep one"}},
      {absl::StrReplaceAll(ldap, {{"uri: ldaps://dc1.example", "domain: ldaps://a"}}),
       {"m.yaml:5:13: 'domain' 'ldaps://a' is not a DNS name; write e.g. agency.example"}},
      {absl::StrReplaceAll(ldap, {{"uri: ldaps://dc1.example", "uris: [ldaps://a, ldaps://a]"}}),
       {"m.yaml:5:23: 'ldaps://a' is listed twice; keep one"}},
      {ldap + "    keytab_file: k\n    principal: p\n",
       {"m.yaml:5:10: Kerberos signs and seals by itself, which is refused inside TLS; write "
        "ldap://"}},
      {absl::StrReplaceAll(ldap, {{"ldaps:", "ldap:"}}) + "    keytab_file: k\n",
       {"m.yaml:5:5: 'keytab_file' needs 'principal'; give both, or bind_dn with "
        "bind_password_file"}},
      {absl::StrReplaceAll(ldap, {{"  ldap:\n", "  attributes: {office: 'a b'}\n  ldap:\n"}}),
       {"m.yaml:4:24: 'office' 'a b' is not the name of an attribute; write e.g. "
        "extensionAttribute5"}},
      {ldap + "    password: x\n",
       {"m.yaml:7:5: unknown key 'password'; expected one of uri, uris, domain, start_tls, "
        "ca_file, bind_dn, "
        "bind_password_file, principal, keytab_file, base_dn, timeout"}},
      {ldap + "    timeout: 10m\n",
       {"m.yaml:7:14: 'timeout' must be between 100ms and 5m, not '10m'"}},
      {absl::StrReplaceAll(ldap, {{"dc=example", "example"}}),
       {"m.yaml:6:14: 'base_dn' 'example' is not a DN; write e.g. dc=agency,dc=example"}},
  };
  for (const auto& c : kCases) {
    const absl::StatusOr<ServerConfig> got = ParseServerConfig("m.yaml", c.text);
    EXPECT_EQ(got.status(), absl::InvalidArgumentError(absl::StrJoin(c.want, "\n"))) << c.text;
  }
}

TEST(ParseServerConfig, ClearTextIsForLoopbackOnly) {
  for (const std::string uri : {"ldap://127.0.0.1:389", "ldap://localhost", "ldap://[::1]:389"}) {
    EXPECT_TRUE(
        ParseServerConfig("m.yaml", absl::StrReplaceAll(kLdap, {{"ldaps://dc1.example", uri}}))
            .ok())
        << uri;
  }
  for (const std::string uri : {"ldap://127.example.org", "ldap://localhost.example.org"}) {
    EXPECT_FALSE(
        ParseServerConfig("m.yaml", absl::StrReplaceAll(kLdap, {{"ldaps://dc1.example", uri}}))
            .ok())
        << uri;
  }
}

TEST(ParseServerConfig, TheShippedSampleIsValid) {
  std::ifstream in(std::string(MUSTER_SOURCE_DIR) + "/deploy/config/musterd.yaml");
  ASSERT_TRUE(in.good());
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_EQ(Parsed("/etc/muster/musterd.yaml", text.str()),
            "listen=0.0.0.0:7443 names=muster.agency.example data=/var/lib/muster ask=Ask the "
            "service desk for an app approval and name the app and your device. sync=5s life=8760h "
            "soak=1m nacks=2 kind=ldap "
            "write_back=1 groups=whatsapp:cn=app-whatsapp,ou=groups,dc=agency,dc=example ldif= "
            "attributes=physicalDeliveryOfficeName,manager, uri=ldaps://dc1.agency.example "
            "domain= start_tls=0 ca=/etc/muster/directory-ca.pem "
            "bind=cn=muster,ou=services,dc=agency,dc=example password=/etc/muster/ldap-password "
            "principal= keytab= base=dc=agency,dc=example timeout=10s");
}

}  // namespace
}  // namespace muster
