#include "controller/adapters/openssl/key_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/trust_root.h"

namespace muster {
namespace {

absl::Status FileError(absl::string_view doing, const std::string& path) {
  const std::string text = absl::StrCat(doing, " ", path, ": ", std::strerror(errno));
  if (errno == ENOENT) return absl::NotFoundError(text);
  if (errno == EACCES || errno == EPERM) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return FileError("reading", path);
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) return FileError("reading", path);
  return text.str();
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes, int mode) {
  const std::string temp = absl::StrCat(path, ".new");
  const int fd = open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return FileError("writing", temp);
  bool ok = fchmod(fd, static_cast<mode_t>(mode)) == 0;
  while (ok && !bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    ok = n >= 0;
    if (ok) bytes.remove_prefix(static_cast<size_t>(n));
  }
  ok = ok && fsync(fd) == 0;
  ok = close(fd) == 0 && ok;
  if (!ok || rename(temp.c_str(), path.c_str()) != 0) {
    absl::Status error = FileError("writing", path);
    unlink(temp.c_str());
    return error;
  }
  const std::string folder = std::filesystem::path(path).parent_path();
  const int dir = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return FileError("opening", folder);
  const bool synced = fsync(dir) == 0;
  close(dir);
  return synced ? absl::OkStatus() : FileError("syncing", folder);
}

absl::Status MakeFolder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return absl::OkStatus();
  return FileError("creating", path);
}

absl::Status WritePrivateKey(const std::string& path, const PrivateKey& key) {
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, key.ToPem());
  return WriteFileAtomically(path, pem, 0600);
}

absl::StatusOr<PrivateKey> ReadPrivateKey(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return FileError("reading", path);
  if ((st.st_mode & 077) != 0) {
    return absl::DataLossError(absl::StrCat(
        path,
        " can be read by others, so it is no longer a secret: replace the key, and keep "
        "such files 0600"));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  auto key = PrivateKey::FromPem(pem);
  if (!key.ok()) return absl::DataLossError(absl::StrCat(path, ": ", key.status().message()));
  return key;
}

absl::StatusOr<PrivateKey> NewKeyPair(const std::string& base, absl::string_view algorithm) {
  MUSTER_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::Generate(algorithm));
  MUSTER_RETURN_IF_ERROR(WritePrivateKey(base + ".key", key));
  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(base + ".pub", PublicKeyPem(key.spki()), 0644));
  return key;
}

absl::StatusOr<std::vector<PrivateKey>> LoadOnlineKeys(const std::string& dir) {
  const std::string folder = dir + "/keys";
  std::vector<std::string> paths;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error);
  for (const std::filesystem::directory_iterator end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".key") continue;
    if (paths.size() == limits::kMaxKeyFiles) {
      return absl::FailedPreconditionError(
          absl::StrCat(folder, " holds more than ", limits::kMaxKeyFiles,
                       " keys; move those that no root names any more to another folder"));
    }
    paths.push_back(it->path().string());
  }
  if (error) return absl::UnavailableError(absl::StrCat("reading ", folder, ": ", error.message()));
  std::sort(paths.begin(), paths.end());
  std::vector<PrivateKey> keys;
  for (const std::string& path : paths) {
    MUSTER_ASSIGN_OR_RETURN(PrivateKey key, ReadPrivateKey(path));
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace muster
