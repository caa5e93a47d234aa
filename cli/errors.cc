#include "cli/errors.h"

#include "absl/strings/str_cat.h"

namespace muster::cli {
namespace {

// Empty where only the controller knows what to do next: its message says it.
absl::string_view NextStep(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "check that musterd runs and that 'server' and 'ca' in the profile are right, then "
             "repeat";
    case absl::StatusCode::kDeadlineExceeded:
      return "look whether it took effect (list or show), then repeat, with a longer --timeout";
    case absl::StatusCode::kResourceExhausted:
      return "wait a moment, then repeat";
    case absl::StatusCode::kUnauthenticated:
      return "sign in with `musterctl login`, or use a profile whose certificate this controller "
             "takes "
             "and that has not expired";
    case absl::StatusCode::kAborted:
      return "someone else changed it first: look again, then repeat";
    case absl::StatusCode::kUnimplemented:
      return "the controller is older than this musterctl: update it";
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnknown:
      return "tell the controller's operator; its log has the details";
    case absl::StatusCode::kOk:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return "";
    case absl::StatusCode::kDoNotUseReservedForFutureExpansionUseDefaultInSwitchInstead_:
      break;
  }
  return "";
}

}  // namespace

std::string ErrorText(const absl::Status& status) {
  std::string message(status.message());
  if (message.empty()) message = absl::StatusCodeToString(status.code());
  const absl::string_view next = NextStep(status.code());
  if (next.empty()) return absl::StrCat("musterctl: ", message, "\n");
  return absl::StrCat("musterctl: ", message, "\n  next: ", next, "\n");
}

}  // namespace muster::cli
