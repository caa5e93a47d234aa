// A device's way in and out: single-use token -> certificate -> retired.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/certificate_authority.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/device.pb.h"

namespace muster {

struct TokenOutcome {
  std::string token;  // shown once; only its hash is stored
  absl::Time expires_at;
  Touched touched;
};
struct TokenWish {
  v1::Platform::Id platform = v1::Platform::UNSPECIFIED;
  std::string owner_upn;
  std::string group;  // [a-z0-9-.]; empty: none. The device gets it and cannot choose another
  absl::Duration ttl;
  bool bridge = false;  // for a bridge: without a platform
};
// NOT_FOUND: no such owner; INVALID_ARGUMENT: no platform (of a bridge: one), a ttl outside
// (0, kMaxTokenTtl], or no name for a group.
absl::StatusOr<TokenOutcome> CreateToken(const Services& services, const Actor& actor,
                                         const TokenWish& wish, bool dry_run);

struct Enrollment {
  std::string token, csr_der, hostname;
  v1::Platform::Id platform = v1::Platform::UNSPECIFIED;
  std::vector<std::string> local_accounts;
  std::string from;  // peer address, for the audit log
  bool bridge = false;
};
struct EnrolledDevice {
  v1::Device device;
  std::string certificate_pem;
};
// UNAUTHENTICATED: unknown token; FAILED_PRECONDITION: used, expired or for another platform;
// INVALID_ARGUMENT: a bad certificate request. The token is spent in the commit that enrols.
absl::StatusOr<EnrolledDevice> EnrollDevice(const Services& services, CertificateAuthority& ca,
                                            const Enrollment& in);

// A new certificate for the key that the device has. PERMISSION_DENIED: the device is retired;
// INVALID_ARGUMENT: the request is for another key. The old certificate stays good until it ends,
// so that an agent which could not save the new one is not locked out.
absl::StatusOr<std::string> RenewCertificate(const Services& services, CertificateAuthority& ca,
                                             const std::string& device_id,
                                             const std::string& csr_der, const std::string& from);

struct DeviceOutcome {
  v1::Device device;
  Touched touched;
};
// The device's certificate is refused from this commit on. The phones of a bridge are retired after
// it, limits::kMaxPhonesPerCommit at a time: nobody can speak for them in between. Called again
// after a failure it goes on with those that are left. FAILED_PRECONDITION: already retired.
absl::StatusOr<DeviceOutcome> RetireDevice(const Services& services, const Actor& actor,
                                           const std::string& device_id, const std::string& reason,
                                           bool dry_run);

// Adds to `mutation` what retires one device: its record, its indexes, what is gone with it, and
// the audit entry.
absl::Status WriteRetired(const Services& services, const Snapshot& snapshot, const Actor& actor,
                          const Versioned<v1::Device>& before, const std::string& reason,
                          Mutation& mutation);

// Writes the indexes that find a device by its local accounts.
void WriteAccountIndex(const v1::Device& before, const v1::Device& after, Mutation& mutation);

}  // namespace muster
