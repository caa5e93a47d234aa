#include "cli/log_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/write_file.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

namespace fs = std::filesystem;
using archive::OwnedFd;

// The log tells of people: auditors read it, nobody else.
constexpr mode_t kFolderMode = 0750;
constexpr mode_t kFileMode = 0640;
constexpr size_t kMaxNameLength = 128;
constexpr size_t kMaxIndexParts = 6;  // of three digits: any index that 64 bits hold with ease

absl::Status OurError(absl::string_view what, int error) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", std::strerror(error)));
}

// "x001/x234/067.p/112" or "067".
bool ParseIndex(absl::string_view text, ExportFile& out) {
  out.width = kTileWidth;
  if (const size_t partial = text.find(".p/"); partial != absl::string_view::npos) {
    if (!absl::SimpleAtoi(text.substr(partial + 3), &out.width)) return false;
    text = text.substr(0, partial);
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  if (parts.size() > kMaxIndexParts) return false;
  for (absl::string_view part : parts) {
    absl::ConsumePrefix(&part, "x");
    uint64_t digits = 0;
    if (part.size() != 3 || !absl::SimpleAtoi(part, &digits)) return false;
    out.index = out.index * 1000 + digits;
  }
  return true;
}

bool ParseTilePath(absl::string_view path, absl::string_view whole, ExportFile& out) {
  if (absl::ConsumePrefix(&path, "entries/")) {
    out.kind = ExportFile::Kind::kBundle;
    return ParseIndex(path, out) && BundlePath(out.index, out.width) == whole;
  }
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(path, absl::MaxSplits('/', 1));
  out.kind = ExportFile::Kind::kTile;
  return absl::SimpleAtoi(parts.first, &out.level) && ParseIndex(parts.second, out) &&
         TilePath(out.level, out.index, out.width) == whole;
}

bool ParseWitnessPath(absl::string_view name, ExportFile& out) {
  out.kind = ExportFile::Kind::kWitness;
  if (absl::ConsumeSuffix(&name, kRefusedEnd)) {
    out.kind = ExportFile::Kind::kRefused;
  } else if (!absl::ConsumeSuffix(&name, kCheckpointEnd)) {
    return false;
  }
  out.who = std::string(name);
  return IsPlainName(name);
}

bool ParseProofPath(absl::string_view name, absl::string_view whole, ExportFile& out) {
  out.kind = ExportFile::Kind::kProof;
  return absl::ConsumeSuffix(&name, ".tlog-proof") && absl::SimpleAtoi(name, &out.index) &&
         ProofPath(out.index) == whole;
}

}  // namespace

bool IsPlainName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameLength && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' ||
                  c == '_';
         });
}

std::string WitnessPath(absl::string_view who, absl::string_view end) {
  return absl::StrCat("witness/", who, end);
}

std::string ProofPath(uint64_t sequence) {
  return absl::StrCat("proofs/", sequence, ".tlog-proof");
}

ExportFile ParseExportPath(absl::string_view path) {
  ExportFile out;
  if (path == kCheckpointFile) {
    out.kind = ExportFile::Kind::kCheckpoint;
    return out;
  }
  if (path == kReadmeFile) {
    out.kind = ExportFile::Kind::kReadme;
    return out;
  }
  absl::string_view rest = path;
  bool known = false;
  if (absl::ConsumePrefix(&rest, "tile/")) {
    known = ParseTilePath(rest, path, out);
  } else if (absl::ConsumePrefix(&rest, "witness/")) {
    known = ParseWitnessPath(rest, out);
  } else if (absl::ConsumePrefix(&rest, "proofs/")) {
    known = ParseProofPath(rest, path, out);
  }
  return known ? out : ExportFile();
}

bool TreeHas(uint64_t size, const ExportFile& file) {
  return file.width > 0 && file.width == TileWidthAt(size, file.level, file.index);
}

absl::StatusOr<ExportFolder> ExportFolder::Open(const std::string& path) {
  OwnedFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return OurError(path, errno);
  return ExportFolder(path, std::move(fd));
}

absl::StatusOr<ExportFolder> ExportFolder::OpenToWrite(const std::string& path) {
  if (mkdir(path.c_str(), kFolderMode) != 0 && errno != EEXIST) return OurError(path, errno);
  MUSTER_ASSIGN_OR_RETURN(ExportFolder out, Open(path));
  if (flock(out.fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return OurError(path, errno);
    return absl::AbortedError(absl::StrCat("another export is being written to ", path));
  }
  // Writing through a link to a folder would change files elsewhere.
  MUSTER_RETURN_IF_ERROR(out.ForEach([&](const std::string& file, bool regular) {
    if (regular) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(path, "/", file, " is no regular file"));
  }));
  return out;
}

absl::Status ExportFolder::Read(const std::string& file, size_t max_bytes, std::string& out) const {
  // A pipe must not keep us waiting.
  const OwnedFd fd(openat(fd_.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) {
    if (errno == ENOENT) return absl::NotFoundError(absl::StrCat(file, " is not there"));
    if (errno == ELOOP) return absl::FailedPreconditionError(absl::StrCat(file, " is a link"));
    return OurError(file, errno);
  }
  struct stat st;
  if (fstat(fd.get(), &st) != 0) return OurError(file, errno);
  if (!S_ISREG(st.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(file, " is no regular file"));
  }
  const auto size = static_cast<uint64_t>(st.st_size);
  if (size > max_bytes) {
    return absl::OutOfRangeError(
        absl::StrCat(file, " has ", size, " bytes where at most ", max_bytes, " are due"));
  }
  out.resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t n = read(fd.get(), out.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return OurError(file, errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  out.resize(done);
  return absl::OkStatus();
}

absl::Status ExportFolder::ForEach(
    const std::function<absl::Status(const std::string&, bool)>& each) const {
  std::error_code error;
  const std::string below = (fs::path(path_) / "").string();  // "export/" has its slash
  fs::recursive_directory_iterator entry(path_, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const fs::file_type type = entry->symlink_status(ignored).type();
    if (type == fs::file_type::directory) continue;
    MUSTER_RETURN_IF_ERROR(each(std::string(absl::StripPrefix(entry->path().string(), below)),
                                type == fs::file_type::regular));
  }
  if (error) return absl::InvalidArgumentError(absl::StrCat(path_, ": ", error.message()));
  return absl::OkStatus();
}

absl::Status ExportFolder::MakeFoldersOf(const std::string& file) const {
  for (size_t slash = file.find('/'); slash != std::string::npos;
       slash = file.find('/', slash + 1)) {
    const std::string folder = file.substr(0, slash);
    if (mkdirat(fd_.get(), folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
      return OurError(folder, errno);
    }
  }
  return absl::OkStatus();
}

absl::Status ExportFolder::Write(const std::string& file, absl::string_view bytes) const {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  OwnedFd fd(openat(fd_.get(), file.c_str(), kFlags, kFileMode));
  if (!fd.ok() && errno == ENOENT) {
    MUSTER_RETURN_IF_ERROR(MakeFoldersOf(file));
    fd = OwnedFd(openat(fd_.get(), file.c_str(), kFlags, kFileMode));
  }
  if (!fd.ok()) return OurError(file, errno);
  const absl::Status written = archive::WriteAll(fd.get(), bytes, file);
  return written.ok() ? written : absl::InvalidArgumentError(written.message());
}

absl::Status ExportFolder::Replace(const std::string& file, const std::string& bytes) const {
  MUSTER_RETURN_IF_ERROR(ReplaceFile(absl::StrCat(path_, "/", file), bytes, kFileMode));
  return Sync();
}

absl::Status ExportFolder::Remove(const std::string& file) const {
  if (unlinkat(fd_.get(), file.c_str(), 0) != 0 && errno != ENOENT) return OurError(file, errno);
  return absl::OkStatus();
}

absl::Status ExportFolder::RemoveAllBut(uint64_t size) const {
  std::vector<std::string> gone;
  MUSTER_RETURN_IF_ERROR(ForEach([&](const std::string& file, bool) {
    const ExportFile parsed = ParseExportPath(file);
    const bool ours =
        parsed.kind == ExportFile::Kind::kTile || parsed.kind == ExportFile::Kind::kBundle;
    if (ours && !TreeHas(size, parsed)) gone.push_back(file);
    return absl::OkStatus();
  }));
  for (const std::string& file : gone) MUSTER_RETURN_IF_ERROR(Remove(file));
  return absl::OkStatus();
}

absl::Status ExportFolder::Sync() const {
  // One call for very many small files.
  if (syncfs(fd_.get()) != 0) return OurError(path_, errno);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ExportTiles::ReadTile(uint32_t level, uint64_t index,
                                                  uint64_t width) const {
  std::string out;
  MUSTER_RETURN_IF_ERROR(folder_.Read(TilePath(level, index, TileWidthAt(size_, level, index)),
                                      kTileWidth * kHashBytes, out));
  if (out.size() < width * kHashBytes) {
    return absl::DataLossError(
        absl::StrCat(TilePath(level, index, TileWidthAt(size_, level, index)), " is too short"));
  }
  out.resize(width * kHashBytes);
  return out;
}

}  // namespace muster::cli
