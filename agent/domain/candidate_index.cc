#include "agent/domain/candidate_index.h"

#include <utility>

namespace muster::agent {

CandidateIndex::CandidateIndex(Parts parts) : parts_(std::move(parts)) {
  for (size_t i = 0; i < parts_.files.size(); ++i) by_key_.emplace(parts_.files[i].stamp.key, i);
  for (size_t i = 0; i < parts_.paths.size(); ++i) by_path_.emplace(parts_.paths[i].path, i);
  for (size_t i = 0; i < parts_.hashes.size(); ++i) {
    const KnownHash& h = parts_.hashes[i];
    // What the catalogue states is stronger than what was learned here.
    const auto [it, added] = by_hash_.emplace(h.sha256, i);
    if (!added && parts_.hashes[it->second].learned && !h.learned) it->second = i;
    if (h.size != 0) {
      sizes_.insert(h.size);
    } else {
      has_unsized_hash_ = true;
    }
  }
  spared_.insert(parts_.spared.begin(), parts_.spared.end());
  foreign_paths_.insert(parts_.foreign_paths.begin(), parts_.foreign_paths.end());
}

std::optional<AppIndex> CandidateIndex::FindFile(const FileStamp& stamp) const {
  const auto it = by_key_.find(stamp.key);
  if (it == by_key_.end()) return std::nullopt;
  const ProgramFile& file = parts_.files[it->second];
  if (!file.stamp.SameContents(stamp)) return std::nullopt;
  return file.app;
}

CandidateIndex::Answer CandidateIndex::Look(const FileStamp& stamp, absl::string_view path) const {
  if (const auto it = by_key_.find(stamp.key); it != by_key_.end()) {
    const ProgramFile& file = parts_.files[it->second];
    // The same inode with other contents is still the app at its own path; elsewhere the inode
    // number may have been given to another file since.
    if (file.stamp.SameContents(stamp) || file.path == path) return {Known::kApp, file.app};
  }
  if (const auto it = by_path_.find(path); it != by_path_.end()) {
    const CataloguedPath& p = parts_.paths[it->second];
    if (!p.stamp || !p.stamp->SameContents(stamp)) return {Known::kNeedsOwner, -1};
    return p.app >= 0 ? Answer{Known::kApp, p.app} : Answer{};
  }
  if (sizes_.contains(stamp.size) && !foreign_paths_.contains(path)) {
    return {Known::kNeedsHash, -1};
  }
  return {Known::kNo, -1};
}

std::optional<AppIndex> CandidateIndex::FindHash(uint64_t size, const std::string& sha256,
                                                 absl::string_view path) const {
  const auto it = by_hash_.find(sha256);
  if (it == by_hash_.end()) return std::nullopt;
  const KnownHash& h = parts_.hashes[it->second];
  if (h.learned && (h.size != size || foreign_paths_.contains(path))) return std::nullopt;
  return h.app;
}

}  // namespace muster::agent
