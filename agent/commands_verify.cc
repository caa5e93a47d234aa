// Offline: is this document what the root vouches for?
#include <algorithm>
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/files/identity_files.h"
#include "agent/commands.h"
#include "agent/domain/seen_log.h"
#include "agent/flow/accept_policy.h"
#include "agent/flow/agent.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {
namespace {

// A document, its signatures and the envelope around them.
constexpr size_t kMaxFileBytes = 2 * limits::kMaxReportBytes;

// What the files are checked against. A file that passes moves it on for the files after it.
struct Context {
  std::optional<Trust> trust;
  v1::SignedDoc trust_doc;
  v1::AcceptedState accepted;  // floors; empty without --state
  std::optional<EnrolledDevice> device;
  std::string device_id;
  // What the assignment at hand names; unset: there is none, and no state that should have one.
  std::optional<std::string> cohort;
  absl::Time clock;  // --at or the clock
  absl::Time now;    // the same, but not before the highest signed date
};

absl::StatusOr<v1::SignedDoc> ReadDocument(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadFile(path, kMaxFileBytes);
  if (absl::IsResourceExhausted(bytes.status())) {
    return VerifyError(VerifyCode::kOversize, bytes.status().message());
  }
  if (!bytes.ok()) return bytes.status();
  v1::SignedDoc doc;
  if (bytes->empty()) return VerifyError(VerifyCode::kEmpty, "the file has no bytes");
  if (!doc.ParseFromString(*bytes)) {
    return VerifyError(VerifyCode::kMalformed, "the file is not a serialised SignedDoc");
  }
  return doc;
}

absl::Status LoadState(const VerifyOptions& options, Context& context) {
  FileStateStore store(options.state_dir);
  MUSTER_ASSIGN_OR_RETURN(context.device, LoadEnrolled(store));
  MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> bytes, store.Read(kAcceptedFile));
  if (bytes && !context.accepted.ParseFromString(*bytes)) {
    return absl::DataLossError("accepted.pb in the state directory is damaged");
  }
  v1::DeviceAssignment assignment;
  if (!assignment.ParseFromString(context.accepted.assignment().payload())) {
    return absl::DataLossError("the assignment in accepted.pb is damaged");
  }
  context.cohort = assignment.cohort();  // empty: none has been accepted
  return absl::OkStatus();
}

absl::StatusOr<Context> MakeContext(const VerifyOptions& options) {
  Context context;
  context.now = SystemClock().Now();
  if (!options.at.empty()) {
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, options.at, &context.now, &error)) {
      return absl::InvalidArgumentError(absl::StrCat("--at ", options.at,
                                                     " is not an RFC 3339 time such as "
                                                     "2026-01-31T12:00:00Z"));
    }
  }
  context.clock = context.now;
  if (!options.state_dir.empty()) {
    MUSTER_RETURN_IF_ERROR(LoadState(options, context));
    context.device_id = context.device->identity.device_id;
    if (options.at.empty() && context.accepted.has_highest_issued_at()) {
      context.now = std::max(context.now, FromProto(context.accepted.highest_issued_at()));
    }
  }
  if (!options.device_id.empty()) context.device_id = options.device_id;
  absl::StatusOr<v1::SignedDoc> doc = ReadDocument(options.trust_file);
  if (!doc.ok()) {
    return absl::Status(doc.status().code(),
                        absl::StrCat("--trust ", options.trust_file, ": ", doc.status().message()));
  }
  const std::string tenant = context.device ? context.device->identity.tenant : "";
  // Whether it has ended is said of each file that it should vouch for.
  v1::AnyDocument claimed;
  claimed.ParseFromString(doc->payload());
  absl::StatusOr<Verified<v1::Root>> root =
      VerifyRoot(*doc, nullptr, tenant, Floor(), FromProto(claimed.header().issued_at()));
  if (!root.ok()) {
    return absl::Status(root.status().code(), absl::StrCat("--trust ", options.trust_file, ": ",
                                                           root.status().message()));
  }
  MUSTER_ASSIGN_OR_RETURN(context.trust, Trust::FromRoot(root->payload()));
  context.trust_doc = *std::move(doc);
  return context;
}

VerifyInputs InputsFor(const Context& c, const v1::SignedDoc& doc, std::string name) {
  Floor floor = FloorOf(c.accepted, name);
  return {doc, *c.trust, std::move(name), std::move(floor), c.now};
}

// A root that ended is still a step to its successor, as it is on a device; it is shown as
// EXPIRED, for it vouches for nothing.
absl::Status VerifyRootFile(Context& c, const v1::SignedDoc& doc) {
  const Floor floor = FloorOf(c.accepted, kRootName);
  if (doc.payload() == c.trust_doc.payload()) {
    return VerifyRoot(doc, nullptr, c.trust->tenant(), floor, c.now).status();
  }
  MUSTER_ASSIGN_OR_RETURN(Verified<v1::Root> root,
                          VerifyRootStep(doc, *c.trust, c.trust->tenant(), floor, c.now));
  absl::Status status = VerifyRoot(doc, &*c.trust, c.trust->tenant(), floor, c.now).status();
  if (root.payload().header().epoch() > c.trust->epoch()) c.now = c.clock;  // as on a device
  MUSTER_ASSIGN_OR_RETURN(c.trust, Trust::FromRoot(root.payload()));
  c.trust_doc = doc;
  return status;
}

absl::Status VerifyAssignmentFile(Context& c, const v1::SignedDoc& doc) {
  // Without a state directory there is no certificate to compare with: what the document says
  // of itself is then taken, and everything else is still checked.
  v1::DeviceAssignment claimed;
  claimed.ParseFromString(doc.payload());
  const std::string device = c.device_id.empty() ? claimed.device_id() : c.device_id;
  const bool own = c.device && c.device->identity.device_id == device;
  const std::string key =
      own ? c.device->identity.certificate_key_sha256 : claimed.certificate_key_sha256();
  MUSTER_ASSIGN_OR_RETURN(Verified<v1::DeviceAssignment> assignment,
                          VerifyAssignment(InputsFor(c, doc, AssignmentName(device)), device, key));
  if (own && assignment.payload().cohort() != OwnCohort()) {
    return VerifyError(VerifyCode::kWrongCohort,
                       absl::StrCat("puts the device into ", assignment.payload().cohort()));
  }
  c.cohort = assignment.payload().cohort();
  return absl::OkStatus();
}

// The chunks of the policy in force are in accepted.pb; those of any other are not at hand.
absl::Status VerifyCohortFile(const Context& c, const v1::SignedDoc& doc) {
  MUSTER_ASSIGN_OR_RETURN(Verified<v1::CohortPolicy> cohort,
                          VerifyCohort(InputsFor(c, doc, OwnCohort()), v1::Platform::LINUX,
                                       c.cohort.value_or(OwnCohort())));
  if (doc.payload() != c.accepted.cohort().payload()) return absl::OkStatus();
  const std::vector<absl::string_view> chunks(c.accepted.chunks().begin(),
                                              c.accepted.chunks().end());
  return AssembleContent(cohort.payload(), chunks).status();
}

// That a longer log continues what the device saw takes a proof, which a Beacon alone has not.
absl::Status VerifyBeaconFile(const Context& c, const v1::SignedDoc& doc) {
  MUSTER_ASSIGN_OR_RETURN(Verified<v1::Beacon> beacon,
                          VerifyBeacon(InputsFor(c, doc, kBeaconName)));
  MUSTER_RETURN_IF_ERROR(CheckHead(beacon.payload(), *c.trust));
  return CheckNotBehind(c.accepted.audit_log(), beacon.payload());
}

absl::Status VerifyReportFile(const Context& c, const v1::SignedDoc& doc) {
  if (!c.device) {
    return VerifyError(VerifyCode::kUnknownKey,
                       "a report is signed by its device; pass that device's --state");
  }
  MUSTER_ASSIGN_OR_RETURN(std::string spki, SpkiOfCertificate(c.device->certificate_pem));
  MUSTER_ASSIGN_OR_RETURN(PublicKey key, PublicKey::FromSpki(spki, kEcdsaP256Sha256));
  return VerifyReport(doc, key, c.device_id).status();
}

absl::Status VerifyFile(Context& c, const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(v1::SignedDoc doc, ReadDocument(path));
  const absl::string_view type = doc.payload_type();
  if (type == kRootKind.payload_type) return VerifyRootFile(c, doc);
  if (type == kCohortKind.payload_type) return VerifyCohortFile(c, doc);
  if (type == kAssignmentKind.payload_type) return VerifyAssignmentFile(c, doc);
  if (type == kBeaconKind.payload_type) {
    return VerifyBeaconFile(c, doc);
  }
  if (type == kEmergencyDenyKind.payload_type) {
    return VerifyEmergencyDeny(InputsFor(c, doc, kEmergencyDenyName)).status();
  }
  if (type == "muster.v1.Report") return VerifyReportFile(c, doc);
  return VerifyError(VerifyCode::kWrongType,
                     absl::StrCat("this agent takes no '", type.substr(0, 128), "'"));
}

}  // namespace

int RunVerify(const VerifyOptions& options) {
  absl::StatusOr<Context> context = MakeContext(options);
  if (!context.ok()) return Fail(context.status());
  int exit_code = 0;
  for (const std::string& file : options.files) {
    const absl::Status status = VerifyFile(*context, file);
    if (status.ok()) {
      std::printf("%s OK\n", file.c_str());
      continue;
    }
    const std::optional<VerifyCode> code = VerifyCodeOf(status);
    if (!code) {
      exit_code = std::max(exit_code, Fail(status));
      continue;
    }
    // The message starts with the code.
    std::string text(status.message());
    if (const size_t colon = text.find(':'); colon != std::string::npos) text.erase(colon, 1);
    std::printf("%s %s\n", file.c_str(), text.c_str());
    exit_code = std::max(exit_code, 3);
  }
  return exit_code;
}

}  // namespace muster::agent
