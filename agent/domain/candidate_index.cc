#include "agent/domain/candidate_index.h"

#include <algorithm>
#include <utility>

#include "common/agent_limits.h"

namespace muster::agent {
namespace {

// Lower is stronger.
int Strength(const KnownHash& hash) {
  if (!hash.learned) return 0;
  return hash.stands_alone() ? 1 : 2;
}

}  // namespace

CandidateIndex::CandidateIndex(Parts parts) : parts_(std::move(parts)) {
  for (size_t i = 0; i < parts_.files.size(); ++i) {
    by_key_.emplace(parts_.files[i].stamp.key, i);
    program_paths_.insert(parts_.files[i].path);
  }
  for (size_t i = 0; i < parts_.paths.size(); ++i) by_path_.emplace(parts_.paths[i].path, i);
  for (size_t i = 0; i < parts_.hashes.size(); ++i) AddHash(i);
  Settle(by_hash_, false);
  Settle(by_build_id_, true);
  AddDataFiles();
  spared_.insert(parts_.spared.begin(), parts_.spared.end());
  foreign_paths_.insert(parts_.foreign_paths.begin(), parts_.foreign_paths.end());
}

void CandidateIndex::AddHash(size_t at) {
  const KnownHash& h = parts_.hashes[at];
  if (!h.sha256.empty()) {
    by_hash_[h.sha256].push_back(at);
    if (h.size != 0) {
      sizes_.insert(h.size);
    } else {
      has_unsized_hash_ = true;
    }
  }
  if (h.learned && !h.build_id.empty()) by_build_id_[h.build_id].push_back(at);
}

// Drops what proves nothing alone, and puts the strongest first.
void CandidateIndex::Settle(HashesOf& hashes_of, bool one_app_each) {
  for (auto& [key, known] : hashes_of) {
    const AppIndex first = parts_.hashes[known.front()].app;
    // What is a runtime in one app is one in every app.
    const bool shared = std::any_of(known.begin(), known.end(), [&](size_t i) {
      const KnownHash& h = parts_.hashes[i];
      return !h.stands_alone() || (one_app_each && h.app != first);
    });
    if (shared) {
      std::erase_if(known, [this](size_t i) {
        return parts_.hashes[i].learned && parts_.hashes[i].stands_alone();
      });
    }
    std::sort(known.begin(), known.end(), [this](size_t a, size_t b) {
      const int strength = Strength(parts_.hashes[a]), other = Strength(parts_.hashes[b]);
      if (strength != other) return strength < other;
      // Of an app's many versions on one runtime the newest matters most.
      return parts_.hashes[a].stands_alone() ? a < b : a > b;
    });
  }
  absl::erase_if(hashes_of, [](const auto& entry) { return entry.second.empty(); });
}

void CandidateIndex::AddDataFiles() {
  absl::flat_hash_map<std::string, AppIndex> app_of;
  for (const KnownHash& h : parts_.hashes) {
    if (h.companion_sha256.empty() || h.companion_size == 0) continue;
    const auto [it, added] = app_of.emplace(h.companion_sha256, h.app);
    // The same data in two apps is a part of neither.
    if (!added && it->second != h.app) it->second = -1;
  }
  for (const KnownHash& h : parts_.hashes) {
    const auto it = app_of.find(h.companion_sha256);
    if (it == app_of.end() || it->second < 0) continue;
    if (!by_data_hash_.emplace(h.companion_sha256, data_files_.size()).second) continue;
    data_files_.push_back({h.companion_size, h.companion_sha256, h.app, true});
    data_sizes_.insert(h.companion_size);
  }
}

// A learned hash does not count where an installed package that is not the app owns the file.
bool CandidateIndex::Yields(const KnownHash& hash, absl::string_view path) const {
  return hash.learned && foreign_paths_.contains(path);
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
  // The next version over the one that was there, before anybody looked again.
  if (program_paths_.contains(path)) return {Known::kNeedsOwner, -1};
  if (sizes_.contains(stamp.size) && !foreign_paths_.contains(path)) {
    return {Known::kNeedsHash, -1};
  }
  return {Known::kNo, -1};
}

std::vector<ContentMatch> CandidateIndex::MatchContents(const FileContents& contents,
                                                        absl::string_view path) const {
  std::vector<ContentMatch> out;
  auto add = [&](const KnownHash& h, bool by_build_id) {
    if (Yields(h, path) || out.size() >= limits::kMaxContentMatches) return;
    if (!by_build_id && h.learned && h.size != contents.size) return;
    out.push_back({&h, !h.stands_alone(), by_build_id});
  };
  if (const auto it = by_hash_.find(contents.sha256); it != by_hash_.end()) {
    for (const size_t i : it->second) add(parts_.hashes[i], false);
  }
  if (const auto it = by_build_id_.find(contents.build_id); it != by_build_id_.end()) {
    // The very bytes that are known were looked for above.
    for (const size_t i : it->second) {
      if (parts_.hashes[i].sha256 != contents.sha256) add(parts_.hashes[i], true);
    }
  }
  return out;
}

std::optional<AppIndex> CandidateIndex::FindHash(uint64_t size, const std::string& sha256,
                                                 absl::string_view path) const {
  for (const ContentMatch& m : MatchContents({size, sha256, ""}, path)) {
    if (!m.needs_companion) return m.known->app;
  }
  return std::nullopt;
}

std::optional<AppIndex> CandidateIndex::FindBuildId(const std::string& build_id,
                                                    absl::string_view path) const {
  for (const ContentMatch& m : MatchContents({0, "", build_id}, path)) {
    if (!m.needs_companion) return m.known->app;
  }
  return std::nullopt;
}

std::optional<AppIndex> CandidateIndex::FindDataFile(uint64_t size,
                                                     const std::string& sha256) const {
  const auto it = by_data_hash_.find(sha256);
  if (it == by_data_hash_.end()) return std::nullopt;
  const KnownHash& data = data_files_[it->second];
  if (data.size != size) return std::nullopt;
  return data.app;
}

}  // namespace muster::agent
