#include "cli/errors.h"

#include <gtest/gtest.h>

#include <utility>

namespace muster::cli {
namespace {

TEST(ExitCode, IsTheContractsForEveryCode) {
  using Code = absl::StatusCode;
  const std::pair<Code, int> kCases[] = {
      {Code::kOk, 0},
      {Code::kCancelled, 1},
      {Code::kUnknown, 1},
      {Code::kInvalidArgument, 2},
      {Code::kDeadlineExceeded, 6},
      {Code::kNotFound, 5},
      {Code::kAlreadyExists, 3},
      {Code::kPermissionDenied, 4},
      {Code::kResourceExhausted, 6},
      {Code::kFailedPrecondition, 3},
      {Code::kAborted, 3},
      {Code::kOutOfRange, 1},
      {Code::kUnimplemented, 1},
      {Code::kInternal, 1},
      {Code::kUnavailable, 6},
      {Code::kDataLoss, 1},
      {Code::kUnauthenticated, 4},
  };
  for (const auto& [code, want] : kCases) {
    EXPECT_EQ(ExitCode(absl::Status(code, "x")), want) << absl::StatusCodeToString(code);
  }
}

TEST(ErrorText, SaysWhatIsWrongAndWhatToDo) {
  const std::pair<absl::Status, const char*> kCases[] = {
      {absl::NotFoundError("no app 'x'; see `musterctl app list`"),
       "musterctl: no app 'x'; see `musterctl app list`\n"},
      {absl::UnavailableError("the controller at a:1 cannot be reached: refused"),
       "musterctl: the controller at a:1 cannot be reached: refused\n"
       "  next: check that musterd runs and that 'server' and 'ca' in the profile are right, then "
       "repeat\n"},
      {absl::AbortedError("request REQ-1 has changed"),
       "musterctl: request REQ-1 has changed\n"
       "  next: someone else changed it first: look again, then repeat\n"},
      {absl::ResourceExhaustedError("too many calls"),
       "musterctl: too many calls\n  next: wait a moment, then repeat\n"},
      {absl::Status(absl::StatusCode::kFailedPrecondition, ""), "musterctl: FAILED_PRECONDITION\n"},
  };
  for (const auto& [status, want] : kCases) EXPECT_EQ(ErrorText(status), want);
}

}  // namespace
}  // namespace muster::cli
