// A file of certificate revocation lists that somebody else renews.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "controller/adapters/openssl/certificates.h"

namespace muster {

// Thread-safe. Read anew whenever the file was replaced or written.
class RevocationFile {
 public:
  explicit RevocationFile(std::string path) : path_(std::move(path)) {}
  // UNAVAILABLE: it cannot be read; INVALID_ARGUMENT: it holds no revocation list.
  absl::StatusOr<std::vector<X509CrlPtr>> Get();

 private:
  struct Stamp {
    uint64_t device = 0, inode = 0;
    int64_t size = -1, seconds = 0, nanoseconds = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  const std::string path_;
  Mutex mu_;
  Stamp stamp_ ABSL_GUARDED_BY(mu_);
  std::vector<X509CrlPtr> lists_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster
