#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/adapters/files/file_io.h"
#include "bridge/adapters/yaml/bridge_config.h"
#include "common/bridge_limits.h"

namespace muster::bridge {

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  struct stat info {};
  // The file may be a link, as those of systemd's credentials are.
  const agent::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok() || fstat(fd.get(), &info) != 0) {
    return agent::ErrnoStatus(errno, "cannot read", path);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no file"));
  }
  if ((info.st_mode & S_IRWXO) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " holds a secret and is open to everybody: chmod 600 ", path));
  }
  std::string text(limits::kMaxSecretBytes + 1, '\0');
  const ssize_t got = read(fd.get(), text.data(), text.size());
  if (got < 0) return agent::ErrnoStatus(errno, "cannot read", path);
  text.resize(static_cast<size_t>(got));
  absl::string_view line = absl::StripTrailingAsciiWhitespace(text);
  if (text.size() > limits::kMaxSecretBytes || line.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " must hold one line with the secret"));
  }
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " must hold one line with the secret and nothing else"));
    }
  }
  return std::string(line);
}

}  // namespace muster::bridge
