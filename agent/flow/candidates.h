// Which files are programs of catalogued apps: load from the machine -> decide -> an index.
// Reads files; never on the decision path.
#pragma once

#include <string>
#include <vector>

#include "agent/domain/candidate_index.h"
#include "agent/domain/inventory.h"
#include "agent/domain/policy_index.h"
#include "agent/flow/companions.h"
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

// True when this dpkg package is an identity of the app.
bool IsAppPackage(const PolicyIndex& policy, const std::string& package, AppIndex app);

// Adds what `file` of `app_id`, found in the surroundings `runtime`, taught. A file that other
// apps share is learned with its companion or not at all, and so is one that an installed package
// which is not the app ships as well: what that leaves open is said in `notes`. What an earlier
// run learned of the same bytes without their build-id or companion is completed. True when
// `learned` changed.
bool Learn(const PolicyIndex& policy, const ProgramFile& file, const HashedFile& hashed,
           const Runtime& runtime, absl::Time now, Machine& machine, v1::LearnedHashes& learned,
           std::vector<std::string>& notes);

}  // namespace muster::agent
