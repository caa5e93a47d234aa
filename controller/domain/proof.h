// What a device's probes prove of the documents that its signed report names. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/report.pb.h"

namespace muster {

// Codes of a DocumentState that a signed report names and that is not VERIFIED. A device that
// cannot prove anything has its mode as the code.
inline constexpr char kNotEnforced[] = "NOT_ENFORCED";  // a probe ran
inline constexpr char kNotProven[] = "NOT_PROVEN";      // no probe was blocked

struct Proof {
  bool enforced = false;
  std::string code;    // empty: enforced
  std::string detail;  // for people: why not, or where no probe could be tried; may be empty
};

// Enforced: the device says that it enforces, at least one probe was blocked, and none ran. Where
// none could be tried is said. An unknown mode, before the first StatusReport, is taken at the
// word of its probes. `detail` has at most limits::kMaxReasonBytes.
Proof ProofOf(v1::StatusReport::Mode mode, const v1::PolicyReport& report);

// True for a device that blocks nothing, by order or by what it can do: nothing is to be waited
// for there.
bool CannotProve(v1::StatusReport::Mode mode);
// The same of a document that such a device has reported.
bool CannotProve(const v1::DocumentState& state);

// True when a signed report named these bytes, with or without proof.
bool IsReported(const v1::DocumentState& state);

}  // namespace muster
