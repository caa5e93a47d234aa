// One strict YAML document: no anchors, aliases or tags, no key twice, nothing too deep, and every
// value knows where it was written. yaml-cpp's own nodes forget that, so its events are read.
// Never throws.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster::bridge {

struct ConfigField;

// Lines and columns count from 1, columns in bytes.
struct ConfigNode {
  enum class Kind { kEmpty, kText, kList, kMap };
  Kind kind = Kind::kEmpty;
  std::string text;  // kText
  int line = 0, column = 0;
  std::vector<ConfigNode> items;    // kList
  std::vector<ConfigField> fields;  // kMap, in file order
};

struct ConfigField {
  std::string key;
  int line = 0, column = 0;
  ConfigNode value;
};

// INVALID_ARGUMENT: "file:line:column: what is wrong".
absl::StatusOr<ConfigNode> ReadConfigDocument(absl::string_view file, absl::string_view text);

// That error for `node`.
absl::Status ConfigError(absl::string_view file, int line, int column, absl::string_view message);

}  // namespace muster::bridge
