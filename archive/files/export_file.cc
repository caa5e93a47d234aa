#include "archive/files/export_file.h"

namespace muster::archive {

absl::StatusOr<ExportFileSummary> ReadExportFile(int, const std::string&, std::optional<DateOrder>,
                                                 EntrySink) {
  return absl::UnimplementedError("not read yet");
}

}  // namespace muster::archive
