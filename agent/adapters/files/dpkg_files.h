// Which package owns which file, from dpkg's info folder. A question is answered from what the
// lists said before wherever a list is still the same file: an installation changes a few of
// many hundred. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "agent/domain/file_stamp.h"
#include "common/mutex.h"

namespace muster::agent {

class DpkgFiles {
 public:
  explicit DpkgFiles(std::string info_dir) : info_dir_(std::move(info_dir)) {}

  // path -> package, for those of `paths` that have one.
  std::map<std::string, std::string> Owners(const std::set<std::string>& paths);
  // md5 -> (package, resolved path), for those of `md5s`.
  std::multimap<std::string, std::pair<std::string, std::string>> FilesByMd5(
      const std::set<std::string>& md5s);
  // Regular executables of one package, resolved, at most limits::kMaxFilesPerPackage.
  std::vector<std::string> ProgramFiles(const std::string& package);
  // Trusts nothing that was read before.
  void Forget();

  // Lists that were read so far: tests and benchmarks watch it.
  uint64_t lists_read() const {
    MutexLock lock(&mu_);
    return lists_read_;
  }

 private:
  // What the lists of one kind (.list or .md5sums) say about the keys ever asked for.
  struct Known {
    struct File {
      FileStamp stamp;
      std::string package;
      std::vector<std::pair<std::string, std::string>> hits;  // key, value
    };
    absl::flat_hash_set<std::string> wanted;
    std::map<std::string, File> files;  // by name
    FileStamp folder;                   // when `files` were brought up to date
  };
  using Parse =
      void (*)(absl::string_view text,
               const std::function<void(absl::string_view key, absl::string_view value)>&);

  void Update(const std::set<std::string>& keys, const char* extension, Parse parse, Known& known)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReadOne(const std::string& name, const FileStamp& stamp, Parse parse, Known& known)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string info_dir_;
  mutable Mutex mu_;
  Known lists_ ABSL_GUARDED_BY(mu_), sums_ ABSL_GUARDED_BY(mu_);
  uint64_t lists_read_ ABSL_GUARDED_BY(mu_) = 0;
};

// Debian's merged /usr: a package may list /bin/x for what is /usr/bin/x.
std::string ResolveParent(const std::string& path);

}  // namespace muster::agent
