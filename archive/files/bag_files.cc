#include "archive/files/bag_files.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "archive/files/bag_folder.h"
#include "archive/files/checksums.h"
#include "common/archive_limits.h"
#include "common/crypto.h"
#include "common/status_macros.h"

namespace muster::archive {
namespace {

constexpr char kDeclaration[] = "bagit.txt";
constexpr char kFetch[] = "fetch.txt";
constexpr char kPayload[] = "data/";

std::string Shown(absl::string_view path) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(path), "\"");
}

// "sha256" of "manifest-sha256.txt"; empty: another name.
std::string AlgorithmOf(absl::string_view name, absl::string_view prefix) {
  if (!absl::StartsWith(name, prefix) || !absl::EndsWith(name, ".txt")) return "";
  name.remove_prefix(prefix.size());
  return std::string(name.substr(0, name.size() - 4));
}

using Manifests = std::map<std::string, Manifest>;  // by algorithm

// One bag, read in the order of the checks.
class Validation {
 public:
  explicit Validation(BagFolder folder) : folder_(std::move(folder)) {}

  absl::StatusOr<ValidBag> Run() {
    MUSTER_RETURN_IF_ERROR(ReadNames());
    MUSTER_RETURN_IF_ERROR(ReadDeclaration());
    MUSTER_RETURN_IF_ERROR(ReadManifests());
    MUSTER_RETURN_IF_ERROR(CheckTagFiles());
    MUSTER_RETURN_IF_ERROR(CheckFetch());
    MUSTER_RETURN_IF_ERROR(ReadInfo());
    MUSTER_RETURN_IF_ERROR(CheckComplete());
    // An altered file is told as such, though it may be of another size as well.
    MUSTER_RETURN_IF_ERROR(CheckPayload());
    MUSTER_RETURN_IF_ERROR(CheckOxum());
    bag_.as_packed = AsPacked();
    return std::move(bag_);
  }

 private:
  absl::Status ReadNames() {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<BagFile> files, folder_.List());
    for (const BagFile& file : files) {
      files_[file.path] = file.bytes;
      MUSTER_RETURN_IF_ERROR(CheckDistinct(file.path));
      if (!absl::StartsWith(file.path, kPayload)) continue;
      bag_.payload_paths.push_back(file.path);
      bag_.payload_bytes += file.bytes;
    }
    bag_.payload_files = bag_.payload_paths.size();
    bag_.payload_oxum = FormatPayloadOxum({bag_.payload_bytes, bag_.payload_files});
    return absl::OkStatus();
  }

  // Also on a filesystem where "A" and "a" are one.
  absl::Status CheckDistinct(const std::string& path) {
    const auto [it, is_new] = identities_.emplace(PathIdentity(path), path);
    if (is_new || it->second == path) return absl::OkStatus();
    return BagError(BagCode::kPath, absl::StrCat(Shown(path), " and ", Shown(it->second),
                                                 " are one name on some systems"));
  }

  bool Has(const std::string& path) const { return files_.count(path) != 0; }

  // The bytes of a tag file: what is parsed is what was hashed.
  absl::StatusOr<std::string> TagBytes(const std::string& name) {
    const auto found = tags_.find(name);
    if (found != tags_.end()) return found->second;
    MUSTER_ASSIGN_OR_RETURN(std::string bytes, folder_.Read(name, limits::kMaxTagFileBytes));
    return tags_[name] = std::move(bytes);
  }
  absl::StatusOr<std::string> Text(const std::string& name) {
    MUSTER_ASSIGN_OR_RETURN(const std::string bytes, TagBytes(name));
    return TagText(bytes, encoding_);
  }

  absl::Status ReadDeclaration() {
    if (!Has(kDeclaration)) return BagError(BagCode::kMalformed, "there is no bagit.txt");
    MUSTER_ASSIGN_OR_RETURN(const std::string bytes, TagBytes(kDeclaration));
    MUSTER_ASSIGN_OR_RETURN(const BagDeclaration said, ParseBagDeclaration(bytes));
    bag_.version = said.version;
    encoding_ = said.encoding;
    return absl::OkStatus();
  }

  absl::Status ReadManifests() {
    for (const auto& [path, bytes] : files_) {
      if (path.find('/') != std::string::npos) continue;
      MUSTER_RETURN_IF_ERROR(ReadManifest(path, "manifest-", payload_));
      MUSTER_RETURN_IF_ERROR(ReadManifest(path, "tagmanifest-", tag_));
    }
    if (payload_.empty()) return BagError(BagCode::kMalformed, "there is no manifest");
    for (const auto& [algorithm, manifest] : payload_) bag_.algorithms.push_back(algorithm);
    for (const auto& [algorithm, manifest] : payload_) {
      for (const auto& [path, checksum] : manifest) {
        MUSTER_RETURN_IF_ERROR(CheckDistinct(path));
        if (absl::StartsWith(path, kPayload)) continue;
        return BagError(BagCode::kPath,
                        absl::StrCat("a manifest names ", Shown(path), ", not below data/"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadManifest(const std::string& name, absl::string_view prefix, Manifests& into) {
    const std::string algorithm = AlgorithmOf(name, prefix);
    if (algorithm.empty()) return absl::OkStatus();
    if (ChecksumBytes(algorithm) == 0) {
      return BagError(BagCode::kMalformed, absl::StrCat(Shown(name), " is of no known checksum"));
    }
    MUSTER_ASSIGN_OR_RETURN(const std::string text, Text(name));
    MUSTER_ASSIGN_OR_RETURN(into[algorithm], ParseManifest(text, ChecksumBytes(algorithm)));
    return absl::OkStatus();
  }

  absl::Status CheckTagFiles() {
    for (const auto& [algorithm, manifest] : tag_) {
      for (const auto& [path, want] : manifest) {
        if (absl::StartsWith(path, kPayload) || !AlgorithmOf(path, "tagmanifest-").empty()) {
          return BagError(BagCode::kMalformed, absl::StrCat("a tag manifest names ", Shown(path)));
        }
        if (!Has(path)) return Missing(path);
        MUSTER_ASSIGN_OR_RETURN(const std::string got, TagChecksum(path, algorithm));
        if (got != want) return Altered(path, algorithm);
      }
    }
    const auto sha256 = tag_.find("sha256");
    if (sha256 == tag_.end()) return absl::OkStatus();
    MUSTER_ASSIGN_OR_RETURN(const std::string bytes, TagBytes("tagmanifest-sha256.txt"));
    bag_.tagmanifest_sha256 = Sha256Hex(bytes);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> TagChecksum(const std::string& path, const std::string& algorithm) {
    std::vector<std::string> sums;
    const std::string info = InfoName();
    const bool parsed = tags_.count(path) != 0 || path == info || path == kFetch;
    if (parsed) {
      MUSTER_ASSIGN_OR_RETURN(const std::string bytes, TagBytes(path));
      MUSTER_ASSIGN_OR_RETURN(Checksums checksums, Checksums::Of({algorithm}));
      checksums.Add(bytes);
      MUSTER_ASSIGN_OR_RETURN(sums, checksums.Finish());
    } else {
      uint64_t bytes = 0;
      MUSTER_ASSIGN_OR_RETURN(sums, folder_.Checksum(path, {algorithm}, &bytes));
    }
    return sums.front();
  }

  // Nothing is ever fetched. The drafts' lists may stay when all that they name is there.
  absl::Status CheckFetch() {
    if (!Has(kFetch)) return absl::OkStatus();
    MUSTER_ASSIGN_OR_RETURN(const std::string text, Text(kFetch));
    MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> paths, ParseFetchList(text));
    for (const std::string& path : paths) {
      if (!absl::StartsWith(path, kPayload)) {
        return BagError(BagCode::kPath, absl::StrCat("fetch.txt names ", Shown(path)));
      }
      if (!Has(path)) return Missing(path);
    }
    if (bag_.version != "1.0") return absl::OkStatus();
    return BagError(BagCode::kIncomplete, "it has a fetch.txt, and nothing is ever fetched");
  }

  // "package-info.txt" until 0.95.
  std::string InfoName() const {
    const bool old = bag_.version == "0.93" || bag_.version == "0.94" || bag_.version == "0.95";
    return old ? "package-info.txt" : "bag-info.txt";
  }

  absl::Status ReadInfo() {
    if (!Has(InfoName())) return absl::OkStatus();
    MUSTER_ASSIGN_OR_RETURN(const std::string text, Text(InfoName()));
    MUSTER_ASSIGN_OR_RETURN(bag_.info, ParseBagInfo(text));
    return absl::OkStatus();
  }

  // 1.0: each manifest names each file. Before: some manifest does.
  absl::Status CheckComplete() {
    std::map<std::string, size_t> named;
    for (const auto& [algorithm, manifest] : payload_) {
      for (const auto& [path, checksum] : manifest) {
        if (!Has(path)) return Missing(path);
        ++named[path];
      }
    }
    const size_t need = bag_.version == "1.0" ? payload_.size() : 1;
    for (const std::string& path : bag_.payload_paths) {
      if (named[path] >= need) continue;
      return BagError(BagCode::kIncomplete,
                      absl::StrCat(Shown(path), " is not named by ",
                                   need == 1 ? "any manifest" : "each manifest"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckOxum() {
    const std::string said = FindInfo(bag_.info, kInfoOxum);
    if (said.empty()) return absl::OkStatus();
    MUSTER_RETURN_IF_ERROR(ParsePayloadOxum(said).status());
    if (said == bag_.payload_oxum) return absl::OkStatus();
    return BagError(BagCode::kSize,
                    absl::StrCat("Payload-Oxum says ", said, "; there are ", bag_.payload_oxum));
  }

  absl::Status CheckPayload() {
    for (const std::string& path : bag_.payload_paths) {
      uint64_t bytes = 0;
      MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> sums,
                              folder_.Checksum(path, bag_.algorithms, &bytes));
      for (size_t i = 0; i < sums.size(); ++i) {
        const Manifest& manifest = payload_[bag_.algorithms[i]];
        const auto want = manifest.find(path);
        if (want != manifest.end() && want->second != sums[i]) {
          return Altered(path, bag_.algorithms[i]);
        }
      }
      if (bytes != files_[path]) {
        return BagError(BagCode::kSize, absl::StrCat(Shown(path), " changed while it was read"));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status Missing(const std::string& path) {
    return BagError(BagCode::kIncomplete, absl::StrCat(Shown(path), " is missing"));
  }
  static absl::Status Altered(const std::string& path, const std::string& algorithm) {
    return BagError(
        BagCode::kChecksum,
        absl::StrCat(Shown(path), " is not the file that was packed (", algorithm, ")"));
  }

  bool AsPacked() {
    const std::vector<std::string> both = {"sha256", "sha512"};
    if (bag_.version != "1.0" || bag_.algorithms != both || tag_.size() != 2) return false;
    std::map<std::string, std::string> want = {{kDeclaration, FormatBagDeclaration()},
                                               {"bag-info.txt", FormatBagInfo(bag_.info)}};
    for (const std::string& algorithm : both) {
      want[absl::StrCat("manifest-", algorithm, ".txt")] = FormatManifest(payload_[algorithm]);
    }
    for (const std::string& algorithm : both) {
      const Manifest& tags = tag_[algorithm];
      const bool all = tags.size() == 4 && tags.count(kDeclaration) != 0 &&
                       tags.count("bag-info.txt") != 0 && tags.count("manifest-sha256.txt") != 0 &&
                       tags.count("manifest-sha512.txt") != 0;
      if (!all) return false;
      want[absl::StrCat("tagmanifest-", algorithm, ".txt")] = FormatManifest(tags);
    }
    if (files_.size() != bag_.payload_paths.size() + want.size()) return false;
    return std::all_of(want.begin(), want.end(), [this](const auto& file) {
      const auto found = tags_.find(file.first);
      return found != tags_.end() && found->second == file.second;
    });
  }

  BagFolder folder_;
  ValidBag bag_;
  std::string encoding_;
  std::map<std::string, uint64_t> files_;          // path -> bytes
  std::map<std::string, std::string> identities_;  // PathIdentity -> path
  std::map<std::string, std::string> tags_;        // name -> bytes, as read once
  Manifests payload_, tag_;
};

}  // namespace

absl::StatusOr<ValidBag> ValidateBag(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(BagFolder folder, BagFolder::Open(path));
  return Validation(std::move(folder)).Run();
}

absl::StatusOr<int> OpenBagFile(const std::string& bag, const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const BagFolder folder, BagFolder::Open(bag));
  MUSTER_ASSIGN_OR_RETURN(OwnedFd fd, folder.OpenFile(path));
  return fd.Release();
}

}  // namespace muster::archive
