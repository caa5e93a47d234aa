#include "controller/adapters/openssl/tenant_files.h"

#include <openssl/rand.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr absl::Duration kOperatorLife = absl::Hours(24 * 365);

absl::StatusOr<X509Ptr> ReadCertificate(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  auto cert = CertificateFromPem(pem);
  if (!cert.ok()) return absl::DataLossError(absl::StrCat(path, ": ", cert.status().message()));
  return cert;
}

// nullopt: the ceremony has not taken place yet.
absl::StatusOr<std::optional<v1::SignedDoc>> LoadFirstRoot(const std::string& dir) {
  const std::string path = dir + "/trust/root.pb";
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (absl::IsNotFound(bytes.status())) return std::nullopt;
  if (!bytes.ok()) return bytes.status();
  v1::SignedDoc doc;
  if (!doc.ParseFromString(*bytes)) {
    return absl::DataLossError(absl::StrCat(path, " is not a signed document"));
  }
  return doc;
}

}  // namespace

absl::Status CheckTenantFileName(absl::string_view what, const std::string& name) {
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

std::string SystemEntropy::Bytes(size_t n) {
  std::string out(n, '\0');
  // Without randomness there is no safe way on: tokens and ids would be guessable.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(n)) != 1) abort();
  return out;
}

absl::StatusOr<Tenant> LoadTenant(const std::string& dir) {
  const auto name = ReadFile(dir + "/tenant");
  if (!name.ok()) {
    return absl::NotFoundError(
        absl::StrCat("no tenant in ", dir, "; make one with `musterd init --dir ", dir, "`"));
  }
  MUSTER_ASSIGN_OR_RETURN(std::string server_pem, ReadFile(dir + "/pki/server.pem"));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey server_key, ReadPrivateKey(dir + "/pki/server.key"));
  MUSTER_ASSIGN_OR_RETURN(std::string server_key_pem, server_key.ToPem());
  MUSTER_ASSIGN_OR_RETURN(X509Ptr device_ca, ReadCertificate(dir + "/pki/device-ca.pem"));
  MUSTER_ASSIGN_OR_RETURN(PrivateKey device_key, ReadPrivateKey(dir + "/pki/device-ca.key"));
  MUSTER_ASSIGN_OR_RETURN(X509Ptr operator_ca, ReadCertificate(dir + "/pki/operator-ca.pem"));
  MUSTER_ASSIGN_OR_RETURN(std::optional<v1::SignedDoc> root, LoadFirstRoot(dir));
  return Tenant{std::string(absl::StripAsciiWhitespace(*name)),
                std::move(server_pem),
                std::move(server_key_pem),
                std::move(device_ca),
                std::move(operator_ca),
                std::move(device_key),
                std::move(root)};
}

absl::StatusOr<std::string> IssueOperator(const OperatorOptions& options, absl::Time now) {
  MUSTER_RETURN_IF_ERROR(CheckTenantFileName("profile name", options.name));
  if (options.upn.find('@') == std::string::npos || options.upn.size() > limits::kMaxUpnBytes ||
      options.upn.find_first_of("/ \t\n") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", options.upn, "' is not a user principal name (name@domain)"));
  }
  MUSTER_ASSIGN_OR_RETURN(const Tenant tenant, LoadTenant(options.dir));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey ca_key,
                          ReadPrivateKey(options.dir + "/pki/operator-ca.key"));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate(kEcdsaP256Sha256));
  MUSTER_ASSIGN_OR_RETURN(
      const X509Ptr cert,
      MakeCertificate({.use = CertificateUse::kClient,
                       .common_name = options.upn,
                       .uris = {options.admin ? AdminUri(tenant.name, options.upn)
                                              : OperatorUri(tenant.name, options.upn)},
                       .dns_names = {},
                       .not_before = now - absl::Minutes(5),
                       .not_after = now + kOperatorLife},
                      key.spki(), tenant.operator_authority, ca_key));
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, CertificateToPem(cert));
  const std::string folder =
      std::filesystem::absolute(options.out.empty() ? options.dir + "/operators" : options.out);
  MUSTER_RETURN_IF_ERROR(MakeFolder(folder, 0700));
  const std::string base = absl::StrCat(folder, "/", options.name);
  MUSTER_RETURN_IF_ERROR(WritePrivateKey(base + ".key", key));
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
