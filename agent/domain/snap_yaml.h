// A snap's meta/snap.yaml, as far as an inventory needs it. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace muster::agent {

struct SnapMeta {
  std::string version, title;
  bool operator==(const SnapMeta&) const = default;
};

// The top-level scalars alone, plain or quoted on one line, as snapcraft writes them: no anchors
// are followed and nothing nests, so no input can be a bomb. The first of each key counts.
SnapMeta ParseSnapYaml(absl::string_view text);

}  // namespace muster::agent
