// Several checksums of the same bytes, in one read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace muster::archive {

// Thread-compatible.
class Checksums {
 public:
  // Names as ChecksumBytes() knows them. INTERNAL when the crypto library refuses one.
  static absl::StatusOr<Checksums> Of(const std::vector<std::string>& algorithms);

  void Add(absl::string_view bytes);
  // Lowercase hex, in the order of the algorithms. Once.
  absl::StatusOr<std::vector<std::string>> Finish();

 private:
  Checksums() = default;
  std::vector<std::shared_ptr<evp_md_ctx_st>> contexts_;
  bool failed_ = false;
};

}  // namespace muster::archive
