// A file's stamp with what tells who may change it.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/domain/file_stamp.h"

namespace muster::agent {

struct FileFacts {
  FileStamp stamp;
  uint32_t owner = 0;
  uint32_t mode = 0;  // with the file type
};

// Of a regular file that is open, also by O_PATH; never asks a remote server. Thread-safe.
std::optional<FileFacts> FactsOfFd(int fd);

}  // namespace muster::agent
