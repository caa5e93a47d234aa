#include "cli/records_repository.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "archive/bag.h"
#include "cli/profile.h"
#include "cli/write_file.h"
#include "common/archive_limits.h"
#include "common/crypto.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

namespace fs = std::filesystem;
using archive::FileError;
using archive::OwnedFd;

constexpr char kReceiptEnd[] = ".receipt";
constexpr char kSentEnd[] = ".sent";
// Auditors read, nobody else; agents need no way into what is filed.
constexpr mode_t kFiledMode = 0750;

struct Name {
  std::string name;
  fs::file_type type;
};

// Sorted; nothing when there is no such folder. Links are not followed.
absl::StatusOr<std::vector<Name>> NamesIn(const std::string& folder) {
  std::vector<Name> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (names.size() == limits::kMaxBagsPerRun) {
      return absl::ResourceExhaustedError(
          absl::StrCat(folder, " holds over ", limits::kMaxBagsPerRun, " names"));
    }
    std::error_code ignored;
    names.push_back({entry->path().filename().string(), entry->symlink_status(ignored).type()});
  }
  if (error) return absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  std::sort(names.begin(), names.end(),
            [](const Name& a, const Name& b) { return a.name < b.name; });
  return names;
}

absl::Status Sync(const std::string& folder) {
  const OwnedFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return FileError(folder, errno);
  return archive::SyncFolder(fd.get(), folder);
}

// The folder and those above it, up to `root`, which is there.
absl::Status MakeFolders(const std::string& root, const std::string& relative) {
  std::string path = root;
  for (const fs::path& part : fs::path(relative)) {
    const std::string above = path;
    absl::StrAppend(&path, "/", part.string());
    if (mkdir(path.c_str(), kFiledMode) == 0) {
      MUSTER_RETURN_IF_ERROR(Sync(above));
    } else if (errno != EEXIST) {
      return FileError(path, errno);
    }
    struct stat st;
    if (lstat(path.c_str(), &st) != 0) return FileError(path, errno);
    if (!S_ISDIR(st.st_mode)) return FileError(path, ENOTDIR);
  }
  return absl::OkStatus();
}

bool LooksLikeBag(const std::vector<Name>& names) {
  return std::any_of(names.begin(), names.end(), [](const Name& n) {
    return n.name == "bagit.txt" ||
           (absl::StartsWith(n.name, "manifest-") && absl::EndsWith(n.name, ".txt"));
  });
}

fs::path RepositoryOf(const fs::path& bag) {
  const fs::path above = bag.parent_path();
  if (above.filename() == "incoming") return above.parent_path();
  const fs::path years = above.parent_path().parent_path();
  return years.filename() == "filed" ? years.parent_path() : above;
}

}  // namespace

absl::StatusOr<RecordsRepository> RecordsRepository::Open(const std::string& dir) {
  std::error_code error;
  const fs::path path = fs::canonical(dir, error);
  if (error || !fs::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(dir, " is no folder that can be read"));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::vector<Name> names, NamesIn(path.string()));
  RecordsRepository out;
  if (LooksLikeBag(names)) {
    out.only_ = IncomingBag{path.filename().string(), path.string()};
    out.root_ = RepositoryOf(path).string();
    return out;
  }
  const bool known = std::any_of(names.begin(), names.end(), [](const Name& n) {
    return n.name == "incoming" || n.name == "filed" || n.name == "receipts";
  });
  if (!known) {
    return absl::InvalidArgumentError(
        absl::StrCat(dir, " is neither a bag nor a record repository: it has no folder incoming"));
  }
  out.root_ = path.string();
  return out;
}

absl::Status RecordsRepository::Lock() {
  const std::string path = root_ + "/.lock";
  OwnedFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660));
  if (!fd.ok()) return FileError(path, errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileError(path, errno);
    return absl::AbortedError(
        absl::StrCat("another run of musterctl records is at work in ", root_));
  }
  lock_ = std::move(fd);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<IncomingBag>> RecordsRepository::Incoming() const {
  if (only_) {
    // What was filed before is not moved once more.
    if (absl::StartsWith(only_->path, root_ + "/filed/")) return std::vector<IncomingBag>{};
    return std::vector<IncomingBag>{*only_};
  }
  const std::string folder = root_ + "/incoming";
  MUSTER_ASSIGN_OR_RETURN(const std::vector<Name> names, NamesIn(folder));
  std::vector<IncomingBag> bags;
  for (const Name& n : names) {
    if (n.name[0] == '.' || n.type == fs::file_type::regular) continue;
    bags.push_back({n.name, absl::StrCat(folder, "/", n.name)});
  }
  return bags;
}

absl::StatusOr<std::map<std::string, std::string>> RecordsRepository::Filed() const {
  std::map<std::string, std::string> out;
  MUSTER_ASSIGN_OR_RETURN(const std::vector<Name> years, NamesIn(root_ + "/filed"));
  for (const Name& year : years) {
    const std::string below_year = absl::StrCat("filed/", year.name);
    if (year.type != fs::file_type::directory) continue;
    MUSTER_ASSIGN_OR_RETURN(const std::vector<Name> persons, NamesIn(PathOf(below_year)));
    for (const Name& person : persons) {
      const std::string below = absl::StrCat(below_year, "/", person.name);
      if (person.type != fs::file_type::directory) continue;
      MUSTER_ASSIGN_OR_RETURN(const std::vector<Name> bags, NamesIn(PathOf(below)));
      for (const Name& bag : bags) out.emplace(bag.name, absl::StrCat(below, "/", bag.name));
    }
  }
  return out;
}

std::string RecordsRepository::PathOf(const std::string& filed_as) const {
  return absl::StrCat(root_, "/", filed_as);
}

std::string RecordsRepository::PlaceFor(int year, const std::string& person,
                                        const std::string& bag) {
  return absl::StrCat("filed/", year, "/", person, "/", bag);
}

absl::Status RecordsRepository::File(const IncomingBag& bag, const std::string& filed_as) const {
  const std::string above = fs::path(filed_as).parent_path().string();
  MUSTER_RETURN_IF_ERROR(MakeFolders(root_, above));
  const std::string to = PathOf(filed_as);
  struct stat st;
  if (lstat(to.c_str(), &st) == 0) return absl::AlreadyExistsError(to + " is there already");
  if (rename(bag.path.c_str(), to.c_str()) != 0) {
    if (errno == EXDEV) {
      return absl::UnavailableError(
          absl::StrCat("incoming and filed must be on one filesystem: ", root_));
    }
    return FileError(absl::StrCat("moving ", bag.path), errno);
  }
  MUSTER_RETURN_IF_ERROR(Sync(PathOf(above)));
  return Sync(fs::path(bag.path).parent_path().string());
}

std::string RecordsRepository::ReceiptPath(const std::string& bag_id, const char* end) const {
  return absl::StrCat(root_, "/receipts/", bag_id, end);
}

absl::StatusOr<std::optional<v1::SignedDoc>> RecordsRepository::Receipt(
    const std::string& bag_id) const {
  const std::string path = ReceiptPath(bag_id, kReceiptEnd);
  struct stat st;
  if (lstat(path.c_str(), &st) != 0 && errno == ENOENT) return std::nullopt;
  absl::StatusOr<v1::SignedDoc> doc = ReadReceiptFile(path);
  if (!doc.ok()) return absl::DataLossError(doc.status().message());
  return *std::move(doc);
}

absl::StatusOr<std::vector<std::string>> RecordsRepository::ReceiptIds() const {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<Name> names, NamesIn(root_ + "/receipts"));
  std::vector<std::string> ids;
  for (const Name& n : names) {
    const std::string id = n.name.substr(0, n.name.size() - std::min(n.name.size(), size_t{8}));
    if (absl::EndsWith(n.name, kReceiptEnd) && archive::IsBagId(id)) ids.push_back(id);
  }
  return ids;
}

absl::Status RecordsRepository::SaveReceipt(const std::string& bag_id,
                                            const v1::SignedDoc& receipt) const {
  MUSTER_RETURN_IF_ERROR(MakeFolders(root_, "receipts"));
  const std::string path = ReceiptPath(bag_id, kReceiptEnd);
  MUSTER_RETURN_IF_ERROR(CheckIsNew(path));
  MUSTER_RETURN_IF_ERROR(ReplaceFile(path, receipt.SerializeAsString()));
  return Sync(root_ + "/receipts");
}

bool RecordsRepository::IsSent(const std::string& bag_id, const v1::SignedDoc& receipt) const {
  const absl::StatusOr<std::string> mark =
      ReadSmallFile(ReceiptPath(bag_id, kSentEnd), "mark", limits::kMaxNameBytes);
  return mark.ok() && *mark == Sha256Hex(receipt.payload()) + "\n";
}

absl::Status RecordsRepository::MarkSent(const std::string& bag_id,
                                         const v1::SignedDoc& receipt) const {
  return ReplaceFile(ReceiptPath(bag_id, kSentEnd), Sha256Hex(receipt.payload()) + "\n");
}

absl::StatusOr<v1::SignedDoc> ReadReceiptFile(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const std::string bytes,
                          ReadSmallFile(path, "receipt", limits::kMaxDocumentBytes));
  v1::SignedDoc doc;
  if (!doc.ParseFromString(bytes) || doc.payload().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no receipt"));
  }
  return doc;
}

}  // namespace muster::cli
