#include "cli/signing_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/pkcs11_key.h"
#include "cli/profile.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/trust_root.h"

namespace muster::cli {
namespace {

constexpr size_t kMaxPinBytes = 256;

}  // namespace

absl::StatusOr<std::string> ReadSecretFile(const std::string& path, absl::string_view what,
                                           size_t max_bytes) {
  // The mode of the very file that is read, not of one that was put in its place.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read the ", what, " ", path, ": ", std::strerror(error)));
  }
  const bool open_to_others = (st.st_mode & 077) != 0;
  std::string text(max_bytes + 1, '\0');
  const ssize_t n = S_ISREG(st.st_mode) && !open_to_others ? read(fd, text.data(), text.size()) : 0;
  close(fd);
  if (open_to_others) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ", what, " ", path,
                     " can be read by others, so it is no longer a secret: replace it, and keep "
                     "such files 0600"));
  }
  if (n <= 0 || static_cast<size_t>(n) > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("the ", what, " ", path, " is not one"));
  }
  text.resize(static_cast<size_t>(n));
  return text;
}

absl::StatusOr<PrivateKey> LoadSigningKey(const std::string& where, const std::string& pin_file) {
  if (IsTokenUri(where)) {
    if (pin_file.empty()) {
      return absl::InvalidArgumentError(
          "a key in a token needs its PIN: name its file, --pin-file");
    }
    MUSTER_ASSIGN_OR_RETURN(const std::string pin,
                            ReadSecretFile(pin_file, "PIN file", kMaxPinBytes));
    return LoadTokenKey(where, std::string(absl::StripTrailingAsciiWhitespace(pin)));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string pem,
                          ReadSecretFile(where, "key file", limits::kMaxPemBytes));
  absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(pem);
  if (key.ok()) return key;
  return absl::InvalidArgumentError(
      absl::StrCat("the key file ", where, ": ", key.status().message()));
}

absl::StatusOr<v1::TrustedKey> ReadPublicKey(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const std::string pem,
                          ReadSmallFile(path, "public key", limits::kMaxPemBytes));
  absl::StatusOr<v1::TrustedKey> key = TrustedKeyFromPem(pem);
  if (key.ok()) return key;
  return absl::InvalidArgumentError(
      absl::StrCat("the public key ", path, ": ", key.status().message()));
}

absl::StatusOr<std::vector<v1::TrustedKey>> ReadPublicKeys(const std::vector<std::string>& paths) {
  std::vector<v1::TrustedKey> out;
  for (const std::string& path : paths) {
    MUSTER_ASSIGN_OR_RETURN(v1::TrustedKey key, ReadPublicKey(path));
    out.push_back(std::move(key));
  }
  return out;
}

}  // namespace muster::cli
