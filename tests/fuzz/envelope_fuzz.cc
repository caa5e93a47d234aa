// Any bytes as a SignedDoc, to every verifier: what passes was signed by the right keys.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "google/protobuf/stubs/logging.h"
#include "tests/attacks/tenant.h"

namespace {

using muster::attacks::kDevice;
using muster::attacks::kStart;
using muster::attacks::TestKey;

void Require(bool holds) {
  if (!holds) std::abort();
}

const muster::attacks::Tenant& Agency() {
  static const auto* const tenant = new muster::attacks::Tenant();
  return *tenant;
}

const muster::Trust& AgencyTrust() {
  static const auto* const trust = new muster::Trust(*muster::Trust::FromRoot(Agency().Root(1)));
  return *trust;
}

// Distinct keys of the role whose signature fits, counted by hand.
size_t Signers(const muster::v1::SignedDoc& doc, const std::string& role) {
  const muster::Trust::Role* r = AgencyTrust().FindRole(role);
  std::set<std::string> good;
  for (const muster::v1::Signature& s : doc.signatures()) {
    if (std::find(r->key_ids.begin(), r->key_ids.end(), s.key_id()) == r->key_ids.end()) continue;
    if (AgencyTrust()
            .FindKey(s.key_id())
            ->Verify(muster::SignedBytes(doc.payload_type(), doc.payload()), s.sig())) {
      good.insert(s.key_id());
    }
  }
  return good.size();
}

template <typename T>
void Check(const muster::v1::SignedDoc& doc, const muster::DocumentKind& kind, size_t threshold,
           const absl::StatusOr<muster::Verified<T>>& verified) {
  if (!verified.ok()) {
    Require(muster::VerifyCodeOf(verified.status()).has_value());
    return;
  }
  Require(Signers(doc, std::string(kind.role)) >= threshold);
  Require(absl::string_view(doc.payload_type()) == kind.payload_type);
  Require(verified->sha256() == muster::Sha256Hex(doc.payload()));
  const muster::v1::DocumentHeader& header = verified->payload().header();
  Require(header.tenant() == "agency" && absl::string_view(header.kind()) == kind.kind);
  Require(header.epoch() == 1 && header.version() > 0);
  Require(kStart < muster::FromProto(header.not_after()));
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // It would say so of every string that is no UTF-8.
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  muster::v1::SignedDoc doc;
  if (!doc.ParseFromArray(data, static_cast<int>(size))) return 0;
  const auto inputs = [&](const std::string& name) {
    return muster::VerifyInputs{doc, AgencyTrust(), name, {}, kStart};
  };
  Check(doc, muster::kCohortKind, 1,
        muster::VerifyCohort(inputs("cohort/linux"), muster::v1::Platform::LINUX, "cohort/linux"));
  Check(doc, muster::kAssignmentKind, 1,
        muster::VerifyAssignment(inputs(muster::AssignmentName(kDevice)), kDevice,
                                 TestKey("device").key_id()));
  Check(doc, muster::kEmergencyDenyKind, 1,
        muster::VerifyEmergencyDeny(inputs(muster::kEmergencyDenyName)));
  Check(doc, muster::kBeaconKind, 1, muster::VerifyBeacon(inputs(muster::kBeaconName)));
  const auto step = muster::VerifyRootStep(doc, AgencyTrust(), "agency", {}, kStart);
  if (step.ok()) Require(Signers(doc, "root") >= 2);
  Require(step.ok() || !muster::VerifyRoot(doc, &AgencyTrust(), "agency", {}, kStart).ok());
  const auto first = muster::VerifyRoot(doc, nullptr, "agency", {}, kStart);
  if (first.ok()) Require(muster::Trust::FromRoot(first->payload()).ok());
  const auto key = muster::PublicKey::FromSpki(TestKey("device").spki(), muster::kEcdsaP256Sha256);
  const auto report = muster::VerifyReport(doc, *key, kDevice);
  if (report.ok()) Require(report->device_id() == kDevice && report->seq() > 0);
  return 0;
}
