// Makes a tenant: its folder, keys, authorities and, unless that is done elsewhere, its first root.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace muster {

struct TenantOptions {
  std::string dir, tenant;
  std::vector<std::string> server_names;  // DNS names and IP addresses of the controller
  // The root keys and the emergency key are made by their holders, who sign the first root in a
  // ceremony (`musterctl trust init`): none is made here, and no trust/root.pb.
  bool external_root = false;
};

// Creates all files of a tenant (tenant_files.h) but the store. INVALID_ARGUMENT: a tenant name
// other than [a-z0-9-.]; ALREADY_EXISTS: the folder holds a tenant. Half-made folders of a broken
// run are refused too, with what to do.
absl::Status InitTenant(const TenantOptions& options, absl::Time now);

// Where the public key of the audit log lies as auditors get it, "NAME+HASH+KEY".
std::string LogKeyPath(const std::string& dir);
// Has that file say this key, and no other: one that a root replaced may be a thief's. NOT_FOUND,
// UNAVAILABLE, PERMISSION_DENIED as of writing a file.
absl::Status KeepLogKey(const std::string& dir, const std::string& key);

}  // namespace muster
