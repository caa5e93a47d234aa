// The seam to what is installed on this machine. All calls read files and may be slow: never
// call one on the decision path.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/domain/accounts.h"
#include "agent/domain/file_stamp.h"
#include "agent/domain/inventory.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

struct HashedFile {
  FileStamp stamp;
  std::string sha256;            // lowercase hex
  std::string md5;               // lowercase hex; only to find the file in dpkg's lists
  std::string build_id = {};     // of an ELF file, lowercase hex; empty: it has none
  bool carries_payload = false;  // its build-id is that of a launcher; see CarriesPayload()
};

// Thread-safe.
class Machine {
 public:
  virtual ~Machine() = default;

  // What is installed, of `sources` (bits of InventorySource) and of what depends on them;
  // app_id, first_seen_at and sha256 stay empty. Reading all of them trusts no cache.
  virtual InventoryRead ReadInventory(unsigned sources) = 0;
  // Regular files of one installed package that are executable, resolved, at most
  // limits::kMaxFilesPerPackage.
  virtual std::vector<std::string> ProgramFiles(v1::Origin::Kind origin,
                                                const std::string& package_id) = 0;
  // The stamp of a regular file, symbolic links followed; empty when there is none.
  virtual std::optional<FileStamp> Stat(const std::string& path) = 0;
  // The path without symbolic links; the path itself when it does not exist.
  virtual std::string Resolve(const std::string& path) = 0;
  // path -> dpkg package that installed it, for those of `paths` that have one.
  virtual std::map<std::string, std::string> DpkgOwners(const std::set<std::string>& paths) = 0;
  // md5 -> (package, resolved path) that ships a file with it, for those of `md5s`.
  virtual std::multimap<std::string, std::pair<std::string, std::string>> DpkgFilesByMd5(
      const std::set<std::string>& md5s) = 0;
  // NOT_FOUND, or ABORTED when the file changed while it was read.
  virtual absl::StatusOr<HashedFile> Hash(const std::string& path) = 0;
  // The same for a path that its owner may replace at any moment: ABORTED unless the file there
  // is the one of `stamp`; nothing else is opened, and no link in the last part is followed.
  virtual absl::StatusOr<HashedFile> HashExactly(const std::string& path,
                                                 const FileStamp& stamp) = 0;

  // All accounts of the passwd file, and those of `wanted` that only the name service knows.
  virtual std::vector<Account> Accounts(const std::vector<std::string>& wanted) = 0;
  virtual std::string hostname() = 0;
  virtual std::string kernel() = 0;
};

}  // namespace muster::agent
