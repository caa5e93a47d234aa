#include "agent/adapters/linux/terminal_notice.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/domain/plain_text.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxDigits = 7;
// Documentation/admin-guide/devices.txt of Linux.
constexpr unsigned kConsoleMajor = 4, kFirstPtsMajor = 136, kLastPtsMajor = 143;
constexpr unsigned kLastConsole = 63;  // from minor 64 on: serial lines

// Only names that the kernel gives: pseudo terminals and consoles. A serial line may keep its
// last user in close() until it is drained.
bool IsTerminalPath(absl::string_view path) {
  constexpr absl::string_view kPts = "/dev/pts/", kConsole = "/dev/tty";
  if (absl::StartsWith(path, kPts)) {
    path.remove_prefix(kPts.size());
  } else if (absl::StartsWith(path, kConsole)) {
    path.remove_prefix(kConsole.size());
  } else {
    return false;
  }
  return !path.empty() && path.size() <= kMaxDigits &&
         path.find_first_not_of("0123456789") == absl::string_view::npos;
}

bool IsTerminal(const struct stat& st) {
  if (!S_ISCHR(st.st_mode)) return false;
  const unsigned kind = major(st.st_rdev);
  return (kind == kConsoleMajor && minor(st.st_rdev) <= kLastConsole) ||
         (kind >= kFirstPtsMajor && kind <= kLastPtsMajor);
}

}  // namespace

absl::Status WriteTerminalNotice(const std::string& path, uint32_t uid, absl::string_view line) {
  if (!IsTerminalPath(path)) return absl::InvalidArgumentError("not a path of a terminal");
  // O_NOCTTY: it must not become the agent's own terminal, whose end would then end the agent.
  const Fd fd(open(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.ok()) return ErrnoStatus(errno, "cannot open", path);
  struct stat st = {};
  termios mode = {};
  if (fstat(fd.get(), &st) != 0 || !IsTerminal(st) || tcgetattr(fd.get(), &mode) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a terminal"));
  }
  // Also when the number was given to another person's terminal since.
  if (st.st_uid != uid) {
    return absl::PermissionDeniedError(absl::StrCat(path, " is not the terminal of uid ", uid));
  }
  const std::string plain = PlainText(line, limits::kMaxNoticeLineBytes);
  const bool utf8 = (mode.c_iflag & IUTF8) != 0;
  // Both ends of a line: the screen may be in any column, and in raw mode.
  const std::string out = absl::StrCat("\r\n", utf8 ? plain : AsciiText(plain), "\r\n");
  const ssize_t written = write(fd.get(), out.data(), out.size());
  if (written == static_cast<ssize_t>(out.size())) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path, " takes nothing now"));
}

}  // namespace muster::agent
