#include "controller/domain/proof.h"

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/utf8_check.h"

namespace muster {
namespace {

// "/home, /srv: read-only"
std::string PlacesOf(const v1::PolicyReport& report, v1::Canary::Result result) {
  std::string out;
  for (const v1::Canary& c : report.canaries()) {
    if (c.result() != result) continue;
    absl::StrAppend(&out, out.empty() ? "" : ", ", c.filesystem());
    if (!c.detail().empty()) absl::StrAppend(&out, ": ", c.detail());
    if (out.size() > limits::kMaxReasonBytes / 4) return absl::StrCat(out, ", …");
  }
  return out;
}

// Where nothing could be tried, if anywhere.
std::string Untried(const v1::PolicyReport& report) {
  std::string out;
  const std::string not_tried = PlacesOf(report, v1::Canary::NOT_TRIED);
  const std::string not_runnable = PlacesOf(report, v1::Canary::NOT_RUNNABLE);
  if (!not_tried.empty()) absl::StrAppend(&out, "no probe was tried on ", not_tried);
  if (!not_runnable.empty()) {
    absl::StrAppend(&out, out.empty() ? "" : "; ", "nothing runs on ", not_runnable);
  }
  return out;
}

Proof Unproven(absl::string_view code, absl::string_view detail) {
  return {false, std::string(code), Shortened(detail, limits::kMaxReasonBytes)};
}

}  // namespace

Proof ProofOf(v1::StatusReport::Mode mode, const v1::PolicyReport& report) {
  if (CannotProve(mode)) {
    return Unproven(v1::StatusReport::Mode_Name(mode),
                    mode == v1::StatusReport::MONITORING
                        ? "this device only monitors: it blocks nothing"
                    : mode == v1::StatusReport::DISARMED
                        ? "this device is disarmed: it blocks nothing until it is armed again"
                        : "this device cannot block: see what it cannot enforce");
  }
  const std::string ran = PlacesOf(report, v1::Canary::RAN);
  if (!ran.empty()) return Unproven(kNotEnforced, absl::StrCat("the probe ran on ", ran));
  const std::string untried = Untried(report);
  if (!PlacesOf(report, v1::Canary::BLOCKED).empty()) {
    return {true, "", Shortened(untried, limits::kMaxReasonBytes)};
  }
  if (!untried.empty())
    return Unproven(kNotProven, absl::StrCat("no probe was blocked: ", untried));
  return Unproven(kNotProven,
                  "the report brings no probe; is the agent older than this controller?");
}

bool CannotProve(v1::StatusReport::Mode mode) {
  return mode == v1::StatusReport::MONITORING || mode == v1::StatusReport::REPORT_ONLY ||
         mode == v1::StatusReport::DISARMED;
}

bool CannotProve(const v1::DocumentState& state) {
  v1::StatusReport::Mode mode = v1::StatusReport::UNSPECIFIED;
  return IsReported(state) && !state.has_verified_at() &&
         v1::StatusReport::Mode_Parse(state.code(), &mode) && CannotProve(mode);
}

bool IsReported(const v1::DocumentState& state) {
  return state.has_verified_at() || (!state.has_nacked_at() && !state.code().empty());
}

}  // namespace muster
