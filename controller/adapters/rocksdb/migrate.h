// From stores of before the audit log was a Merkle log.
#pragma once

#include <rocksdb/db.h>

#include "absl/status/status.h"

namespace muster {

// Gives a store of before there was a head its tree, index and head, a bounded batch at a time.
// Broken off anywhere it begins again; the head, which ends it, comes with the last batch.
// DATA_LOSS: an entry is missing or is not what was hashed; nothing is lost then.
absl::Status MigrateLog(rocksdb::DB* db);

}  // namespace muster
