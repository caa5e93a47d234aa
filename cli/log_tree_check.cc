#include "cli/log_tree_check.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/message_json.h"
#include "common/log_limits.h"
#include "common/merkle.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

constexpr size_t kMaxBundleBytes = kTileWidth * (2 + limits::kMaxLogEntryBytes);
// Clocks of one machine are set back by less; several controllers' may differ by it.
constexpr absl::Duration kClockSlack = absl::Seconds(1);

std::string EntryPlace(uint64_t sequence, uint64_t size) {
  const uint64_t bundle = sequence / kTileWidth;
  return absl::StrCat("entry ", sequence, " (", BundlePath(bundle, TileWidthAt(size, 0, bundle)),
                      ")");
}

absl::string_view HashAt(absl::string_view hashes, uint64_t i) {
  return hashes.substr(i * kHashBytes, kHashBytes);
}

std::string TreeHead(absl::string_view hashes) {
  std::vector<std::string> leaves;
  for (uint64_t i = 0; i * kHashBytes < hashes.size(); ++i) leaves.emplace_back(HashAt(hashes, i));
  return MerkleRoot(leaves);
}

std::string Who(const SeenBy& by) {
  if (by.others == 0) return by.who;
  return absl::StrCat(by.who, " and ", by.others, " more");
}

std::string HeadText(uint64_t size, absl::string_view root) {
  return absl::StrCat("size ", size, " root ", absl::Base64Escape(root));
}

void Add(std::vector<LogFinding>& list, uint64_t& more, LogFinding finding) {
  if (list.size() == limits::kMaxLogFindings) {
    ++more;
  } else {
    list.push_back(std::move(finding));
  }
}

}  // namespace

void AddFinding(LogReport& report, std::string code, std::string place, std::string detail) {
  Add(report.findings, report.more_findings,
      {std::move(code), std::move(place), std::move(detail)});
}

void AddWarning(LogReport& report, std::string code, std::string place, std::string detail) {
  Add(report.warnings, report.more_warnings,
      {std::move(code), std::move(place), std::move(detail)});
}

void LogTreeCheck::Run() {
  const uint64_t size = report_.head.size;
  CompareSeen();
  const uint64_t tiles = size / kTileWidth + (size % kTileWidth > 0 ? 1 : 0);
  for (uint64_t index = 0; index < tiles; ++index) {
    CheckBundle(index, TileWidthAt(size, 0, index));
    // A head may sign any size: the walk is as long as what is there.
    if (!have_tile_ && ++without_tile_ == limits::kMaxLogFindings) {
      AddFinding(report_, "MISSING_FILE", TilePath(0, index, TileWidthAt(size, 0, index)),
                 "so many tiles are not there that the rest was not looked at");
      return;
    }
  }
  for (const Tile& tile : edge_.PartialTiles()) CheckTile(tile);
  Finish();
}

void LogTreeCheck::CheckBundle(uint64_t index, uint64_t width) {
  have_tile_ = ReadTile(0, index, width, tile_);
  if (!HashBundle(index, width)) {
    // With neither, any hash does: the levels above and the head will not fit either.
    hashes_ = have_tile_ ? tile_ : std::string(width * kHashBytes, '\0');
  } else if (have_tile_ && hashes_ != tile_) {
    SettleDifference(index, width);
  }
  Grow();
}

bool LogTreeCheck::HashBundle(uint64_t index, uint64_t width) {
  const std::string path = BundlePath(index, width);
  const uint64_t first = index * kTileWidth;
  const absl::Status read = folder_.Read(path, kMaxBundleBytes, bundle_);
  if (absl::IsNotFound(read) && gone_below_ == first) {
    gone_below_ += width;  // whether they may be is known at the end
    report_.hash_only += width;
    return false;
  }
  if (!read.ok()) {
    AddFinding(report_, absl::IsNotFound(read) ? "MISSING_FILE" : "UNREADABLE_FILE", path,
               std::string(read.message()));
    return false;
  }
  const absl::StatusOr<std::vector<absl::string_view>> entries = ParseBundle(bundle_);
  if (!entries.ok() || entries->size() != width) {
    AddFinding(report_, "BUNDLE_MALFORMED", path,
               entries.ok()
                   ? absl::StrCat("it has ", entries->size(), " entries where ", width, " are due")
                   : std::string(entries.status().message()));
    return false;
  }
  hashes_.clear();
  for (uint64_t i = 0; i < width; ++i) {
    const absl::string_view bytes = (*entries)[i];
    if (bytes.empty() && gone_below_ == first + i && have_tile_) {
      ++gone_below_;
      ++report_.hash_only;
      hashes_.append(HashAt(tile_, i).data(), kHashBytes);
      continue;
    }
    hashes_ += LeafHash(bytes);
    CheckEntry(first + i, bytes);
  }
  return true;
}

void LogTreeCheck::CheckEntry(uint64_t sequence, absl::string_view bytes) {
  ++report_.texts;
  if (bytes.empty() || !entry_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    AddFinding(report_, "ENTRY_MALFORMED", EntryPlace(sequence, report_.head.size),
               bytes.empty() ? "it has no text, and those before it have"
                             : "it is no entry of an audit log");
    return;
  }
  if (entry_.sequence() != sequence) {
    AddFinding(report_, "SEQUENCE", EntryPlace(sequence, report_.head.size),
               absl::StrCat("it says that it is entry ", entry_.sequence()));
  }
  const absl::Time at = FromProto(entry_.at());
  if (report_.first_at == absl::InfinitePast()) report_.first_at = at;
  if (at + kClockSlack < report_.last_at) {
    AddWarning(report_, "TIME", EntryPlace(sequence, report_.head.size),
               absl::StrCat("its time is ", absl::FormatDuration(report_.last_at - at),
                            " before that of the entry before it"));
  }
  report_.last_at = at;
  if (entry_.verb() == "audit.prune" && entry_.outcome() == "ok") CheckPruning(sequence);
}

void LogTreeCheck::CheckPruning(uint64_t sequence) {
  const Json after = Json::parse(entry_.after(), nullptr, false);
  if (!after.is_object()) return;
  const auto found = after.find("pruned_below");
  if (found == after.end()) return;
  uint64_t below = 0;
  if (found->is_number_unsigned()) below = found->get<uint64_t>();
  // Protobuf's JSON has 64-bit numbers as text.
  if (found->is_string() && !absl::SimpleAtoi(found->get<std::string>(), &below)) return;
  if (below > sequence || below <= pruned_below_) return;
  pruned_below_ = below;
  pruned_by_ = sequence;
}

// Either the entry or the tile was changed: what stands above them says which. The walk goes on
// with the other, so that one change is one finding.
void LogTreeCheck::SettleDifference(uint64_t index, uint64_t width) {
  const uint64_t size = report_.head.size;
  uint64_t first = width, count = 0;
  for (uint64_t i = 0; i < width; ++i) {
    if (HashAt(hashes_, i) == HashAt(tile_, i)) continue;
    first = std::min(first, i);
    ++count;
  }
  const std::string more = count == 1 ? "" : absl::StrCat(", nor are ", count - 1, " after it");
  if (TileIsRight(index, width)) {
    AddFinding(report_, "ENTRY_MISMATCH", EntryPlace(index * kTileWidth + first, size),
               absl::StrCat("it is not the entry that the log's tree has there", more));
    hashes_ = tile_;
    return;
  }
  AddFinding(
      report_, "TILE_MISMATCH", TilePath(0, index, width),
      absl::StrCat("its hash ", first, " is not that of entry ", index * kTileWidth + first, more));
}

bool LogTreeCheck::TileIsRight(uint64_t index, uint64_t width) {
  const uint64_t size = report_.head.size;
  if (width == kTileWidth) {
    const uint64_t above = index / kTileWidth;
    const std::string path = TilePath(1, above, TileWidthAt(size, 1, above));
    return folder_.Read(path, kTileWidth * kHashBytes, above_).ok() &&
           above_.size() >= (index % kTileWidth + 1) * kHashBytes &&
           HashAt(above_, index % kTileWidth) == TreeHead(tile_);
  }
  TileEdge edge = edge_;
  std::vector<Tile> full;
  for (uint64_t i = 0; i < width; ++i) edge.Append(HashAt(tile_, i), full);
  return edge.Root() == report_.head.root;
}

void LogTreeCheck::Grow() {
  for (uint64_t i = 0; i * kHashBytes < hashes_.size(); ++i) {
    edge_.Append(HashAt(hashes_, i), full_);
    CompareSeen();
  }
  for (const Tile& tile : full_) {
    if (tile.level > 0) CheckTile(tile);  // level 0 was looked at with its bundle
  }
  full_.clear();
}

bool LogTreeCheck::ReadTile(uint32_t level, uint64_t index, uint64_t width, std::string& out) {
  const std::string path = TilePath(level, index, width);
  const absl::Status read = folder_.Read(path, width * kHashBytes, out);
  if (absl::IsNotFound(read)) {
    AddFinding(report_, "MISSING_FILE", path, std::string(read.message()));
  } else if (!read.ok() && !absl::IsOutOfRange(read)) {
    AddFinding(report_, "UNREADABLE_FILE", path, std::string(read.message()));
  } else if (!read.ok() || out.size() != width * kHashBytes) {
    AddFinding(report_, "TILE_MISMATCH", path, absl::StrCat("it does not have ", width, " hashes"));
  } else {
    ++report_.tiles;
    return true;
  }
  return false;
}

void LogTreeCheck::CheckTile(const Tile& tile) {
  const uint64_t width = tile.hashes.size() / kHashBytes;
  if (!ReadTile(tile.level, tile.index, width, above_)) return;
  if (above_ == tile.hashes) return;
  const auto differs = std::mismatch(above_.begin(), above_.end(), tile.hashes.begin()).first;
  AddFinding(report_, "TILE_MISMATCH", TilePath(tile.level, tile.index, width),
             absl::StrCat("its hash ", static_cast<size_t>(differs - above_.begin()) / kHashBytes,
                          " is not the one that the level below leads to"));
}

void LogTreeCheck::CompareSeen() {
  if (next_seen_ == seen_.end() || next_seen_->first.size != edge_.size()) return;
  const std::string root = edge_.Root();
  for (; next_seen_ != seen_.end() && next_seen_->first.size == edge_.size(); ++next_seen_) {
    const auto& [head, by] = *next_seen_;
    const std::string both = absl::StrCat("there: ", HeadText(head.size, head.root),
                                          "; here: ", HeadText(head.size, root));
    if (head.refused && head.root == root) {
      AddWarning(report_, "REFUSED", Who(by),
                 absl::StrCat("the head ", HeadText(head.size, head.root),
                              " was refused there, though this log has it: ask what else was "
                              "shown to that device"));
    } else if (head.refused) {
      AddFinding(report_, "FORK", Who(by),
                 absl::StrCat("a head that is not this log's was signed, and refused; ", both));
    } else if (head.root != root) {
      AddFinding(report_, "WITNESS_INCONSISTENT", Who(by),
                 absl::StrCat("another log was seen; ", both));
    }
  }
}

void LogTreeCheck::Finish() {
  const uint64_t size = report_.head.size;
  if (const std::string root = edge_.Root(); root != report_.head.root) {
    AddFinding(report_, "ROOT_MISMATCH", kCheckpointFile,
               absl::StrCat("it signs ", HeadText(size, report_.head.root),
                            ", but the entries lead to ", HeadText(size, root)));
  }
  for (; next_seen_ != seen_.end(); ++next_seen_) {
    const auto& [head, by] = *next_seen_;
    AddFinding(report_, "BEHIND", Who(by),
               absl::StrCat("this export ends at ", size, " entries, but a head of ", head.size,
                            head.refused ? " was refused there" : " was seen there"));
  }
  if (gone_below_ > pruned_below_) {
    const uint64_t from = pruned_below_ / kTileWidth;
    for (uint64_t i = from; i * kTileWidth < gone_below_; ++i) {
      AddFinding(report_, "MISSING_FILE", BundlePath(i, TileWidthAt(size, 0, i)),
                 "its entries are not there, and no entry of the log says that they were pruned");
    }
  } else if (gone_below_ > 0) {
    AddWarning(
        report_, "PRUNED", EntryPlace(pruned_by_, size),
        absl::StrCat("it says that entries before ", pruned_below_,
                     " were pruned; of those before ", gone_below_, " only the hashes are here"));
  }
}

}  // namespace muster::cli
