// Any bytes as an exported chat: reading ends, what is read accounts for every byte, and a zip is
// whole or refused.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "archive/files/export_file.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using muster::archive::Entry;
  static const int fd = memfd_create("export", MFD_CLOEXEC);
  Require(fd >= 0 && ftruncate(fd, 0) == 0);
  Require(pwrite(fd, data, size, 0) == static_cast<ssize_t>(size));
  uint64_t entries = 0;
  const auto file =
      muster::archive::ReadExportFile(fd, "WhatsApp Chat with Ann", std::nullopt,
                                      [&entries](const Entry& entry) { entries += entry.bytes; });
  if (!file.ok()) {
    Require(absl::IsInvalidArgument(file.status()) && !file.status().message().empty());
    return 0;
  }
  Require(file->file_bytes == size && file->sha256.size() == 64);
  Require(file->text.bytes == file->text.accounted_bytes && entries == file->text.bytes);
  Require(file->unreferenced_files <= file->media_files);
  return 0;
}
