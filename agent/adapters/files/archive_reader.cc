#include "agent/adapters/files/archive_reader.h"

namespace muster::agent {

absl::StatusOr<v1::ExportRead> ReadExportInHelper(const ArchiveReaderCall&) {
  return absl::UnimplementedError("not read yet");
}

}  // namespace muster::agent
