#include "agent/adapters/linux/notify.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "agent/adapters/files/file_io.h"

namespace muster::agent {

void Notify(absl::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, std::strlen(path));
  const socklen_t size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Nobody listens: nothing to do.
  if (sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    return;
  }
}

std::optional<absl::Duration> WatchdogInterval() {
  const char* text = std::getenv("WATCHDOG_USEC");
  int64_t us = 0;
  if (text == nullptr || !absl::SimpleAtoi(text, &us) || us <= 0) return std::nullopt;
  // As sd_watchdog_enabled(3) advises: twice as often as asked.
  return absl::Microseconds(us) / 2;
}

}  // namespace muster::agent
