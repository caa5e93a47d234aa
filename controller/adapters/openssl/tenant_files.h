// The files of one tenant: keys, certificates, root of trust, operators' profiles. Private keys
// are 0600 and never logged.
//
//   <dir>/tenant                      the tenant's name
//   <dir>/pki/{server,device,operator}-ca.{pem,key}, server.{pem,key}
//   <dir>/keys/{policy,assignment}.key   the online signing keys
//   <dir>/root-keys/root-{1,2,3}.key     take these offline: 2 of 3 sign a new root
//   <dir>/trust/root.pb                  the signed Root
//   <dir>/db/                            the store
//   <dir>/operators/<name>.{pem,key,yaml}
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/crypto.h"
#include "controller/adapters/openssl/certificates.h"
#include "controller/flow/publish.h"
#include "controller/flow/services.h"
#include "muster/v1/policy.pb.h"

namespace muster {

struct TenantOptions {
  std::string dir, tenant;
  std::vector<std::string> server_names;  // DNS names and IP addresses of the controller
};

// Creates everything above but the store. INVALID_ARGUMENT: a tenant name other than [a-z0-9-.];
// ALREADY_EXISTS: the folder holds a tenant. Half-made folders of a broken run are refused too,
// with what to do.
absl::Status InitTenant(const TenantOptions& options, absl::Time now);

struct Tenant {
  std::string name;
  std::string server_pem, server_key_pem;  // for TLS
  X509Ptr device_authority, operator_authority;
  PrivateKey device_authority_key;
  SigningKeys signing;
  v1::SignedDoc root;
};
// NOT_FOUND: no tenant there, run `musterd init`; DATA_LOSS: a file is damaged or world-readable.
absl::StatusOr<Tenant> LoadTenant(const std::string& dir);

struct OperatorOptions {
  std::string dir;   // the tenant's folder
  std::string name;  // file name of the profile, e.g. the role
  std::string upn;
  std::string server;  // host:port that the profile names
  std::string out;     // folder of the profile; empty: <dir>/operators
};
// Issues a client certificate and writes <out>/<name>.{pem,key,yaml}. Returns the profile's path.
absl::StatusOr<std::string> IssueOperator(const OperatorOptions& options, absl::Time now);

// The operating system's random bytes.
class SystemEntropy final : public Entropy {
 public:
  std::string Bytes(size_t n) override;
};

// Small files, whole. NOT_FOUND and UNAVAILABLE name the path.
absl::StatusOr<std::string> ReadFile(const std::string& path);
// Through a temporary file, fsync and rename. `mode` e.g. 0600.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes, int mode);

}  // namespace muster
