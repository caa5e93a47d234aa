#include "agent/adapters/files/archive_reader.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/files/helper.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

// Bytes to hand to a process: in memory alone, never in its arguments.
absl::StatusOr<Fd> InMemory(absl::string_view bytes) {
  Fd out(memfd_create("muster-archive", MFD_CLOEXEC));
  if (!out.ok()) return ErrnoStatus(errno, "make", "memory for a helper");
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = write(out.get(), bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ErrnoStatus(errno, "fill", "memory for a helper");
    at += static_cast<size_t>(n);
  }
  if (lseek(out.get(), 0, SEEK_SET) != 0) return ErrnoStatus(errno, "fill", "memory for a helper");
  return out;
}

absl::StatusOr<v1::ExportRead> ParseRead(const HelperAnswer& answer) {
  v1::ExportRead out;
  if (!out.ParseFromString(answer.out) || !out.whole()) {
    return absl::UnavailableError(answer.words.empty()
                                      ? "the reader of exports ended without a word"
                                      : absl::StrCat("the reader of exports: ", answer.words));
  }
  if (out.error().empty()) return out;
  if (out.unreadable()) return absl::UnavailableError(out.error());
  return absl::InvalidArgumentError(
      absl::StrCat(out.refused_zip() ? kRefusedZip : "", out.error()));
}

}  // namespace

absl::StatusOr<v1::ExportRead> ReadExportInHelper(const ArchiveReaderCall& call) {
  MUSTER_ASSIGN_OR_RETURN(const Fd salt, InMemory(call.salt));
  Fd earlier;
  if (call.earlier != nullptr) {
    MUSTER_ASSIGN_OR_RETURN(earlier, InMemory(call.earlier->SerializeAsString()));
  }
  HelperCall helper;
  helper.program = call.program;
  helper.args = {call.name, call.order.empty() ? "-" : call.order, absl::StrCat(call.uid),
                 absl::StrCat(call.gid)};
  helper.fds = {call.fd, salt.get(), earlier.get()};
  helper.memory_bytes = limits::kArchiveReaderMemoryBytes;
  helper.answer_bytes = limits::kMaxArchiveAnswerBytes;
  helper.time = limits::kExportReadTime;
  MUSTER_ASSIGN_OR_RETURN(const HelperAnswer answer, AskHelper(helper));
  return ParseRead(answer);
}

}  // namespace muster::agent
