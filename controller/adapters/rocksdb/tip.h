// Where the next commit goes on: what the store's head stands for, with the right edge of the
// log's tree.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/log_tiles.h"

namespace muster {

struct Tip {
  uint64_t revision = 0;
  TileEdge edge;
};

// Reads it from what is stored, and checks that the log ends there, that the entries of its last
// tile are those that were hashed, and that the tree leads to the head. DATA_LOSS names `folder`.
absl::StatusOr<Tip> ReadTip(std::shared_ptr<rocksdb::DB> db, const std::string& folder);

}  // namespace muster
