#include "controller/adapters/openssl/tenant_files.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

constexpr absl::Duration kAuthorityLife = absl::Hours(24 * 3650);
constexpr absl::Duration kServerLife = absl::Hours(24 * 825);
constexpr absl::Duration kOperatorLife = absl::Hours(24 * 365);
constexpr int kRootKeys = 3;
constexpr uint32_t kRootThreshold = 2;

absl::Status FileError(absl::string_view doing, const std::string& path) {
  const std::string text = absl::StrCat(doing, " ", path, ": ", std::strerror(errno));
  if (errno == ENOENT) return absl::NotFoundError(text);
  if (errno == EACCES || errno == EPERM) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

absl::Status MakeFolder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return absl::OkStatus();
  return FileError("creating", path);
}

absl::Status CheckName(absl::string_view what, const std::string& name) {
  const bool good = !name.empty() && name.size() <= 63 && name[0] != '.' && name[0] != '-' &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                             absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-' ||
                             c == '.';
                    });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the ", what, " '", name, "' must be 1 to 63 of a-z, 0-9, '-' and '.'"));
}

absl::Status WriteKey(const std::string& path, const PrivateKey& key) {
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, key.ToPem());
  return WriteFileAtomically(path, pem, 0600);
}

absl::StatusOr<PrivateKey> NewKeyFile(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::Generate(kEcdsaP256Sha256));
  MUSTER_RETURN_IF_ERROR(WriteKey(path, key));
  return key;
}

absl::StatusOr<PrivateKey> ReadKey(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return FileError("reading", path);
  if ((st.st_mode & 077) != 0) {
    return absl::DataLossError(absl::StrCat(
        path,
        " can be read by others, so it is no longer a secret: replace the key, and keep "
        "such files 0600"));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  auto key = PrivateKey::FromPem(pem);
  if (!key.ok()) return absl::DataLossError(absl::StrCat(path, ": ", key.status().message()));
  return key;
}

absl::StatusOr<X509Ptr> ReadCertificate(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  auto cert = CertificateFromPem(pem);
  if (!cert.ok()) return absl::DataLossError(absl::StrCat(path, ": ", cert.status().message()));
  return cert;
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

void AddRole(v1::Root& root, const std::string& name, const std::vector<PrivateKey>& keys,
             uint32_t threshold) {
  v1::TrustedRole* role = root.add_roles();
  role->set_role(name);
  role->set_threshold(threshold);
  for (const PrivateKey& key : keys) {
    role->add_key_ids(key.key_id());
    v1::TrustedKey* trusted = root.add_keys();
    trusted->set_key_id(key.key_id());
    trusted->set_spki(key.spki());
    trusted->set_algorithm(key.algorithm());
  }
}

absl::Status NewRoot(const TenantOptions& options, absl::Time now) {
  std::vector<PrivateKey> root_keys;
  for (int i = 1; i <= kRootKeys; ++i) {
    MUSTER_ASSIGN_OR_RETURN(PrivateKey key,
                            NewKeyFile(absl::StrCat(options.dir, "/root-keys/root-", i, ".key")));
    root_keys.push_back(std::move(key));
  }
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey policy, NewKeyFile(options.dir + "/keys/policy.key"));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey assignment,
                          NewKeyFile(options.dir + "/keys/assignment.key"));
  v1::Root root;
  v1::DocumentHeader* header = root.mutable_header();
  header->set_tenant(options.tenant);
  header->set_kind("root");
  header->set_name(kRootName);
  header->set_epoch(1);
  header->set_version(1);
  *header->mutable_issued_at() = ToProto(now);
  *header->mutable_not_after() = ToProto(now + limits::kRootLife);
  AddRole(root, "root", root_keys, kRootThreshold);
  AddRole(root, "policy", {policy}, 1);
  AddRole(root, "assignment", {assignment}, 1);
  MUSTER_ASSIGN_OR_RETURN(
      const v1::SignedDoc doc,
      MakeSignedDoc(root, {root_keys.begin(), root_keys.begin() + kRootThreshold}));
  return WriteFileAtomically(options.dir + "/trust/root.pb", doc.SerializeAsString(), 0644);
}

}  // namespace

std::string SystemEntropy::Bytes(size_t n) {
  std::string out(n, '\0');
  // Without randomness there is no safe way on: tokens and ids would be guessable.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(n)) != 1) abort();
  return out;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return FileError("reading", path);
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) return FileError("reading", path);
  return text.str();
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes, int mode) {
  const std::string temp = absl::StrCat(path, ".new");
  const int fd = open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return FileError("writing", temp);
  bool ok = fchmod(fd, static_cast<mode_t>(mode)) == 0;
  while (ok && !bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    ok = n >= 0;
    if (ok) bytes.remove_prefix(static_cast<size_t>(n));
  }
  ok = ok && fsync(fd) == 0;
  ok = close(fd) == 0 && ok;
  if (!ok || rename(temp.c_str(), path.c_str()) != 0) {
    absl::Status error = FileError("writing", path);
    unlink(temp.c_str());
    return error;
  }
  const std::string folder = std::filesystem::path(path).parent_path();
  const int dir = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return FileError("opening", folder);
  const bool synced = fsync(dir) == 0;
  close(dir);
  return synced ? absl::OkStatus() : FileError("syncing", folder);
}

absl::Status InitTenant(const TenantOptions& options, absl::Time now) {
  MUSTER_RETURN_IF_ERROR(CheckName("tenant", options.tenant));
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
  for (const char* folder : {"/pki", "/keys", "/root-keys", "/trust", "/operators"}) {
    MUSTER_RETURN_IF_ERROR(MakeFolder(options.dir + folder, 0700));
  }
  MUSTER_ASSIGN_OR_RETURN(const Authority server,
                          NewAuthority(options.dir, options.tenant, "server", now));
  MUSTER_RETURN_IF_ERROR(NewAuthority(options.dir, options.tenant, "device", now).status());
  MUSTER_RETURN_IF_ERROR(NewAuthority(options.dir, options.tenant, "operator", now).status());
  MUSTER_RETURN_IF_ERROR(NewServerCertificate(options, server, now));
  MUSTER_RETURN_IF_ERROR(NewRoot(options, now));
  // Last: its presence says that the tenant is whole.
  return WriteFileAtomically(marker, options.tenant + "\n", 0644);
}

absl::StatusOr<Tenant> LoadTenant(const std::string& dir) {
  const auto name = ReadFile(dir + "/tenant");
  if (!name.ok()) {
    return absl::NotFoundError(
        absl::StrCat("no tenant in ", dir, "; make one with `musterd init --dir ", dir, "`"));
  }
  MUSTER_ASSIGN_OR_RETURN(std::string server_pem, ReadFile(dir + "/pki/server.pem"));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey server_key, ReadKey(dir + "/pki/server.key"));
  MUSTER_ASSIGN_OR_RETURN(std::string server_key_pem, server_key.ToPem());
  MUSTER_ASSIGN_OR_RETURN(X509Ptr device_ca, ReadCertificate(dir + "/pki/device-ca.pem"));
  MUSTER_ASSIGN_OR_RETURN(PrivateKey device_key, ReadKey(dir + "/pki/device-ca.key"));
  MUSTER_ASSIGN_OR_RETURN(X509Ptr operator_ca, ReadCertificate(dir + "/pki/operator-ca.pem"));
  MUSTER_ASSIGN_OR_RETURN(PrivateKey policy, ReadKey(dir + "/keys/policy.key"));
  MUSTER_ASSIGN_OR_RETURN(PrivateKey assignment, ReadKey(dir + "/keys/assignment.key"));
  MUSTER_ASSIGN_OR_RETURN(const std::string root, ReadFile(dir + "/trust/root.pb"));
  v1::SignedDoc doc;
  if (!doc.ParseFromString(root)) {
    return absl::DataLossError(absl::StrCat(dir, "/trust/root.pb is not a signed document"));
  }
  return Tenant{std::string(absl::StripAsciiWhitespace(*name)),
                std::move(server_pem),
                std::move(server_key_pem),
                std::move(device_ca),
                std::move(operator_ca),
                std::move(device_key),
                {std::move(policy), std::move(assignment)},
                std::move(doc)};
}

absl::StatusOr<std::string> IssueOperator(const OperatorOptions& options, absl::Time now) {
  MUSTER_RETURN_IF_ERROR(CheckName("profile name", options.name));
  if (options.upn.find('@') == std::string::npos || options.upn.size() > limits::kMaxUpnBytes ||
      options.upn.find_first_of("/ \t\n") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", options.upn, "' is not a user principal name (name@domain)"));
  }
  MUSTER_ASSIGN_OR_RETURN(const Tenant tenant, LoadTenant(options.dir));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey ca_key, ReadKey(options.dir + "/pki/operator-ca.key"));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate(kEcdsaP256Sha256));
  MUSTER_ASSIGN_OR_RETURN(const X509Ptr cert,
                          MakeCertificate({.use = CertificateUse::kClient,
                                           .common_name = options.upn,
                                           .uris = {OperatorUri(tenant.name, options.upn)},
                                           .dns_names = {},
                                           .not_before = now - absl::Minutes(5),
                                           .not_after = now + kOperatorLife},
                                          key.spki(), tenant.operator_authority, ca_key));
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, CertificateToPem(cert));
  const std::string folder =
      std::filesystem::absolute(options.out.empty() ? options.dir + "/operators" : options.out);
  MUSTER_RETURN_IF_ERROR(MakeFolder(folder, 0700));
  const std::string base = absl::StrCat(folder, "/", options.name);
  MUSTER_RETURN_IF_ERROR(WriteKey(base + ".key", key));
  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(base + ".pem", pem, 0644));
  const std::string ca = std::filesystem::absolute(options.dir + "/pki/server-ca.pem");
  MUSTER_RETURN_IF_ERROR(
      WriteFileAtomically(base + ".yaml",
                          absl::StrCat("# Profile of ", options.upn, " for musterctl --profile\n",
                                       "server: ", options.server, "\nca: ", ca,
                                       "\ncertificate: ", base, ".pem\nkey: ", base, ".key\n"),
                          0600));
  return base + ".yaml";
}

}  // namespace muster
