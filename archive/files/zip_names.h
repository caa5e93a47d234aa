// Names of the members of a zip. Pure.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace muster::archive {

// As it may stand in a sentence: short, without anything that moves a cursor.
std::string ShownName(absl::string_view name);
// The part after the last '/'.
absl::string_view BaseName(absl::string_view path);
// Looks at each name of one zip. Thread-compatible.
class ZipNames {
 public:
  // INVALID_ARGUMENT: it is no plain relative UTF-8 path, or another member has it, or one that
  // some file system takes for it (FoldedName).
  absl::Status Add(absl::string_view name);

 private:
  std::set<std::string> folded_;
};

}  // namespace muster::archive
