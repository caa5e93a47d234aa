// The files of one tenant: keys, certificates, root of trust, operators' profiles. Private keys
// are 0600 and never logged; beside each signing key lies its public half, `.pub`, in PEM.
//
//   <dir>/tenant                      the tenant's name
//   <dir>/pki/{server,device,operator}-ca.{pem,key}, server.{pem,key}
//   <dir>/keys/*.{key,pub}            the online signing keys; the root says what each is for
//   <dir>/root-keys/root-{1,2,3}.{key,pub}  take these offline: 2 of 3 sign a new root
//   <dir>/root-keys/emergency.{key,pub}     and this one: it signs emergency denies
//   <dir>/root-keys/records.{key,pub}       the records office's: it signs receipts
//   <dir>/trust/root.pb               the first signed Root; later ones are in the store
//   <dir>/trust/audit-log.vkey        the audit log's public key, for auditors (C2SP signed-note)
//   <dir>/db/                         the store
//   <dir>/operators/<name>.{pem,key,yaml}
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/crypto.h"
#include "controller/adapters/openssl/certificates.h"
#include "controller/adapters/openssl/init_tenant.h"
#include "controller/adapters/openssl/key_files.h"
#include "controller/flow/services.h"
#include "muster/v1/policy.pb.h"

namespace muster {

struct Tenant {
  std::string name;
  std::string server_pem, server_key_pem;  // for TLS
  X509Ptr device_authority, operator_authority;
  PrivateKey device_authority_key;
  std::optional<v1::SignedDoc> root;  // nullopt: the ceremony has not taken place yet
};
// NOT_FOUND: no tenant there, run `musterd init`; DATA_LOSS: a file is damaged or world-readable.
absl::StatusOr<Tenant> LoadTenant(const std::string& dir);

// INVALID_ARGUMENT: not 1 to 63 of a-z, 0-9, '-' and '.'.
absl::Status CheckTenantFileName(absl::string_view what, const std::string& name);

struct OperatorOptions {
  std::string dir;   // the tenant's folder
  std::string name;  // file name of the profile, e.g. the role
  std::string upn;
  std::string server;  // host:port that the profile names
  std::string out;     // folder of the profile; empty: <dir>/operators
  bool admin = false;  // the certificate itself carries the role admin
};
// Issues a client certificate and writes <out>/<name>.{pem,key,yaml}. Returns the profile's path.
absl::StatusOr<std::string> IssueOperator(const OperatorOptions& options, absl::Time now);

// The operating system's random bytes.
class SystemEntropy final : public Entropy {
 public:
  std::string Bytes(size_t n) override;
};

}  // namespace muster
