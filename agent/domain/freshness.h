// How sure this device can be that it holds what is current everywhere. Pure. It is only shown:
// no decision depends on it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "muster/v1/policy.pb.h"

namespace muster::agent {

// A document of this device. `version` 0: none has been accepted.
struct OwnDocument {
  std::string name;
  uint32_t epoch = 0;
  uint64_t version = 0;
  std::string sha256;
  absl::Time not_after = absl::InfiniteFuture();
  bool optional = false;  // an emergency deny: not always there, and after its end no more
};

// The last Beacon that was accepted, with the leaves whose proofs led to its root.
struct ProvenBeacon {
  absl::Time not_after;
  std::vector<v1::DocumentLeaf> leaves;
};

struct Freshness {
  std::vector<std::string> stale_because;
  // When the Beacon ends that proves every document; InfinitePast: none does.
  absl::Time fresh_until = absl::InfinitePast();
  bool ended = false;  // a document in force has ended
};

Freshness CheckFreshness(const std::vector<OwnDocument>& own,
                         const std::optional<ProvenBeacon>& beacon, absl::Time now);

// A leaf of an own document's very version with other contents: two signed documents that
// contradict each other. In words; empty: none.
std::vector<std::string> FindContradictions(const std::vector<OwnDocument>& own,
                                            const std::vector<v1::DocumentLeaf>& leaves);

}  // namespace muster::agent
