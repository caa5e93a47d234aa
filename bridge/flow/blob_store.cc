#include "bridge/flow/blob_store.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "common/crypto.h"
#include "common/status_macros.h"

namespace muster::bridge {
namespace {

std::string NameOf(const std::string& sha256) { return absl::StrCat(kBlobDir, "/", sha256); }

}  // namespace

void BlobStore::Remember(const std::string& sha256, std::shared_ptr<const std::string> bytes) {
  if (cached_bytes_ + bytes->size() > limits::kMaxCachedBlobBytes) {
    cached_.clear();
    cached_bytes_ = 0;
  }
  cached_bytes_ += bytes->size();
  cached_[sha256] = std::move(bytes);
}

absl::StatusOr<std::shared_ptr<const std::string>> BlobStore::Read(const std::string& sha256) {
  MutexLock lock(&mu_);
  if (const auto it = cached_.find(sha256); it != cached_.end()) return it->second;
  MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> bytes, store_->Read(NameOf(sha256)));
  if (!bytes || Sha256Hex(*bytes) != sha256) {
    return absl::DataLossError(
        absl::StrCat(NameOf(sha256), bytes ? " is damaged" : " is missing in the bridge's state"));
  }
  auto shared = std::make_shared<const std::string>(*std::move(bytes));
  Remember(sha256, shared);
  return shared;
}

absl::StatusOr<std::string> BlobStore::Write(absl::string_view bytes) {
  std::string sha256 = Sha256Hex(bytes);
  MutexLock lock(&mu_);
  if (cached_.contains(sha256)) return sha256;
  MUSTER_RETURN_IF_ERROR(store_->Write(NameOf(sha256), bytes));
  Remember(sha256, std::make_shared<const std::string>(bytes));
  return sha256;
}

absl::Status BlobStore::KeepOnly(const std::set<std::string>& sha256s) {
  MutexLock lock(&mu_);
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, store_->List(kBlobDir));
  for (const std::string& name : names) {
    if (sha256s.contains(name)) continue;
    MUSTER_RETURN_IF_ERROR(store_->Remove(NameOf(name)));
    if (const auto it = cached_.find(name); it != cached_.end()) {
      cached_bytes_ -= it->second->size();
      cached_.erase(it);
    }
  }
  return absl::OkStatus();
}

}  // namespace muster::bridge
