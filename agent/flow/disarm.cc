#include "agent/flow/disarm.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster::agent {

absl::StatusOr<v1::DisarmReport> MakeDisarm(const DisarmRequest& request, absl::Time now) {
  if (request.by_uid != 0) {
    return absl::PermissionDeniedError(
        "only root may disarm this agent; run the command with "
        "sudo");
  }
  if (absl::StripAsciiWhitespace(request.reason).empty()) {
    return absl::InvalidArgumentError("say why with --reason; it goes on record");
  }
  if (request.reason.size() > limits::kMaxReasonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the reason is longer than ", limits::kMaxReasonBytes, " bytes"));
  }
  if (!request.rearm &&
      (request.duration <= absl::ZeroDuration() || request.duration > limits::kMaxDisarm)) {
    return absl::InvalidArgumentError(absl::StrCat("--for ", absl::FormatDuration(request.duration),
                                                   " is not between 1s and ",
                                                   absl::FormatDuration(limits::kMaxDisarm)));
  }
  v1::DisarmReport report;
  report.set_reason(request.reason);
  report.set_by_uid(request.by_uid);
  report.set_by_account(request.by_account);
  report.set_rearmed(request.rearm);
  *report.mutable_until() = ToProto(request.rearm ? now : now + request.duration);
  return report;
}

std::optional<v1::DisarmState> LoadDisarm(const StateStore& store) {
  absl::StatusOr<std::optional<std::string>> bytes = store.Read(kDisarmFile);
  v1::DisarmState state;
  if (!bytes.ok() || !bytes->has_value() || !state.ParseFromString(**bytes) ||
      !state.has_disarm()) {
    return std::nullopt;
  }
  return state;
}

absl::Status SaveDisarm(StateStore& store, const v1::DisarmReport& report, bool reported) {
  v1::DisarmState state;
  *state.mutable_disarm() = report;
  state.set_reported(reported);
  return store.Write(kDisarmFile, state.SerializeAsString());
}

bool IsDisarmed(const std::optional<v1::DisarmState>& state, absl::Time now) {
  return state && !state->disarm().rearmed() && now < FromProto(state->disarm().until());
}

}  // namespace muster::agent
