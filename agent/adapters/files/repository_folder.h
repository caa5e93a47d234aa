// The record repository as a folder or a mounted share.
#pragma once

#include <string>

#include "agent/flow/archive_files.h"

namespace muster::agent {

// Thread-safe. Salts are `<repository>/salts/<person id>`: 32 bytes, for root alone.
class RepositoryFolder final : public RecordRepository {
 public:
  absl::Status Check(const std::string& path) override;
  absl::StatusOr<std::string> Salt(const std::string& path, const std::string& person_id,
                                   const std::string& proposed) override;
};

// 32 bytes that nobody can guess; empty: the kernel gives none.
std::string RandomSalt();

}  // namespace muster::agent
