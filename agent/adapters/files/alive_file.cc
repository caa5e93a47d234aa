#include "agent/adapters/files/alive_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/adapters/files/file_io.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxBytes = 256;

std::string BootId() {
  return std::string(absl::StripAsciiWhitespace(
      ReadFile("/proc/sys/kernel/random/boot_id", kMaxBytes).value_or("")));
}

}  // namespace

std::optional<absl::Time> AliveFile::LastSignOfLife() const {
  const absl::StatusOr<std::string> text = ReadFile(path_, kMaxBytes);
  if (!text.ok()) return std::nullopt;
  const std::vector<std::string> words = absl::StrSplit(*text, absl::ByAnyChar(" \n"));
  int64_t seconds = 0;
  if (words.size() < 2 || words[0] != BootId() || !absl::SimpleAtoi(words[1], &seconds)) {
    return std::nullopt;
  }
  return absl::FromUnixSeconds(seconds);
}

void AliveFile::Touch(absl::Time now) const {
  const Fd fd(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  const std::string text = absl::StrCat(BootId(), " ", absl::ToUnixSeconds(now), "\n");
  // A torn or missing line counts as no sign of life.
  if (!fd.ok() || write(fd.get(), text.data(), text.size()) < 0) return;
}

void AliveFile::Remove() const { unlink(path_.c_str()); }

}  // namespace muster::agent
