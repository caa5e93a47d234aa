// What `musterd fsck` finds in a store, for tests of flows.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/adapters/rocksdb/store_reader.h"
#include "controller/flow/store_check.h"

namespace muster {

// "CODE key: detail", in the order in which they were found. The store may be open.
inline std::vector<std::string> FindingsIn(const std::string& db) {
  const auto reader = StoreReader::Open(db);
  if (!reader.ok()) return {reader.status().ToString()};
  const auto check =
      CheckStore(*(*reader)->Read(), (*reader)->internals(), [](absl::string_view, uint64_t) {});
  if (!check.ok()) return {check.status().ToString()};
  std::vector<std::string> out;
  for (const StoreFinding& finding : check->findings) {
    out.push_back(
        absl::StrCat(ProblemName(finding.problem), " ", finding.key, ": ", finding.detail));
  }
  return out;
}

}  // namespace muster
