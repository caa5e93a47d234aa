// What many phones share, kept once: bytes by their hash.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bridge/flow/bridge_store.h"
#include "common/mutex.h"

namespace muster::bridge {

inline constexpr char kBlobDir[] = "blob";

// Thread-safe. Records "blob/<sha256>" of the store; what was used last is in memory too.
class BlobStore {
 public:
  explicit BlobStore(BridgeStore* store) : store_(store) {}

  // DATA_LOSS: it is not there, or is not what its name says; UNAVAILABLE.
  absl::StatusOr<std::shared_ptr<const std::string>> Read(const std::string& sha256);
  // Their hash. RESOURCE_EXHAUSTED, UNAVAILABLE.
  absl::StatusOr<std::string> Write(absl::string_view bytes);
  // Removes all others.
  absl::Status KeepOnly(const std::set<std::string>& sha256s);

 private:
  void Remember(const std::string& sha256, std::shared_ptr<const std::string> bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  BridgeStore* const store_;
  Mutex mu_;
  std::map<std::string, std::shared_ptr<const std::string>> cached_ ABSL_GUARDED_BY(mu_);
  size_t cached_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace muster::bridge
