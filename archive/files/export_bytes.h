// The bytes of an open file that must not change while it is read.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

struct evp_md_ctx_st;

namespace muster::archive {

// SHA-256 of bytes that come in pieces. Thread-compatible.
class ExportDigest {
 public:
  ExportDigest();
  void Add(absl::string_view bytes);
  std::string FinishHex();  // once

 private:
  std::shared_ptr<evp_md_ctx_st> context_;
};

// Thread-compatible. The descriptor stays the caller's, and its position as it is.
class ExportBytes {
 public:
  // INVALID_ARGUMENT: no regular file, or over limits::kMaxExportBytes; UNAVAILABLE.
  static absl::StatusOr<ExportBytes> Open(int fd);

  uint64_t size() const { return static_cast<uint64_t>(before_.st_size); }
  absl::Time changed_at() const { return absl::TimeFromTimespec(before_.st_mtim); }
  // Exactly so many bytes. INVALID_ARGUMENT: the file has become shorter; UNAVAILABLE.
  absl::Status ReadAt(uint64_t offset, char* out, size_t bytes) const;
  // All of them, in order.
  absl::Status ReadAll(const std::function<void(absl::string_view)>& sink) const;
  // INVALID_ARGUMENT unless the file is still the one that was opened.
  absl::Status CheckUnchanged() const;

 private:
  ExportBytes(int fd, const struct stat& st) : fd_(fd), before_(st) {}
  int fd_;
  struct stat before_;
};

}  // namespace muster::archive
