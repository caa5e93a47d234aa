// The device certificate in use, renewed in time with the same key.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/domain/certificate.h"
#include "agent/flow/state_store.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "common/mutex.h"

namespace muster::agent {

// Thread-safe; Step is for one thread.
class CertificateKeeper {
 public:
  struct Parts {
    std::string device_id;
    PrivateKey key;
    std::string pem = {};  // the certificate in use
    StateStore* store = nullptr;
    const Clock* clock = nullptr;
    // DeviceService.Renew with a PKCS#10 request in DER: the new certificate in PEM.
    std::function<absl::StatusOr<std::string>(const std::string& csr)> renew = {};
    // A new certificate is saved: connect with it.
    std::function<void()> renewed = {};
  };
  // INVALID_ARGUMENT when the certificate cannot be read.
  static absl::StatusOr<std::unique_ptr<CertificateKeeper>> New(Parts parts);

  // Renews when it is time to; a failure is logged and tried again later. When to call again.
  absl::Time Step();

  std::string pem() const;
  absl::Time not_after() const;

 private:
  CertificateKeeper(Parts parts, Certificate certificate)
      : parts_(std::move(parts)), pem_(parts_.pem), certificate_(std::move(certificate)) {}
  absl::Status Renew(const Certificate& present);

  const Parts parts_;
  RenewalAttempts attempts_;
  mutable Mutex mu_;
  std::string pem_ ABSL_GUARDED_BY(mu_);
  Certificate certificate_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
