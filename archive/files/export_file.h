// An export on disk: a text, or a zip of a text and its media. Hostile until proven otherwise:
// zip bombs, names that lead out of the folder, encrypted and doubled members are refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "archive/export_reader.h"

namespace muster::archive {

struct ExportFileSummary {
  ExportSummary text;
  bool zip = false;
  std::string sha256;  // of the file, lowercase hex
  uint64_t file_bytes = 0;
  uint64_t media_bytes = 0;               // uncompressed, of all files beside the text
  std::string text_name;                  // the member that is the chat; empty: the file is
  uint64_t media_files = 0;               // members beside the text
  uint64_t unreferenced_files = 0;        // of those, the ones that no entry names
  std::vector<std::string> unreferenced;  // their names, at most limits::kMaxListedFiles
  // When it was written: of a zip what its directory says, a wall clock of the phone; of a text
  // the file's own time.
  std::optional<absl::CivilSecond> made_wall;
  std::optional<absl::Time> made_at;
};

// Reads the file behind `fd` from its beginning, whatever its position; `name` is the file's.
// With a sink it is read twice, so that the times are right. The descriptor stays the caller's.
// INVALID_ARGUMENT with the reason: no export at all (a zip that is refused, or without a text; a
// directory; a file that changes while it is read). UNAVAILABLE: cannot be read. A damaged text
// is no error: see ExportSummary.damaged.
absl::StatusOr<ExportFileSummary> ReadExportFile(int fd, const std::string& name,
                                                 std::optional<DateOrder> order = std::nullopt,
                                                 EntrySink sink = nullptr);

}  // namespace muster::archive
