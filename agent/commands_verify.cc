// Offline: is this document what the root vouches for?
#include <algorithm>
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/files/identity_files.h"
#include "agent/commands.h"
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

struct Context {
  std::optional<Trust> trust;
  v1::SignedDoc trust_doc;
  v1::AcceptedState accepted;  // floors; empty without --state
  std::optional<EnrolledDevice> device;
  std::string device_id;
  absl::Time now;
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
  absl::StatusOr<VerifiedRoot> root =
      VerifyRoot(*doc, nullptr, tenant, Floor(), FromProto(claimed.header().issued_at()));
  if (!root.ok()) {
    return absl::Status(root.status().code(), absl::StrCat("--trust ", options.trust_file, ": ",
                                                           root.status().message()));
  }
  context.trust = root->trust();
  context.trust_doc = *std::move(doc);
  return context;
}

VerifyInputs InputsFor(const Context& c, const v1::SignedDoc& doc, std::string role,
                       std::string kind, std::string name) {
  Floor floor = FloorOf(c.accepted, name);
  return {
      doc,  *c.trust, std::move(role), doc.payload_type(), std::move(kind), name, std::move(floor),
      c.now};
}

absl::Status VerifyAssignmentFile(const Context& c, const v1::SignedDoc& doc) {
  // Without a state directory there is no certificate to compare with: what the document says
  // of itself is then taken, and everything else is still checked.
  v1::DeviceAssignment claimed;
  claimed.ParseFromString(doc.payload());
  const std::string device = c.device_id.empty() ? claimed.device_id() : c.device_id;
  const bool own = c.device && c.device->identity.device_id == device;
  const std::string key =
      own ? c.device->identity.certificate_key_sha256 : claimed.certificate_key_sha256();
  MUSTER_ASSIGN_OR_RETURN(
      VerifiedAssignment assignment,
      VerifyAssignment(InputsFor(c, doc, "assignment", "assignment", AssignmentName(device)),
                       device, key));
  if (assignment.assignment().cohort() != kLinuxCohort) {
    return VerifyError(VerifyCode::kWrongCohort,
                       absl::StrCat("puts the device into ", assignment.assignment().cohort()));
  }
  return absl::OkStatus();
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

absl::Status VerifyFile(const Context& c, const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(v1::SignedDoc doc, ReadDocument(path));
  if (doc.payload_type() == "muster.v1.Root") {
    const bool same = doc.payload() == c.trust_doc.payload();
    return VerifyRoot(doc, same ? nullptr : &*c.trust, c.trust->tenant(),
                      FloorOf(c.accepted, "root"), c.now)
        .status();
  }
  if (c.now >= c.trust->not_after()) {
    return VerifyError(VerifyCode::kExpired,
                       absl::StrCat("the root ended ", TimeText(c.trust->not_after())));
  }
  if (doc.payload_type() == "muster.v1.CohortPolicy") {
    return VerifyCohort(InputsFor(c, doc, "policy", "cohort", kLinuxCohort), v1::Platform::LINUX)
        .status();
  }
  if (doc.payload_type() == "muster.v1.DeviceAssignment") return VerifyAssignmentFile(c, doc);
  if (doc.payload_type() == "muster.v1.Report") return VerifyReportFile(c, doc);
  return VerifyError(VerifyCode::kWrongType,
                     absl::StrCat("this agent takes no '", doc.payload_type().substr(0, 128), "'"));
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
