#include "agent/adapters/files/elf_file.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include <limits>

#include "agent/domain/elf.h"

namespace muster::agent {
namespace {

// Linkers put the program headers and the build-id's note right behind the header.
constexpr size_t kFirstBytes = 8 << 10;

// `waited`: null, or set when a read that must not wait would have had to.
std::string ReadFdAt(int fd, uint64_t offset, size_t length, bool* waited) {
  std::string out(length, '\0');
  size_t have = 0;
  while (have < length) {
    if (offset > static_cast<uint64_t>(std::numeric_limits<off_t>::max()) - have) break;
    iovec part = {out.data() + have, length - have};
    const ssize_t n = preadv2(fd, &part, 1, static_cast<off_t>(offset + have),
                              waited == nullptr ? 0 : RWF_NOWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && waited != nullptr && (errno == EAGAIN || errno == EOPNOTSUPP)) *waited = true;
    if (n <= 0) break;
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return out;
}

// Serves what lies in the first bytes from one read.
class FdReader {
 public:
  explicit FdReader(int fd, bool* waited = nullptr)
      : fd_(fd), waited_(waited), first_(ReadFdAt(fd, 0, kFirstBytes, waited)) {}
  std::string operator()(uint64_t offset, size_t length) const {
    const bool whole = first_.size() < kFirstBytes;  // the file ends there
    if (offset <= first_.size() && (whole || length <= first_.size() - offset)) {
      return first_.substr(offset, length);
    }
    return whole ? "" : ReadFdAt(fd_, offset, length, waited_);
  }

 private:
  const int fd_;
  bool* const waited_;
  const std::string first_;
};

}  // namespace

std::string BuildIdOfFd(int fd) { return ReadBuildId(FdReader(fd)); }

std::optional<std::string> BuildIdAtHand(int fd) {
  bool waited = false;
  std::string id = ReadBuildId(FdReader(fd, &waited));
  if (waited) return std::nullopt;
  return id;
}

bool CarriesPayloadFd(int fd, uint64_t file_size) {
  return CarriesPayload(file_size, FdReader(fd));
}

}  // namespace muster::agent
