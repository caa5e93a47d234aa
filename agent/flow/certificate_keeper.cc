#include "agent/flow/certificate_keeper.h"

#include <algorithm>

#include "agent/flow/log.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {

absl::StatusOr<std::unique_ptr<CertificateKeeper>> CertificateKeeper::New(Parts parts) {
  MUSTER_ASSIGN_OR_RETURN(Certificate certificate, ReadCertificate(parts.pem));
  return std::unique_ptr<CertificateKeeper>(
      new CertificateKeeper(std::move(parts), std::move(certificate)));
}

std::string CertificateKeeper::pem() const {
  MutexLock lock(&mu_);
  return pem_;
}

absl::Time CertificateKeeper::not_after() const {
  MutexLock lock(&mu_);
  return certificate_.not_after;
}

absl::Status CertificateKeeper::Renew(const Certificate& present) {
  MUSTER_ASSIGN_OR_RETURN(const std::string csr, MakeCsr(parts_.key, parts_.device_id));
  MUSTER_ASSIGN_OR_RETURN(std::string pem, parts_.renew(csr));
  MUSTER_ASSIGN_OR_RETURN(Certificate renewed, ReadCertificate(pem));
  MUSTER_RETURN_IF_ERROR(CheckRenewed(present, renewed));
  // A crash before this keeps the old certificate, which is renewed again at the next start.
  MUSTER_RETURN_IF_ERROR(parts_.store->Write(kDeviceCertFile, pem));
  Log(Severity::kInfo, "the device certificate was renewed until ", TimeText(renewed.not_after));
  MutexLock lock(&mu_);
  pem_ = std::move(pem);
  certificate_ = std::move(renewed);
  return absl::OkStatus();
}

absl::Time CertificateKeeper::Step() {
  Certificate present;
  {
    MutexLock lock(&mu_);
    present = certificate_;
  }
  const absl::Time now = parts_.clock->Now();
  // A clock that was turned back must not put the next attempt off.
  attempts_.last = std::min(attempts_.last, now);
  if (const absl::Time due = RenewalDue(present, attempts_); now < due) return due;
  const absl::Status status = Renew(present);
  attempts_.last = now;
  if (!status.ok()) {
    // The first of a row only: an outage of a week must not fill the journal.
    if (attempts_.failed == 0) {
      Log(Severity::kWarning, "the device certificate, which ends ", TimeText(present.not_after),
          ", could not be renewed and is tried again: ", status.message());
    }
    ++attempts_.failed;
    return RenewalDue(present, attempts_);
  }
  attempts_.failed = 0;
  parts_.renewed();
  MutexLock lock(&mu_);
  return RenewalDue(certificate_, attempts_);
}

}  // namespace muster::agent
