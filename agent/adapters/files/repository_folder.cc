#include "agent/adapters/files/repository_folder.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "common/agent_limits.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxIdBytes = 128;

bool IsId(const std::string& id) {
  return !id.empty() && id.size() <= kMaxIdBytes && id[0] != '.' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
                  c == '.';
         });
}

absl::Status Unavailable(absl::string_view doing, const std::string& path) {
  return absl::UnavailableError(ErrnoStatus(errno, doing, path).message());
}

// NOT_FOUND: there is none.
absl::StatusOr<std::string> ReadSalt(int folder, const std::string& id, const std::string& path) {
  const Fd fd(openat(folder, id.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.ok() && errno == ENOENT) return absl::NotFoundError(path);
  struct stat st = {};
  if (!fd.ok() || fstat(fd.get(), &st) != 0) return Unavailable("read", path);
  std::string out(limits::kSaltBytes + 1, '\0');
  const ssize_t n = S_ISREG(st.st_mode) ? read(fd.get(), out.data(), out.size()) : 0;
  if (n < 0) return Unavailable("read", path);
  if (static_cast<size_t>(n) != limits::kSaltBytes) {
    return absl::DataLossError(absl::StrCat(path, " is no salt; ask the records office"));
  }
  out.resize(limits::kSaltBytes);
  return out;
}

// Whole or not at all: whoever comes second finds what the first wrote.
absl::Status WriteSalt(int folder, const std::string& id, const std::string& salt,
                       const std::string& path) {
  // Another device's agent may have the same process id: the name is by chance, and new.
  const std::string chance = RandomSalt();
  if (chance.empty()) return absl::UnavailableError("there is no chance to be had");
  const std::string temporary =
      absl::StrCat(".", absl::BytesToHexString(absl::string_view(chance).substr(0, 8)), ".new");
  Fd fd(openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
               0600));
  if (!fd.ok()) return Unavailable("write", path);
  const bool written =
      write(fd.get(), salt.data(), salt.size()) == static_cast<ssize_t>(salt.size()) &&
      fsync(fd.get()) == 0;
  bool placed = written && linkat(folder, temporary.c_str(), folder, id.c_str(), 0) == 0;
  if (written && !placed && errno != EEXIST) {
    // A share without hard links.
    placed = renameat2(folder, temporary.c_str(), folder, id.c_str(), RENAME_NOREPLACE) == 0;
  }
  const bool there = placed || errno == EEXIST;
  const int error = errno;
  unlinkat(folder, temporary.c_str(), 0);
  if (there && written) {
    fsync(folder);
    return absl::OkStatus();
  }
  errno = error;
  return Unavailable("write", path);
}

}  // namespace

absl::Status RepositoryFolder::Check(const std::string& path) {
  struct stat st = {};
  if (stat(absl::StrCat(path, "/incoming").c_str(), &st) == 0 && S_ISDIR(st.st_mode)) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat("the record repository ", path,
                                             " cannot be reached (it has no folder incoming)"));
}

absl::StatusOr<std::string> RepositoryFolder::Salt(const std::string& path,
                                                   const std::string& person_id,
                                                   const std::string& proposed) {
  if (!IsId(person_id)) return absl::InvalidArgumentError("a person id that no file can have");
  MUSTER_RETURN_IF_ERROR(Check(path));
  const std::string salts = absl::StrCat(path, "/salts");
  if (mkdir(salts.c_str(), 0700) != 0 && errno != EEXIST) return Unavailable("create", salts);
  const Fd folder(open(salts.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.ok()) return Unavailable("open", salts);
  const std::string file = absl::StrCat(salts, "/", person_id);
  absl::StatusOr<std::string> held = ReadSalt(folder.get(), person_id, file);
  if (!absl::IsNotFound(held.status())) return held;
  MUSTER_RETURN_IF_ERROR(WriteSalt(folder.get(), person_id, proposed, file));
  held = ReadSalt(folder.get(), person_id, file);
  if (absl::IsNotFound(held.status())) return absl::UnavailableError(held.status().message());
  return held;
}

std::string RandomSalt() {
  std::string out(limits::kSaltBytes, '\0');
  if (getrandom(out.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) return "";
  return out;
}

}  // namespace muster::agent
