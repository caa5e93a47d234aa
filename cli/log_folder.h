// An export of the audit log as a folder: which files it has, and reading and writing them.
//   checkpoint                                    the signed head, written last
//   tile/<level>/<index>, tile/entries/<index>    c2sp.org/tlog-tiles
//   witness/<who>.checkpoint, <who>.refused       signed notes that others saw, or refused
//   proofs/<sequence>.tlog-proof
//   README.txt                                    for people; no evidence
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "archive/files/bag_folder.h"
#include "common/log_tiles.h"

namespace muster::cli {

inline constexpr char kCheckpointFile[] = "checkpoint";
inline constexpr char kReadmeFile[] = "README.txt";
// There while an export is being written.
inline constexpr char kUnfinishedFile[] = ".unfinished";
inline constexpr char kCheckpointEnd[] = ".checkpoint";
inline constexpr char kRefusedEnd[] = ".refused";

struct ExportFile {
  enum class Kind { kOther, kCheckpoint, kReadme, kTile, kBundle, kWitness, kRefused, kProof };
  Kind kind = Kind::kOther;
  uint32_t level = 0;  // of a tile
  uint64_t index = 0;  // of a tile or bundle; of a proof its entry
  uint64_t width = 0;  // of a tile or bundle
  std::string who;     // of a witness
};

// What a path in an export is, in its one form. Pure.
ExportFile ParseExportPath(absl::string_view path);
// Whether the tree of `size` has this tile or bundle, just so wide. Pure.
bool TreeHas(uint64_t size, const ExportFile& file);
// A file name's part: letters, digits, '.', '-', '_', no dot in front, at most 128. Pure.
bool IsPlainName(absl::string_view name);

std::string WitnessPath(absl::string_view who, absl::string_view end);
std::string ProofPath(uint64_t sequence);

// Thread-compatible. Errors of all members unless they say more: INVALID_ARGUMENT with the path.
class ExportFolder {
 public:
  static absl::StatusOr<ExportFolder> Open(const std::string& path);
  // Makes it where it is not there. ABORTED: another export is being written to it. A link or the
  // like in it is refused.
  static absl::StatusOr<ExportFolder> OpenToWrite(const std::string& path);

  const std::string& path() const { return path_; }
  // Replaces `out`. NOT_FOUND; FAILED_PRECONDITION: no regular file; OUT_OF_RANGE: it has more
  // than `max_bytes`.
  absl::Status Read(const std::string& file, size_t max_bytes, std::string& out) const;
  // Every file below by its relative path, in no order. Links are not followed: they, pipes and
  // the like are not `regular`.
  absl::Status ForEach(
      const std::function<absl::Status(const std::string& file, bool regular)>& each) const;

  // Not durable before Sync().
  absl::Status Write(const std::string& file, absl::string_view bytes) const;
  // Durable, the old content or the new.
  absl::Status Replace(const std::string& file, const std::string& bytes) const;
  absl::Status Remove(const std::string& file) const;  // also when there is none
  // Removes tiles and bundles that the tree of `size` does not have.
  absl::Status RemoveAllBut(uint64_t size) const;
  absl::Status Sync() const;

 private:
  ExportFolder(std::string path, archive::OwnedFd fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}
  absl::Status MakeFoldersOf(const std::string& file) const;

  std::string path_;
  archive::OwnedFd fd_;
};

// The tiles of an export of `size` entries. Thread-compatible; owns nothing.
class ExportTiles final : public TileReader {
 public:
  ExportTiles(const ExportFolder& folder, uint64_t size) : folder_(folder), size_(size) {}
  absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index,
                                       uint64_t width) const override;

 private:
  const ExportFolder& folder_;
  const uint64_t size_;
};

}  // namespace muster::cli
