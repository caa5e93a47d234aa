#include "agent/flow/chunk_store.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/crypto.h"

namespace muster::agent {
namespace {

std::string FileOf(const std::string& sha256) { return absl::StrCat(kChunkDir, "/", sha256); }

}  // namespace

std::string ChunkStore::Read(const v1::ChunkRef& ref) const {
  absl::StatusOr<std::optional<std::string>> bytes = store_->Read(FileOf(ref.sha256()));
  if (!bytes.ok() || !bytes->has_value()) return "";
  if ((*bytes)->size() != ref.size() || Sha256Hex(**bytes) != ref.sha256()) return "";
  return **std::move(bytes);
}

absl::Status ChunkStore::Save(const std::string& sha256, absl::string_view bytes) {
  return store_->Write(FileOf(sha256), bytes);
}

void ChunkStore::KeepOnly(const std::set<std::string>& sha256s) {
  absl::StatusOr<std::vector<std::string>> names = store_->List(kChunkDir);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (!sha256s.contains(name)) store_->Remove(FileOf(name)).IgnoreError();
  }
}

}  // namespace muster::agent
