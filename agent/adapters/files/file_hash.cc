#include "agent/adapters/files/file_hash.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/elf_file.h"
#include "agent/adapters/files/file_facts.h"
#include "agent/adapters/files/file_io.h"

namespace muster::agent {
namespace {

absl::StatusOr<HashedFile> HashOpen(const Fd& fd, const std::string& path) {
  const std::optional<FileStamp> before = StampOfFd(fd.get());
  if (!before) return absl::NotFoundError(absl::StrCat(path, " is not a regular file"));
  using Ctx = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
  Ctx sha(EVP_MD_CTX_new(), EVP_MD_CTX_free), md5(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(sha.get(), EVP_sha256(), nullptr);
  // A FIPS provider has no MD5; then `md5` stays empty and finds nothing.
  const bool have_md5 = EVP_DigestInit_ex(md5.get(), EVP_md5(), nullptr) == 1;
  std::string buffer(64 << 10, '\0');
  // Whoever keeps adding to a file must not keep us here.
  for (uint64_t left = before->size; left > 0;) {
    const ssize_t n = read(fd.get(), buffer.data(), std::min<uint64_t>(buffer.size(), left));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read", path);
    if (n == 0) break;
    left -= static_cast<uint64_t>(n);
    EVP_DigestUpdate(sha.get(), buffer.data(), static_cast<size_t>(n));
    if (have_md5) EVP_DigestUpdate(md5.get(), buffer.data(), static_cast<size_t>(n));
  }
  std::string build_id = BuildIdOfFd(fd.get());
  const bool payload = !build_id.empty() && CarriesPayloadFd(fd.get(), before->size);
  if (const std::optional<FileStamp> after = StampOfFd(fd.get());
      !after || !after->SameContents(*before)) {
    return absl::AbortedError(absl::StrCat(path, " changed while it was read"));
  }
  auto finish = [](EVP_MD_CTX* ctx) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(ctx, digest, &length);
    return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), length));
  };
  return HashedFile{*before, finish(sha.get()), have_md5 ? finish(md5.get()) : "",
                    std::move(build_id), payload};
}

// The very file of an O_PATH descriptor. Only opening a device can have an effect (a watchdog, a
// tape), and a user's link may lead to one: looked at first.
absl::StatusOr<HashedFile> HashPlace(Fd place, const std::string& path) {
  if (!place.ok()) return ErrnoStatus(errno, "read", path);
  if (!StampOfFd(place.get())) {
    return absl::NotFoundError(absl::StrCat(path, " is not a regular file"));
  }
  const Fd fd(open(absl::StrCat("/proc/self/fd/", place.get()).c_str(),
                   O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME));
  if (!fd.ok()) return ErrnoStatus(errno, "read", path);
  return HashOpen(fd, path);
}

}  // namespace

std::optional<FileStamp> StampOfFd(int fd) {
  const std::optional<FileFacts> facts = FactsOfFd(fd);
  if (!facts) return std::nullopt;
  return facts->stamp;
}

std::optional<FileStamp> StampOfPath(const std::string& path) {
  Fd fd(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.ok()) return std::nullopt;
  return StampOfFd(fd.get());
}

std::optional<uint64_t> DeviceOfPath(const std::string& path) {
  struct statx sx = {};
  if (statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &sx) != 0) {
    return std::nullopt;
  }
  return makedev(sx.stx_dev_major, sx.stx_dev_minor);
}

std::optional<FileStamp> StampWithoutLinks(const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const Fd fd(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  if (!fd.ok()) return std::nullopt;
  return StampOfFd(fd.get());
}

absl::StatusOr<HashedFile> HashFile(const std::string& path) {
  return HashPlace(Fd(open(path.c_str(), O_PATH | O_CLOEXEC)), path);
}

absl::StatusOr<HashedFile> HashFileExactly(const std::string& path, const FileStamp& expected) {
  Fd place(open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  if (!place.ok()) return ErrnoStatus(errno, "read", path);
  const std::optional<FileStamp> stamp = StampOfFd(place.get());
  if (!stamp || !stamp->SameContents(expected)) {
    return absl::AbortedError(absl::StrCat(path, " is another file now"));
  }
  return HashPlace(std::move(place), path);
}

}  // namespace muster::agent
