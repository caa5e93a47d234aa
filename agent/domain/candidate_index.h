// Which files on this machine are programs of catalogued apps. Pure; immutable once built and
// shared by all threads. An exec of anything else costs two hash lookups here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "agent/domain/file_stamp.h"
#include "agent/domain/policy_index.h"

namespace muster::agent {

struct ProgramFile {
  FileStamp stamp;
  AppIndex app = -1;
  std::string path;
  bool operator==(const ProgramFile&) const = default;
};

// A catalogued path and who owns it now.
struct CataloguedPath {
  std::string path;
  AppIndex app = -1;  // the app that the file at this path is; -1: none, another package owns it
  std::optional<FileStamp> stamp;  // of the file when the owner was looked up; empty: no file
  bool operator==(const CataloguedPath&) const = default;
};

struct KnownHash {
  uint64_t size = 0;   // 0: not known yet
  std::string sha256;  // lowercase hex
  AppIndex app = -1;
  bool learned = false;  // false: the catalogue states it
  std::string build_id =
      {};  // of an ELF file, lowercase hex; empty: none, or shared with other apps
  // A program that is a shared runtime (Electron) is the app only beside this file.
  std::string companion_path = {};  // relative to the program's folder; empty: it stands alone
  uint64_t companion_size = 0;
  std::string companion_sha256 = {};

  bool stands_alone() const { return companion_path.empty(); }
  bool operator==(const KnownHash&) const = default;
};

// What was read of a file; an empty field was not read, or the file has none.
struct FileContents {
  uint64_t size = 0;
  std::string sha256;    // lowercase hex
  std::string build_id;  // lowercase hex
};

// What a file's contents say: it is the app of `known`, if what is still open holds as well.
struct ContentMatch {
  const KnownHash* known = nullptr;  // of the index that gave the match; lives as long as that
  bool needs_companion = false;      // the known file must be beside it
  bool by_build_id = false;  // other bytes: a path that another package owns speaks against it
};

class CandidateIndex {
 public:
  struct Parts {
    std::vector<ProgramFile> files;
    std::vector<CataloguedPath> paths;
    std::vector<KnownHash> hashes;
    // Paths that installed packages which are not the app own with the very bytes of a learned
    // hash: there the learned hash yields.
    std::vector<std::string> foreign_paths;
    // Files that this machine needs to run and to be repaired: never a candidate, whatever the
    // catalogue says.
    std::vector<FileKey> spared;
    bool operator==(const Parts&) const = default;
  };
  explicit CandidateIndex(Parts parts);

  // What is known about a file from its stamp and path alone.
  enum class Known {
    kNo,          // no program of a catalogued app
    kApp,         // `app`
    kNeedsOwner,  // a catalogued or a program's path, but a file that came later: its package
                  // decides
    kNeedsHash,   // its size is that of a known hash: only its contents can tell
  };
  struct Answer {
    Known known = Known::kNo;
    AppIndex app = -1;
  };
  Answer Look(const FileStamp& stamp, absl::string_view path) const;
  // By stamp alone: the indexed file itself, unchanged.
  std::optional<AppIndex> FindFile(const FileStamp& stamp) const;

  bool Spared(const FileKey& key) const { return spared_.contains(key); }

  // The app that a file at this path is by its bytes alone. A shared runtime never is:
  // MatchContents() says what it could be.
  std::optional<AppIndex> FindHash(uint64_t size, const std::string& sha256,
                                   absl::string_view path) const;
  // The app that a file at this path is by its build-id alone: re-packed, stripped or signed, it
  // is the same program. Who owns the path is the caller's to ask.
  std::optional<AppIndex> FindBuildId(const std::string& build_id, absl::string_view path) const;
  // Everything that these contents could be, the strongest first: stated by the catalogue, the
  // very bytes (alone, then with a companion), the build-id (the same). At most
  // limits::kMaxContentMatches.
  std::vector<ContentMatch> MatchContents(const FileContents& contents,
                                          absl::string_view path) const;
  // Whether reading a file's build-id could tell anything.
  bool has_build_ids() const { return !by_build_id_.empty(); }

  // An app's own data (app.asar) that some runtime could be given to run: it counts where an
  // interpreter opens it. Size first, so that almost no file is read.
  bool HasDataFileOfSize(uint64_t size) const { return data_sizes_.contains(size); }
  std::optional<AppIndex> FindDataFile(uint64_t size, const std::string& sha256) const;
  // Companions of all apps, each once: size, sha256 and app.
  const std::vector<KnownHash>& data_files() const { return data_files_; }

  const Parts& parts() const { return parts_; }
  const std::vector<ProgramFile>& files() const { return parts_.files; }
  const std::vector<KnownHash>& hashes() const { return parts_.hashes; }
  // The catalogue states a hash without a size: any file could have it.
  bool has_unsized_hash() const { return has_unsized_hash_; }

 private:
  using HashesOf = absl::flat_hash_map<std::string, std::vector<size_t>>;  // into hashes

  void AddHash(size_t at);
  void Settle(HashesOf& hashes_of, bool one_app_each);
  void AddDataFiles();
  bool Yields(const KnownHash& hash, absl::string_view path) const;

  Parts parts_;
  absl::flat_hash_map<FileKey, size_t> by_key_;       // into files
  absl::flat_hash_map<std::string, size_t> by_path_;  // into paths
  absl::flat_hash_set<std::string> program_paths_;    // of files
  HashesOf by_hash_, by_build_id_;                    // stated first, then those that stand alone
  std::vector<KnownHash> data_files_;
  absl::flat_hash_map<std::string, size_t> by_data_hash_;  // into data_files_
  absl::flat_hash_set<uint64_t> data_sizes_;
  absl::flat_hash_set<uint64_t> sizes_;
  absl::flat_hash_set<std::string> foreign_paths_;
  absl::flat_hash_set<FileKey> spared_;
  bool has_unsized_hash_ = false;
};

}  // namespace muster::agent
