// This device as a witness: the controller's audit log may only ever grow, and a head that does not
// continue the one seen before is refused and kept as evidence. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/signed_doc.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/device_service.pb.h"
#include "muster/v1/policy.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// The refused_code of a log that began anew with an epoch: not refused, but to be told.
inline constexpr char kBeganAnew[] = "EPOCH";

// What a verified Beacon says of the log by itself. MALFORMED: no tree head. Where the root in
// force names keys of the log: errors of OpenCheckpoint; NOT_NAMED: the checkpoint is of another
// head.
absl::Status CheckHead(const v1::Beacon& beacon, const Trust& trust);

// What shows without any proof. ROLLBACK: fewer entries than `seen`; EQUIVOCATION: as many, and
// others. Any head is fine when none was seen, and with an epoch above that of `seen`.
absl::Status CheckNotBehind(const v1::SeenLog& seen, const v1::Beacon& beacon);

// What this device has seen once it takes the Beacon. The first head of all is taken as it is;
// after it each one needs the proof that it continues `seen`. With a higher epoch a log may begin
// anew: what was seen before is then kept in refused_*, with kBeganAnew. Errors of the two above;
// OVERSIZE and MALFORMED for the proof; NOT_NAMED: no proof from `seen`; INCONSISTENT: the proof
// does not lead from `seen` to this head.
absl::StatusOr<v1::SeenLog> AcceptHead(const v1::SeenLog& seen, const v1::Beacon& beacon,
                                       const v1::BeaconUpdate& update, const Trust& trust,
                                       absl::Time now);

// The same with the evidence of a head that AcceptHead refused by `why`; `seen` itself where that
// accuses nobody: what is not signed, or only lacks its proof.
v1::SeenLog WithRefused(const v1::SeenLog& seen, const v1::Beacon& beacon, const Trust& trust,
                        const absl::Status& why, absl::Time now);

// True when a WitnessReport is owed: after the first head, after a refusal or a new beginning, and
// each limits::kWitnessInterval. Never while there is nothing signed to tell of.
bool WitnessDue(const v1::SeenLog& seen, absl::Time now);
v1::WitnessReport WitnessReportOf(const v1::SeenLog& seen);

// What people are told of refused_*; empty: there is nothing. The same text while one code stands.
std::string RefusedText(const v1::SeenLog& seen);

}  // namespace muster::agent
