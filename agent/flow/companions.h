// Programs that are a runtime shared by many apps (Electron, NW.js, Chromium, Java): one file,
// byte for byte, under many names. What makes such a program an app lies beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "agent/domain/candidate_index.h"
#include "agent/flow/machine.h"
#include "common/mutex.h"

namespace muster::agent {

struct Companion {
  std::string path;  // relative to the program's folder: "resources/app.asar"
  uint64_t size = 0;
  std::string sha256;  // lowercase hex
  bool operator==(const Companion&) const = default;
};

// What a program's surroundings say about it.
struct Runtime {
  std::string kind;    // "Electron", as a person knows it; empty: a program of its own
  std::string folder;  // where it was recognised
  std::optional<Companion> companion;
  // Without a companion these bytes are in other apps too: they must not be learned.
  bool generic = false;

  bool shared() const { return !kind.empty(); }
};

// Reads files, also large ones: not for a thread that answers the kernel. Thread-safe; `machine`
// outlives it. Remembers the last limits::kMaxCompanionHashes hashes by stamp.
class Companions {
 public:
  explicit Companions(Machine* machine) : machine_(machine) {}

  // How the program at `path` is to be learned.
  Runtime RuntimeOf(const std::string& path);

  // True when the companion of `known` is beside the program at `path`, with the same bytes.
  bool IsBeside(const std::string& path, const KnownHash& known);

 private:
  std::optional<std::string> HashOf(const std::string& path, const FileStamp& stamp);
  void Keep(const FileStamp& stamp, const std::string& sha256);
  std::optional<Companion> Read(const std::string& folder, const std::string& up,
                                const std::string& name);

  Machine* const machine_;
  Mutex mu_;
  absl::flat_hash_map<FileStamp, std::string> sha256_of_ ABSL_GUARDED_BY(mu_);
};

// The app that a file at `path` with these contents is: the strongest match whose companion is
// there and, for other bytes with a known build-id, whose path no other package owns. Reads
// files, as Companions does.
std::optional<AppIndex> AppOfContents(const PolicyIndex& policy, const CandidateIndex& candidates,
                                      const FileContents& contents, const std::string& path,
                                      Companions& companions, Machine& machine);

}  // namespace muster::agent
