// Writing a bag: everything under a hidden name, synced from the files up, then one rename.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "archive/files/bag_files.h"
#include "archive/files/bag_folder.h"
#include "archive/files/checksums.h"
#include "common/archive_limits.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "common/status_macros.h"

namespace muster::archive {
namespace {

const std::vector<std::string>& BothChecksums() {
  static const auto* const both = new std::vector<std::string>{"sha256", "sha512"};
  return *both;
}

constexpr size_t kCopyBytes = 256 << 10;
// The records staff move the folders; nobody writes into the files.
constexpr mode_t kFolderMode = 0770, kFileMode = 0640;

std::string SizeText(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KB", "MB", "GB"};
  double size = static_cast<double>(bytes);
  size_t unit = 0;
  for (; size >= 1000 && unit + 1 < std::size(kUnits); ++unit) size /= 1000;
  return absl::StrFormat(unit == 0 ? "%.0f %s" : "%.1f %s", size, kUnits[unit]);
}

absl::Status CheckInputs(const PackInputs& in) {
  if (!IsBagId(in.bag_id)) return absl::InvalidArgumentError("no bag can have this id");
  const std::string path = absl::StrCat("data/", in.payload_name);
  if (in.payload_name.find('/') != std::string::npos || !CheckBagPath(path).ok()) {
    return absl::InvalidArgumentError("no file of a bag can have the export's name");
  }
  return absl::OkStatus();
}

// A folder whose members get the mode that they need whatever the umask.
absl::StatusOr<OwnedFd> MakeBagFolder(int at, const std::string& name) {
  if (mkdirat(at, name.c_str(), kFolderMode) != 0) return FileError(name, errno);
  OwnedFd fd(openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat st;
  if (!fd.ok() || fstat(fd.get(), &st) != 0 ||
      fchmod(fd.get(), kFolderMode | (st.st_mode & S_ISGID)) != 0) {
    return FileError(name, errno);
  }
  return fd;
}

absl::StatusOr<OwnedFd> NewFile(int at, const std::string& name) {
  OwnedFd fd(
      openat(at, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!fd.ok() || fchmod(fd.get(), kFileMode) != 0) return FileError(name, errno);
  return fd;
}

struct Copied {
  uint64_t bytes = 0;
  std::vector<std::string> checksums;
};

absl::StatusOr<Copied> CopyPayload(int from, int to, const std::string& name) {
  MUSTER_ASSIGN_OR_RETURN(Checksums sums, Checksums::Of(BothChecksums()));
  Copied out;
  std::string block(kCopyBytes, '\0');
  while (true) {
    const ssize_t n = pread(from, block.data(), block.size(), static_cast<off_t>(out.bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("reading the export", errno);
    if (n == 0) break;
    const absl::string_view bytes(block.data(), static_cast<size_t>(n));
    out.bytes += bytes.size();
    if (out.bytes > limits::kMaxExportBytes) {
      return BagError(BagCode::kOversize, "the export is too large for a bag");
    }
    sums.Add(bytes);
    MUSTER_RETURN_IF_ERROR(WriteAll(to, bytes, name));
  }
  if (fsync(to) != 0) return FileError(name, errno);
  MUSTER_ASSIGN_OR_RETURN(out.checksums, sums.Finish());
  return out;
}

// The tag files of the bag at `fd`.
class TagWriter {
 public:
  explicit TagWriter(int fd) : fd_(fd) {}

  absl::Status Write(const std::string& name, const std::string& text) {
    MUSTER_ASSIGN_OR_RETURN(const OwnedFd file, NewFile(fd_, name));
    MUSTER_RETURN_IF_ERROR(WriteAll(file.get(), text, name));
    if (fsync(file.get()) != 0) return FileError(name, errno);
    MUSTER_ASSIGN_OR_RETURN(Checksums sums, Checksums::Of(BothChecksums()));
    sums.Add(text);
    MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> hex, sums.Finish());
    for (size_t i = 0; i < hex.size(); ++i) listed_[i][name] = hex[i];
    return absl::OkStatus();
  }
  // Last: lists all that was written before. Returns the SHA-256 of the first.
  absl::StatusOr<std::string> WriteTagManifests() {
    const std::string first = FormatManifest(listed_[0]), second = FormatManifest(listed_[1]);
    MUSTER_RETURN_IF_ERROR(Write("tagmanifest-sha256.txt", first));
    MUSTER_RETURN_IF_ERROR(Write("tagmanifest-sha512.txt", second));
    return Sha256Hex(first);
  }

 private:
  const int fd_;
  Manifest listed_[2];
};

void SetInfo(BagInfo& info, const std::string& label, const std::string& value) {
  for (auto& [name, old] : info) {
    if (name == label) {
      old = value;
      return;
    }
  }
  info.emplace_back(label, value);
}

BagInfo FullInfo(const PackInputs& in, const Copied& copied) {
  BagInfo info = in.info;
  SetInfo(info, kInfoBagId, in.bag_id);
  if (FindInfo(info, kInfoBaggingDate).empty()) {
    const absl::Time now = SystemClock().Now();
    SetInfo(info, kInfoBaggingDate, absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone()));
  }
  SetInfo(info, kInfoBagSize, SizeText(copied.bytes));
  SetInfo(info, kInfoOxum, FormatPayloadOxum({copied.bytes, 1}));
  return info;
}

// The whole bag in the new folder `fd`.
absl::StatusOr<PackedBag> Fill(int fd, const PackInputs& in) {
  MUSTER_ASSIGN_OR_RETURN(const OwnedFd data, MakeBagFolder(fd, "data"));
  Copied copied;
  {
    MUSTER_ASSIGN_OR_RETURN(const OwnedFd file, NewFile(data.get(), in.payload_name));
    MUSTER_ASSIGN_OR_RETURN(copied, CopyPayload(in.payload_fd, file.get(), in.payload_name));
  }
  if (copied.checksums[0] != in.expected_sha256) {
    return absl::FailedPreconditionError("the export is no longer the one that was read");
  }
  MUSTER_RETURN_IF_ERROR(SyncFolder(data.get(), "data"));
  const BagInfo info = FullInfo(in, copied);
  const std::string path = absl::StrCat("data/", in.payload_name);
  TagWriter tags(fd);
  MUSTER_RETURN_IF_ERROR(tags.Write("bagit.txt", FormatBagDeclaration()));
  MUSTER_RETURN_IF_ERROR(tags.Write("bag-info.txt", FormatBagInfo(info)));
  for (size_t i = 0; i < copied.checksums.size(); ++i) {
    MUSTER_RETURN_IF_ERROR(tags.Write(absl::StrCat("manifest-", BothChecksums()[i], ".txt"),
                                      FormatManifest({{path, copied.checksums[i]}})));
  }
  PackedBag packed;
  MUSTER_ASSIGN_OR_RETURN(packed.tagmanifest_sha256, tags.WriteTagManifests());
  packed.payload_oxum = FindInfo(info, kInfoOxum);
  MUSTER_RETURN_IF_ERROR(SyncFolder(fd, in.bag_id));
  return packed;
}

// Of a run that was killed, or of this one that failed. The name is ours alone.
void Remove(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace

absl::StatusOr<PackedBag> PackBag(const std::string& into, const PackInputs& in) {
  MUSTER_RETURN_IF_ERROR(CheckInputs(in));
  const OwnedFd parent(open(into.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.ok()) return FileError(into, errno);
  const std::string path = absl::StrCat(into, "/", in.bag_id);
  struct stat st;
  if (fstatat(parent.get(), in.bag_id.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is there already"));
  }
  const std::string hidden = absl::StrCat(".", in.bag_id, ".packing");
  const std::string hidden_path = absl::StrCat(into, "/", hidden);
  Remove(hidden_path);
  absl::StatusOr<PackedBag> packed = PackedBag{};
  {
    MUSTER_ASSIGN_OR_RETURN(const OwnedFd fd, MakeBagFolder(parent.get(), hidden));
    packed = Fill(fd.get(), in);
  }
  if (packed.ok() && renameat(parent.get(), hidden.c_str(), parent.get(), in.bag_id.c_str()) != 0) {
    const bool there = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR;
    packed = there ? absl::AlreadyExistsError(absl::StrCat(path, " is there already"))
                   : FileError(path, errno);
  }
  if (!packed.ok()) {
    Remove(hidden_path);
    return packed;
  }
  packed->path = path;
  MUSTER_RETURN_IF_ERROR(SyncFolder(parent.get(), into));
  return packed;
}

}  // namespace muster::archive
