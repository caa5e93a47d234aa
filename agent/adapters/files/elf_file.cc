#include "agent/adapters/files/elf_file.h"

#include <errno.h>
#include <unistd.h>

#include <limits>

#include "agent/domain/elf.h"

namespace muster::agent {
namespace {

// Linkers put the program headers and the build-id's note right behind the header.
constexpr size_t kFirstBytes = 8 << 10;

std::string ReadFdAt(int fd, uint64_t offset, size_t length) {
  std::string out(length, '\0');
  size_t have = 0;
  while (have < length) {
    if (offset > static_cast<uint64_t>(std::numeric_limits<off_t>::max()) - have) break;
    const ssize_t n =
        pread(fd, out.data() + have, length - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return out;
}

// Serves what lies in the first bytes from one read.
class FdReader {
 public:
  explicit FdReader(int fd) : fd_(fd), first_(ReadFdAt(fd, 0, kFirstBytes)) {}
  std::string operator()(uint64_t offset, size_t length) const {
    const bool whole = first_.size() < kFirstBytes;  // the file ends there
    if (offset <= first_.size() && (whole || length <= first_.size() - offset)) {
      return first_.substr(offset, length);
    }
    return whole ? "" : ReadFdAt(fd_, offset, length);
  }

 private:
  const int fd_;
  const std::string first_;
};

}  // namespace

std::string BuildIdOfFd(int fd) { return ReadBuildId(FdReader(fd)); }

bool CarriesPayloadFd(int fd, uint64_t file_size) {
  return CarriesPayload(file_size, FdReader(fd));
}

}  // namespace muster::agent
