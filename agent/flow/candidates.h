// Which files are programs of catalogued apps: load from the machine -> decide -> an index.
// Reads files; never on the decision path.
#pragma once

#include <string>
#include <vector>

#include "agent/domain/candidate_index.h"
#include "agent/domain/inventory.h"
#include "agent/domain/policy_index.h"
#include "agent/flow/machine.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {

struct Candidates {
  CandidateIndex::Parts parts;
  // Program files whose contents should be known, so that a copy stays blocked.
  std::vector<ProgramFile> to_learn;
  std::vector<std::string> notes;  // what cannot be enforced, in words
};

// `learned`: what earlier runs learned.
Candidates FindCandidates(const PolicyIndex& policy, const Inventory& inventory,
                          const v1::LearnedHashes& learned, Machine& machine);

// The app that a file at `path` is by its path, given the dpkg package that owns it (empty:
// none). A path that another package owns proves nothing.
std::optional<AppIndex> MatchOwnedPath(const PolicyIndex& policy, const std::string& path,
                                       const std::string& owner);

// Adds what `file` of `app_id` taught. A file that an installed package which is not the app
// ships as well is not learnable: that is said in `notes`. True when `learned` changed.
bool Learn(const PolicyIndex& policy, const ProgramFile& file, const HashedFile& hashed,
           absl::Time now, Machine& machine, v1::LearnedHashes& learned,
           std::vector<std::string>& notes);

}  // namespace muster::agent
