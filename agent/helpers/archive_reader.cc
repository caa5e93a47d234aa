// muster-archive-reader NAME ORDER|- UID GID: reads the export that is open as descriptor 3, with
// the salt from 4 and perhaps an earlier export's end from 5, and prints a v1::ExportRead. It
// gives up every right before it looks at the first byte.
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/numbers.h"
#include "agent/helpers/archive_answer.h"

namespace muster::agent {
namespace {

constexpr int kExportFd = 3, kSaltFd = 4, kEarlierFd = 5;
constexpr size_t kMaxInputBytes = 64 << 10;

bool GiveUpRights(uid_t uid, gid_t gid) {
  if (geteuid() == 0) {
    if (uid == 0 || gid == 0) return false;
    if (setgroups(0, nullptr) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(uid, uid, uid) != 0) {
      return false;
    }
  }
  const rlimit none = {0, 0};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
         setrlimit(RLIMIT_NOFILE, &none) == 0 && setrlimit(RLIMIT_NPROC, &none) == 0 &&
         setrlimit(RLIMIT_FSIZE, &none) == 0;
}

// Everything there is, up to a bound; empty when there is no such descriptor.
std::string ReadInput(int fd) {
  std::string out;
  char buffer[4096];
  while (out.size() < kMaxInputBytes) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out.append(buffer, static_cast<size_t>(n));
  }
  return out;
}

bool ParseOrder(const char* text, std::optional<archive::DateOrder>& out) {
  if (strcmp(text, "-") == 0) return true;
  for (const archive::DateOrder order :
       {archive::DateOrder::kDayMonthYear, archive::DateOrder::kMonthDayYear,
        archive::DateOrder::kYearMonthDay}) {
    if (archive::DateOrderName(order) == text) out = order;
  }
  return out.has_value();
}

int Complain(const char* words) {
  fprintf(stderr, "%s\n", words);
  return 1;
}

int Run(const char* name, std::optional<archive::DateOrder> order) {
  ArchiveQuestion question;
  question.fd = kExportFd;
  question.name = name;
  question.order = order;
  question.salt = ReadInput(kSaltFd);
  if (question.salt.empty()) return Complain("there is no salt");
  const std::string earlier = ReadInput(kEarlierFd);
  if (!earlier.empty() && !question.earlier.emplace().ParseFromString(earlier)) {
    return Complain("the earlier export's end is damaged");
  }
  std::string bytes;
  if (!AnswerOf(question).SerializeToString(&bytes)) return 1;
  const bool written = fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size();
  return written && fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) {
  uint32_t uid = 0, gid = 0;
  std::optional<muster::archive::DateOrder> order;
  if (argc != 5 || !muster::agent::ParseOrder(argv[2], order) || !absl::SimpleAtoi(argv[3], &uid) ||
      !absl::SimpleAtoi(argv[4], &gid)) {
    fprintf(stderr, "usage: muster-archive-reader NAME dmy|mdy|ymd|- UID GID\n");
    return 2;
  }
  if (!muster::agent::GiveUpRights(uid, gid)) {
    return muster::agent::Complain("it cannot give up its rights");
  }
  return muster::agent::Run(argv[1], order);
}
