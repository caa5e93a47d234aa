#include "agent/adapters/files/file_facts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace muster::agent {
namespace {

int64_t NanosOf(const statx_timestamp& t) { return t.tv_sec * 1'000'000'000LL + t.tv_nsec; }

}  // namespace

std::optional<FileFacts> FactsOfFd(int fd) {
  struct statx sx = {};
  // DONT_SYNC: a FUSE or NFS server must not be able to hold up the asker.
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &sx) != 0) {
    return std::nullopt;
  }
  if (!S_ISREG(sx.stx_mode)) return std::nullopt;
  FileFacts out;
  out.stamp = {{makedev(sx.stx_dev_major, sx.stx_dev_minor), sx.stx_ino},
               sx.stx_size,
               NanosOf(sx.stx_mtime),
               NanosOf(sx.stx_ctime)};
  out.owner = sx.stx_uid;
  out.mode = sx.stx_mode;
  return out;
}

}  // namespace muster::agent
