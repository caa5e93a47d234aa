#include "controller/adapters/openssl/init_tenant.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/checkpoint.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"
#include "common/trust_root.h"
#include "controller/adapters/openssl/certificates.h"
#include "controller/adapters/openssl/key_files.h"
#include "controller/adapters/openssl/tenant_files.h"

namespace muster {
namespace {

constexpr absl::Duration kAuthorityLife = absl::Hours(24 * 3650);
constexpr absl::Duration kServerLife = absl::Hours(24 * 825);
constexpr int kRootKeys = 3;
constexpr uint32_t kRootThreshold = 2;
// Files, all of them. The log's key could not be anything else: it is Ed25519, as signed notes have
// it, and the PKCS#11 engine of Debian knows P-256 alone.
constexpr const char* kOnlineRoles[] = {"policy", "assignment", "beacon", kLogRole};

absl::StatusOr<PrivateKey> NewKeyFile(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::Generate(kEcdsaP256Sha256));
  MUSTER_RETURN_IF_ERROR(WritePrivateKey(path, key));
  return key;
}

struct Authority {
  X509Ptr certificate;
  PrivateKey key;
};

absl::StatusOr<Authority> NewAuthority(const std::string& dir, const std::string& tenant,
                                       const std::string& name, absl::Time now) {
  const std::string base = absl::StrCat(dir, "/pki/", name, "-ca");
  MUSTER_ASSIGN_OR_RETURN(PrivateKey key, NewKeyFile(base + ".key"));
  MUSTER_ASSIGN_OR_RETURN(
      X509Ptr cert,
      MakeCertificate({.use = CertificateUse::kAuthority,
                       .common_name = absl::StrCat("Muster ", tenant, " ", name, " CA"),
                       .uris = {},
                       .dns_names = {},
                       .not_before = now - absl::Minutes(5),
                       .not_after = now + kAuthorityLife},
                      key.spki(), nullptr, key));
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, CertificateToPem(cert));
  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(base + ".pem", pem, 0644));
  return Authority{std::move(cert), std::move(key)};
}

absl::Status NewServerCertificate(const TenantOptions& options, const Authority& authority,
                                  absl::Time now) {
  const std::string base = absl::StrCat(options.dir, "/pki/server");
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, NewKeyFile(base + ".key"));
  MUSTER_ASSIGN_OR_RETURN(
      const X509Ptr cert,
      MakeCertificate({.use = CertificateUse::kServer,
                       .common_name = absl::StrCat("Muster ", options.tenant, " controller"),
                       .uris = {},
                       .dns_names = options.server_names,
                       .not_before = now - absl::Minutes(5),
                       .not_after = now + kServerLife},
                      key.spki(), authority.certificate, authority.key));
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, CertificateToPem(cert));
  return WriteFileAtomically(base + ".pem", pem, 0644);
}

// A new key pair as a role's key.
absl::StatusOr<v1::TrustedKey> NewRoleKey(const std::string& base,
                                          absl::string_view algorithm = kEcdsaP256Sha256) {
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, NewKeyPair(base, algorithm));
  return TrustedKeyFromSpki(key.spki());
}

// What an auditor checks the log with, in the one line that such tools read.
absl::Status WriteLogKey(const TenantOptions& options, const v1::TrustedKey& key) {
  MUSTER_ASSIGN_OR_RETURN(const NoteVerifier verifier,
                          NoteVerifier::New(LogOrigin(options.tenant), key.spki()));
  return KeepLogKey(options.dir, verifier.ToText());
}

absl::StatusOr<std::vector<RoleKeys>> NewOnlineKeys(const TenantOptions& options) {
  std::vector<RoleKeys> roles;
  for (const std::string role : kOnlineRoles) {
    MUSTER_ASSIGN_OR_RETURN(v1::TrustedKey key,
                            NewRoleKey(absl::StrCat(options.dir, "/keys/", role),
                                       role == kLogRole ? kEd25519 : kEcdsaP256Sha256));
    if (role == kLogRole) MUSTER_RETURN_IF_ERROR(WriteLogKey(options, key));
    roles.push_back({.role = role, .keys = {std::move(key)}});
  }
  return roles;
}

// For small tenants and the demo: all keys are born on one machine, and the first root is signed
// here. What must be offline is in root-keys/.
absl::Status NewRoot(const TenantOptions& options, std::vector<RoleKeys> roles, absl::Time now) {
  const std::string folder = options.dir + "/root-keys";
  MUSTER_RETURN_IF_ERROR(MakeFolder(folder, 0700));
  for (const std::string role : {"emergency", "records"}) {
    MUSTER_ASSIGN_OR_RETURN(v1::TrustedKey key, NewRoleKey(absl::StrCat(folder, "/", role)));
    roles.push_back({.role = role, .keys = {std::move(key)}});
  }
  RoleKeys root_role{.role = "root", .keys = {}, .threshold = kRootThreshold};
  std::vector<PrivateKey> signers;
  for (int i = 1; i <= kRootKeys; ++i) {
    MUSTER_ASSIGN_OR_RETURN(PrivateKey key, NewKeyPair(absl::StrCat(folder, "/root-", i)));
    MUSTER_ASSIGN_OR_RETURN(v1::TrustedKey trusted, TrustedKeyFromSpki(key.spki()));
    root_role.keys.push_back(std::move(trusted));
    if (signers.size() < kRootThreshold) signers.push_back(std::move(key));
  }
  roles.insert(roles.begin(), std::move(root_role));
  MUSTER_ASSIGN_OR_RETURN(const v1::Root root, FirstRoot(options.tenant, roles, now));
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, MakeSignedDoc(root, signers));
  return WriteFileAtomically(options.dir + "/trust/root.pb", doc.SerializeAsString(), 0644);
}

}  // namespace

std::string LogKeyPath(const std::string& dir) { return dir + "/trust/audit-log.vkey"; }

absl::Status KeepLogKey(const std::string& dir, const std::string& key) {
  const absl::StatusOr<std::string> there = ReadFile(LogKeyPath(dir));
  if (there.ok() && *there == key + "\n") return absl::OkStatus();
  return WriteFileAtomically(LogKeyPath(dir), key + "\n", 0644);
}

absl::Status InitTenant(const TenantOptions& options, absl::Time now) {
  MUSTER_RETURN_IF_ERROR(CheckTenantFileName("tenant", options.tenant));
  if (options.server_names.empty()) {
    return absl::InvalidArgumentError("name at least one address of the controller");
  }
  const std::string marker = options.dir + "/tenant";
  if (std::filesystem::exists(marker)) {
    return absl::AlreadyExistsError(absl::StrCat(
        options.dir, " already holds a tenant; it is left as it is. Start it with `musterd run`"));
  }
  if (std::filesystem::exists(options.dir + "/pki")) {
    return absl::AlreadyExistsError(absl::StrCat(
        options.dir, " holds a tenant that was not finished; remove that folder and try again"));
  }
  std::error_code error;
  std::filesystem::create_directories(options.dir, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("creating ", options.dir, ": ", error.message()));
  }
  for (const char* folder : {"/pki", "/keys", "/trust", "/operators"}) {
    MUSTER_RETURN_IF_ERROR(MakeFolder(options.dir + folder, 0700));
  }
  MUSTER_ASSIGN_OR_RETURN(const Authority server,
                          NewAuthority(options.dir, options.tenant, "server", now));
  MUSTER_RETURN_IF_ERROR(NewAuthority(options.dir, options.tenant, "device", now).status());
  MUSTER_RETURN_IF_ERROR(NewAuthority(options.dir, options.tenant, "operator", now).status());
  MUSTER_RETURN_IF_ERROR(NewServerCertificate(options, server, now));
  MUSTER_ASSIGN_OR_RETURN(std::vector<RoleKeys> online, NewOnlineKeys(options));
  if (!options.external_root) {
    MUSTER_RETURN_IF_ERROR(NewRoot(options, std::move(online), now));
  }
  // Last: its presence says that the tenant is whole.
  return WriteFileAtomically(marker, options.tenant + "\n", 0644);
}

}  // namespace muster
