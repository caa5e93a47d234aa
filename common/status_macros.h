// The two status macros of this project. Not thread-related; no state.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define MUSTER_CONCAT_INNER(a, b) a##b
#define MUSTER_CONCAT(a, b) MUSTER_CONCAT_INNER(a, b)

// Returns the status from the enclosing function unless it is ok.
#define MUSTER_RETURN_IF_ERROR(expr)                                                    \
  do {                                                                                  \
    if (absl::Status muster_status = (expr); !muster_status.ok()) return muster_status; \
  } while (false)

// Assigns the value of a StatusOr to `lhs`, or returns its status.
#define MUSTER_ASSIGN_OR_RETURN(lhs, expr) \
  MUSTER_ASSIGN_OR_RETURN_IMPL(MUSTER_CONCAT(muster_statusor_, __LINE__), lhs, expr)
#define MUSTER_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return std::move(tmp).status();     \
  lhs = *std::move(tmp)
