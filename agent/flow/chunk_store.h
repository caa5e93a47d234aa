// Chunks of a policy that is on its way: each is on disk as soon as it is here, so that after
// any break only the missing ones are asked for.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/flow/state_store.h"
#include "muster/v1/policy.pb.h"

namespace muster::agent {

// Thread-compatible. Holds at most limits::kMaxChunks files: those of one manifest.
class ChunkStore {
 public:
  explicit ChunkStore(StateStore* store) : store_(store) {}

  // The chunk's bytes; empty when there is no file or it is not what its name says.
  std::string Read(const v1::ChunkRef& ref) const;
  // RESOURCE_EXHAUSTED, UNAVAILABLE.
  absl::Status Save(const std::string& sha256, absl::string_view bytes);
  // Removes all others. A file that cannot be removed is tried again the next time.
  void KeepOnly(const std::set<std::string>& sha256s);

 private:
  StateStore* const store_;
};

}  // namespace muster::agent
