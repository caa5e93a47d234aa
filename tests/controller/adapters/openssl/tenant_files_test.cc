#include "controller/adapters/openssl/tenant_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/checkpoint.h"
#include "common/limits.h"
#include "common/signed_doc.h"
#include "common/trust_root.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TenantOptions Options(const TempDir& dir) {
  return {.dir = dir.File("t"), .tenant = "agency", .server_names = {"localhost", "127.0.0.1"}};
}

// "role:threshold id id ..." of a root.
std::string RoleText(const v1::Root& root) {
  std::string out;
  for (const auto& role : root.roles()) {
    absl::StrAppend(&out, role.role(), ":", role.threshold());
    for (const std::string& id : role.key_ids()) absl::StrAppend(&out, " ", id);
    absl::StrAppend(&out, "\n");
  }
  return out;
}

std::string IdOf(const std::string& pub) { return TrustedKeyFromPem(*ReadFile(pub))->key_id(); }

TEST(InitTenant, MakesAWholeTenant) {
  TempDir dir;
  ASSERT_TRUE(InitTenant(Options(dir), kNow).ok());
  const std::string t = dir.File("t");
  const auto tenant = LoadTenant(t);
  ASSERT_TRUE(tenant.ok()) << tenant.status();
  EXPECT_EQ(tenant->name, "agency");
  ASSERT_TRUE(tenant->root.has_value());
  const auto root = VerifyRoot(*tenant->root, nullptr, "agency", {}, kNow);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(RoleText(root->payload()),
            absl::StrCat("root:2 ", IdOf(t + "/root-keys/root-1.pub"), " ",
                         IdOf(t + "/root-keys/root-2.pub"), " ", IdOf(t + "/root-keys/root-3.pub"),
                         "\npolicy:1 ", IdOf(t + "/keys/policy.pub"), "\nassignment:1 ",
                         IdOf(t + "/keys/assignment.pub"), "\nbeacon:1 ",
                         IdOf(t + "/keys/beacon.pub"), "\nlog:1 ", IdOf(t + "/keys/log.pub"),
                         "\nemergency:1 ", IdOf(t + "/root-keys/emergency.pub"), "\nrecords:1 ",
                         IdOf(t + "/root-keys/records.pub"), "\n"));
}

TEST(InitTenant, WithAnExternalRootMakesOnlyOnlineKeys) {
  TempDir dir;
  TenantOptions options = Options(dir);
  options.external_root = true;
  ASSERT_TRUE(InitTenant(options, kNow).ok());
  EXPECT_FALSE(std::filesystem::exists(dir.File("t/root-keys")));
  const auto tenant = LoadTenant(dir.File("t"));
  ASSERT_TRUE(tenant.ok()) << tenant.status();
  EXPECT_FALSE(tenant->root.has_value());
  const auto keys = LoadOnlineKeys(dir.File("t"));
  ASSERT_TRUE(keys.ok()) << keys.status();
  std::vector<std::string> ids;
  for (const PrivateKey& key : *keys) ids.push_back(key.key_id());
  EXPECT_EQ(ids, (std::vector<std::string>{
                     IdOf(dir.File("t/keys/assignment.pub")), IdOf(dir.File("t/keys/beacon.pub")),
                     IdOf(dir.File("t/keys/log.pub")), IdOf(dir.File("t/keys/policy.pub"))}));
}

TEST(InitTenant, TheAuditorsFileHasTheKeyOfTheRootInForceAlone) {
  TempDir dir;
  ASSERT_TRUE(InitTenant(Options(dir), kNow).ok());
  const std::string path = LogKeyPath(dir.File("t"));
  ASSERT_TRUE(KeepLogKey(dir.File("t"), "agency/audit+00000000+AAAA").ok());
  EXPECT_EQ(*ReadFile(path), "agency/audit+00000000+AAAA\n");
  ASSERT_TRUE(std::filesystem::remove(path));
  ASSERT_TRUE(KeepLogKey(dir.File("t"), "agency/audit+00000000+AAAA").ok());
  EXPECT_EQ(*ReadFile(path), "agency/audit+00000000+AAAA\n") << "one that was lost comes back";
  EXPECT_EQ(KeepLogKey(dir.File("none"), "x").code(), absl::StatusCode::kNotFound);
}

TEST(InitTenant, TheLogsKeyIsWrittenForAuditors) {
  for (const bool external : {false, true}) {
    TempDir dir;
    TenantOptions options = Options(dir);
    options.external_root = external;
    ASSERT_TRUE(InitTenant(options, kNow).ok());
    const std::string text = *ReadFile(LogKeyPath(dir.File("t")));
    ASSERT_EQ(text.back(), '\n');
    const auto key = NoteVerifier::FromText(text.substr(0, text.size() - 1));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->name(), "agency/audit");
    EXPECT_EQ(key->key().key_id(), IdOf(dir.File("t/keys/log.pub")));
    struct stat st;
    ASSERT_EQ(stat(LogKeyPath(dir.File("t")).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0644u);
    if (external) continue;
    // The root names the same key, and what it signs opens under the text.
    v1::Root root;
    ASSERT_TRUE(root.ParseFromString(LoadTenant(dir.File("t"))->root->payload()));
    const auto of_root = LogKeysOf(*Trust::FromRoot(root));
    ASSERT_EQ(of_root.size(), 1u);
    EXPECT_EQ(of_root[0].ToText() + "\n", text);
    const Checkpoint head = {"agency/audit", 0, Sha256("")};
    const auto note = SignCheckpoint(head, *ReadPrivateKey(dir.File("t/keys/log.key")));
    ASSERT_TRUE(note.ok()) << note.status();
    EXPECT_EQ(*OpenCheckpoint(*note, {*key}, "agency/audit"), head);
  }
}

TEST(InitTenant, PrivateKeysAreForTheOwnerAlone) {
  TempDir dir;
  ASSERT_TRUE(InitTenant(Options(dir), kNow).ok());
  int keys = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.File("t"))) {
    if (entry.path().extension() != ".key") continue;
    struct stat st;
    ASSERT_EQ(stat(entry.path().c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u) << entry.path();
    ++keys;
  }
  // 3 CAs, server, 3 root keys, emergency, records, policy, assignment, beacon, log.
  EXPECT_EQ(keys, 13);
}

TEST(InitTenant, Refusals) {
  TempDir dir;
  for (const char* name : {"", "Agency", "a/b", ".a", "-a", "a b"}) {
    TenantOptions options = Options(dir);
    options.tenant = name;
    EXPECT_EQ(InitTenant(options, kNow).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  ASSERT_TRUE(InitTenant(Options(dir), kNow).ok());
  EXPECT_EQ(InitTenant(Options(dir), kNow).code(), absl::StatusCode::kAlreadyExists);
  std::filesystem::remove(dir.File("t/tenant"));  // As a crash in the middle leaves it.
  EXPECT_EQ(InitTenant(Options(dir), kNow).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(LoadTenant(dir.File("t")).status().code(), absl::StatusCode::kNotFound);
}

TEST(LoadTenant, ADamagedRootIsNotAMissingOne) {
  TempDir dir;
  ASSERT_TRUE(InitTenant(Options(dir), kNow).ok());
  ASSERT_TRUE(WriteFileAtomically(dir.File("t/trust/root.pb"), "damaged", 0644).ok());
  EXPECT_EQ(LoadTenant(dir.File("t")).status().code(), absl::StatusCode::kDataLoss);
}

TEST(LoadOnlineKeys, AKeyThatOthersCanReadIsRefused) {
  TempDir dir;
  ASSERT_TRUE(InitTenant(Options(dir), kNow).ok());
  ASSERT_EQ(chmod(dir.File("t/keys/policy.key").c_str(), 0640), 0);
  const auto keys = LoadOnlineKeys(dir.File("t"));
  EXPECT_EQ(keys.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(keys.status().message().find("keys/policy.key"), std::string::npos);
}

TEST(LoadOnlineKeys, ANewKeyIsLaidBesideTheOldUpToABound) {
  TempDir dir;
  ASSERT_TRUE(InitTenant(Options(dir), kNow).ok());
  ASSERT_TRUE(NewKeyPair(dir.File("t/keys/policy-2")).ok());
  EXPECT_EQ(LoadOnlineKeys(dir.File("t"))->size(), 5u);
  for (size_t i = 5; i <= limits::kMaxKeyFiles; ++i) {
    ASSERT_TRUE(WriteFileAtomically(dir.File(absl::StrCat("t/keys/", i, ".key")), "", 0600).ok());
  }
  EXPECT_EQ(LoadOnlineKeys(dir.File("t")).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(LoadOnlineKeys(dir.File("none")).status().code(), absl::StatusCode::kUnavailable);
}

TEST(IssueOperator, ACertificateOfThisTenantAndAProfile) {
  TempDir dir;
  ASSERT_TRUE(InitTenant(Options(dir), kNow).ok());
  const auto profile = IssueOperator({.dir = dir.File("t"),
                                      .name = "soc",
                                      .upn = "soc@agency.test",
                                      .server = "localhost:7443",
                                      .out = ""},
                                     kNow);
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(*profile, dir.File("t/operators/soc.yaml"));
  const Tenant tenant = *LoadTenant(dir.File("t"));
  const X509Ptr cert = *CertificateFromPem(*ReadFile(dir.File("t/operators/soc.pem")));
  EXPECT_EQ(CertificateUris(cert),
            std::vector<std::string>{"muster://agency/operator/soc@agency.test"});
  std::string why;
  EXPECT_TRUE(VerifyClientCertificate(cert, tenant.operator_authority, kNow, &why)) << why;
  EXPECT_FALSE(VerifyClientCertificate(cert, tenant.device_authority, kNow, &why));
  EXPECT_FALSE(
      VerifyClientCertificate(cert, tenant.operator_authority, kNow + absl::Hours(24 * 366), &why));
  EXPECT_EQ(why, "certificate has expired");
  EXPECT_EQ(IssueOperator({dir.File("t"), "soc", "nobody", "", ""}, kNow).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(IssueOperator({dir.File("t"), "../soc", "a@b", "", ""}, kNow).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(DeviceAuthority, RefusesWhatIsNoRequest) {
  TempDir dir;
  ASSERT_TRUE(InitTenant(Options(dir), kNow).ok());
  Tenant tenant = *LoadTenant(dir.File("t"));
  const auto ca =
      NewDeviceAuthority("agency", tenant.device_authority, tenant.device_authority_key);
  for (const std::string& csr : {std::string(), std::string("garbage"), std::string(5000, '0')}) {
    EXPECT_EQ(ca->Issue(csr, "dev-1", kNow, kNow + absl::Hours(1)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Certificates, ACommaInANameIsNotASecondName) {
  const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
  const auto cert = MakeCertificate({.use = CertificateUse::kClient,
                                     .common_name = "x",
                                     .uris = {"muster://t/operator/a,URI:muster://t/operator/b"},
                                     .dns_names = {},
                                     .not_before = kNow,
                                     .not_after = kNow + absl::Hours(1)},
                                    key.spki(), nullptr, key);
  ASSERT_TRUE(cert.ok());
  EXPECT_EQ(CertificateUris(*cert).size(), 1u);
}

}  // namespace
}  // namespace muster
