// What muster-archive-reader says of an export.
#pragma once

#include <optional>
#include <string>

#include "archive/export_reader.h"
#include "muster/v1/archive_reader.pb.h"

namespace muster::agent {

struct ArchiveQuestion {
  int fd = -1;       // the export
  std::string name;  // its file's
  std::optional<archive::DateOrder> order;
  std::string salt;
  std::optional<v1::ArchiveState::Tail> earlier;  // times: wall clock as if in UTC
};

v1::ExportRead AnswerOf(const ArchiveQuestion& question);

}  // namespace muster::agent
