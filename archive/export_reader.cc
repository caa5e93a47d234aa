#include "archive/export_reader.h"

namespace muster::archive {

class ExportReader::Impl {};

ExportReader::ExportReader(ReadOptions, EntrySink) {}
ExportReader::~ExportReader() = default;
void ExportReader::Add(absl::string_view) {}
ExportSummary ExportReader::Finish() { return {}; }

}  // namespace muster::archive
