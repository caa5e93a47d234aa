#include "archive/files/export_bytes.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"

namespace muster::archive {
namespace {

constexpr size_t kReadBytes = 256 << 10;

absl::Status CannotRead(int error) {
  return absl::UnavailableError(absl::StrCat("the file cannot be read: ", std::strerror(error)));
}

absl::Status Changed() {
  return absl::InvalidArgumentError("the file changed while it was read; try again");
}

bool SameFile(const struct stat& a, const struct stat& b) {
  const auto same = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         same(a.st_mtim, b.st_mtim) && same(a.st_ctim, b.st_ctim);
}

std::string KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

ExportDigest::ExportDigest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}
void ExportDigest::Add(absl::string_view bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}
std::string ExportDigest::FinishHex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_DigestFinal_ex(context_.get(), digest, &length);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), length));
}

absl::StatusOr<ExportBytes> ExportBytes::Open(int fd) {
  struct stat st = {};
  if (fstat(fd, &st) != 0) return CannotRead(errno);
  if (!S_ISREG(st.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("it is ", KindOf(st.st_mode), ", not a file"));
  }
  if (static_cast<uint64_t>(st.st_size) > limits::kMaxExportBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the file has ", st.st_size, " bytes; at most ",
                                                   limits::kMaxExportBytes, " are read"));
  }
  return ExportBytes(fd, st);
}

absl::Status ExportBytes::ReadAt(uint64_t offset, char* out, size_t bytes) const {
  while (bytes > 0) {
    const ssize_t n = pread(fd_, out, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return CannotRead(errno);
    if (n == 0) return Changed();
    out += n;
    offset += static_cast<uint64_t>(n);
    bytes -= static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status ExportBytes::ReadAll(const std::function<void(absl::string_view)>& sink) const {
  std::string buffer(kReadBytes, '\0');
  for (uint64_t at = 0; at < size();) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(buffer.size(), size() - at));
    MUSTER_RETURN_IF_ERROR(ReadAt(at, buffer.data(), n));
    sink(absl::string_view(buffer.data(), n));
    at += n;
  }
  return absl::OkStatus();
}

absl::Status ExportBytes::CheckUnchanged() const {
  struct stat now = {};
  if (fstat(fd_, &now) != 0) return CannotRead(errno);
  return SameFile(before_, now) ? absl::OkStatus() : Changed();
}

}  // namespace muster::archive
