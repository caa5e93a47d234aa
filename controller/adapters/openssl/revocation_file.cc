#include "controller/adapters/openssl/revocation_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "controller/adapters/openssl/key_files.h"

namespace muster {

absl::StatusOr<std::vector<X509CrlPtr>> RevocationFile::Get() {
  MutexLock lock(&mu_);
  struct stat st;
  if (stat(path_.c_str(), &st) != 0) {
    return absl::UnavailableError(absl::StrCat(path_, ": ", strerror(errno)));
  }
  const Stamp now = {st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
  if (now == stamp_) return lists_;
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path_));
  absl::StatusOr<std::vector<X509CrlPtr>> read = RevocationListsFromPem(pem);
  if (!read.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": ", read.status().message()));
  }
  lists_ = *std::move(read);
  stamp_ = now;
  return lists_;
}

}  // namespace muster
