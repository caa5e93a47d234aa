// Pages of records, for the views of operators.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "common/limits.h"
#include "controller/flow/records.h"

namespace muster {

inline absl::StatusOr<size_t> PageSize(uint32_t asked) {
  if (asked == 0) return limits::kDefaultPage;
  if (asked > limits::kMaxPage) {
    return absl::InvalidArgumentError(
        absl::StrCat("a page holds at most ", limits::kMaxPage, " items"));
  }
  return asked;
}

// Fills `out` with up to a page of records under `prefix` that `keep` accepts; the cursor is the
// last key looked at. Looks at no more than 50 pages of records that are filtered away.
template <typename T, typename Out, typename Keep>
absl::Status Page(const Snapshot& snapshot, const std::string& prefix, uint32_t asked,
                  const std::string& cursor, Keep&& keep, Out& out) {
  MUSTER_ASSIGN_OR_RETURN(const size_t size, PageSize(asked));
  if (!cursor.empty() && !absl::StartsWith(cursor, prefix)) {
    return absl::InvalidArgumentError("the cursor is not one of this list's");
  }
  std::string after = cursor;
  for (int round = 0; round < 50; ++round) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> records,
                            snapshot.Scan(prefix, after, limits::kMaxPage));
    for (const Record& record : records) {
      if (static_cast<size_t>(out.items_size()) == size) {
        out.set_next_cursor(after);
        return absl::OkStatus();
      }
      MUSTER_ASSIGN_OR_RETURN(Versioned<T> value, Parse<T>(record));
      if constexpr (requires { value.value.set_revision(uint64_t{1}); }) {
        value.value.set_revision(value.revision);
      }
      after = record.key;
      MUSTER_RETURN_IF_ERROR(keep(value.value));
    }
    if (records.size() < limits::kMaxPage) return absl::OkStatus();
  }
  out.set_next_cursor(after);
  return absl::OkStatus();
}

}  // namespace muster
