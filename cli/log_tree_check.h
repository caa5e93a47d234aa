// One walk over an export, entry by entry: what each hashes to, whether the tiles and the head
// say the same, and what others saw on the way. Part of log_verify.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/log_folder.h"
#include "cli/log_verify.h"
#include "common/log_tiles.h"

namespace muster::cli {

// A head that somebody holds a signed note of.
struct SeenHead {
  uint64_t size = 0;
  std::string root;
  bool refused = false;  // it was offered to them, and they did not take it
  auto operator<=>(const SeenHead&) const = default;
};
struct SeenBy {
  std::string who;      // the first of them
  uint64_t others = 0;  // that hold the same
};
using SeenHeads = std::map<SeenHead, SeenBy>;

void AddFinding(LogReport& report, std::string code, std::string place, std::string detail);
void AddWarning(LogReport& report, std::string code, std::string place, std::string detail);

// Thread-compatible; owns none of its arguments.
class LogTreeCheck {
 public:
  LogTreeCheck(const ExportFolder& folder, const SeenHeads& seen, LogReport& report)
      : folder_(folder), seen_(seen), report_(report), next_seen_(seen.begin()) {}
  // Once. The report's head is set.
  void Run();

 private:
  void CheckBundle(uint64_t index, uint64_t width);
  // The hashes of a bundle's entries into `hashes_`, those that are gone from `tile_`; false: the
  // bundle is not there or cannot be read.
  bool HashBundle(uint64_t index, uint64_t width);
  void CheckEntry(uint64_t sequence, absl::string_view bytes);
  void CheckPruning(uint64_t sequence);
  void SettleDifference(uint64_t index, uint64_t width);
  bool TileIsRight(uint64_t index, uint64_t width);
  void Grow();  // the tree by `hashes_`
  bool ReadTile(uint32_t level, uint64_t index, uint64_t width, std::string& out);
  void CheckTile(const Tile& tile);
  void CompareSeen();  // with the tree as it is now
  void Finish();

  const ExportFolder& folder_;
  const SeenHeads& seen_;
  LogReport& report_;
  SeenHeads::const_iterator next_seen_;
  TileEdge edge_;
  std::vector<Tile> full_;
  v1::AuditEntry entry_;  // kept for its memory, as are these
  std::string bundle_, tile_, hashes_, above_;
  bool have_tile_ = false;
  size_t without_tile_ = 0;    // bundles
  uint64_t gone_below_ = 0;    // the entries before it, without a gap, have no text here
  uint64_t pruned_below_ = 0;  // and those before this may lack it: an entry of the log says so
  uint64_t pruned_by_ = 0;     // the entry that does
};

}  // namespace muster::cli
