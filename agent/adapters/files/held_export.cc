#include "agent/adapters/files/held_export.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/archive_reader.h"
#include "agent/adapters/files/confined.h"
#include "agent/adapters/files/helper.h"
#include "agent/adapters/files/homes.h"
#include "agent/domain/text.h"
#include "archive/files/bag_files.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxNameBytes = 255;

// Where another machine or a process of the person's serves the bytes.
bool IsElsewhere(int fd) {
  struct statfs fs = {};
  if (fstatfs(fd, &fs) != 0) return true;
  constexpr unsigned kFuse = 0x65735546, kCifs = 0xff534d42, kSmb2 = 0xfe534d42;
  const auto type = static_cast<unsigned>(fs.f_type);
  return type == kFuse || type == kCifs || type == kSmb2 || type == NFS_SUPER_MAGIC;
}

// As far as this machine's own mounts tell, without asking a server.
bool OnRemoteMount(int fd) {
  struct statx sx = {};
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &sx) != 0) return false;
  return RemoteDevices().contains(makedev(sx.stx_dev_major, sx.stx_dev_minor));
}

// The bag of an earlier try, when it holds this very export.
absl::StatusOr<Packed> WhatIsThere(const std::string& bag, const PackOrder& order) {
  const absl::StatusOr<archive::ValidBag> valid = archive::ValidateBag(bag);
  if (!valid.ok()) return absl::AlreadyExistsError(valid.status().message());
  for (const char* label : {archive::kInfoExportSha256, archive::kInfoPerson, archive::kInfoApp,
                            archive::kInfoDevice}) {
    if (archive::FindInfo(valid->info, label) != archive::FindInfo(order.info, label)) {
      return absl::AlreadyExistsError(absl::StrCat(bag, " is of another export"));
    }
  }
  return Packed{valid->payload_oxum, valid->tagmanifest_sha256};
}

}  // namespace

absl::StatusOr<v1::ExportRead> HeldExportFile::Read(const ReadQuestion& question) {
  ArchiveReaderCall call;
  call.program = FindHelper(helper_dir_, kArchiveReader);
  call.fd = fd_.get();
  call.name = name_;
  call.salt = question.salt;
  if (question.earlier_tail) call.earlier = &*question.earlier_tail;
  absl::StatusOr<v1::ExportRead> read = ReadExportInHelper(call);
  // A program that is not installed says nothing about the file.
  if (absl::IsNotFound(read.status())) return absl::CancelledError(read.status().message());
  return read;
}

absl::StatusOr<Packed> HeldExportFile::Pack(const PackOrder& order) {
  const std::string into = absl::StrCat(order.repository, "/incoming");
  archive::PackInputs in;
  in.payload_fd = fd_.get();
  in.payload_name = name_;
  in.info = order.info;
  in.bag_id = order.bag_id;
  in.expected_sha256 = order.export_sha256;
  absl::StatusOr<archive::PackedBag> packed = archive::PackBag(into, in);
  if (absl::IsInvalidArgument(packed.status())) {
    // A name that no bag can have.
    in.payload_name = absl::EndsWithIgnoreCase(name_, ".zip") ? "export.zip" : "export.txt";
    packed = archive::PackBag(into, in);
  }
  if (absl::IsAlreadyExists(packed.status())) {
    return WhatIsThere(absl::StrCat(into, "/", order.bag_id), order);
  }
  if (!packed.ok()) return packed.status();
  return Packed{packed->payload_oxum, packed->tagmanifest_sha256};
}

absl::StatusOr<std::shared_ptr<HeldExport>> HoldSubmitted(Fd fd, const std::string& name,
                                                          const std::string& helper_dir) {
  constexpr absl::string_view kElsewhere =
      "the file is on another machine; copy it to a folder of this one first";
  // Before anything is asked that a server must answer: everybody's questions come here.
  if (fd.ok() && OnRemoteMount(fd.get())) return absl::InvalidArgumentError(kElsewhere);
  struct stat st = {};
  const int flags = fd.ok() ? fcntl(fd.get(), F_GETFL) : -1;
  if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY ||
      fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) {
    return absl::InvalidArgumentError("only a regular file that you may read can be submitted");
  }
  if (IsElsewhere(fd.get())) return absl::InvalidArgumentError(kElsewhere);
  const std::string base = CleanText(name.substr(name.find_last_of('/') + 1), kMaxNameBytes);
  return std::make_shared<HeldExportFile>(std::move(fd), StampOf(st), base, helper_dir);
}

}  // namespace muster::agent
