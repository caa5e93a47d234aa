#include "agent/adapters/linux/frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/adapters/linux/proc.h"
#include "common/agent_limits.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

absl::Status WaitUntil(int fd, short events, absl::Time end) {
  for (;;) {
    const absl::Duration left = end - MonotonicClock().Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError("the other process of this agent does not answer");
    }
    const int64_t ms = std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, INT_MAX);
    pollfd wait = {fd, events, 0};
    const int n = poll(&wait, 1, static_cast<int>(ms));
    if (n > 0) return absl::OkStatus();
    if (n < 0 && errno != EINTR) return absl::UnavailableError(strerror(errno));
  }
}

// Moves all of `size` bytes; `move` is send or recv.
template <typename Byte, typename Move>
absl::Status MoveAll(int fd, Byte* bytes, size_t size, short events, absl::Time end,
                     const Move& move) {
  while (size > 0) {
    MUSTER_RETURN_IF_ERROR(WaitUntil(fd, events, end));
    const ssize_t n = move(bytes, size);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return absl::UnavailableError("the other process of this agent is gone");
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status TooLong(size_t size) {
  return absl::ResourceExhaustedError(
      absl::StrCat("a message of ", size, " bytes between the processes of this agent"));
}

}  // namespace

absl::Status SendFrame(int fd, const google::protobuf::Message& message, absl::Duration timeout) {
  const std::string body = message.SerializeAsString();
  if (body.size() > limits::kMaxGateFrameBytes) return TooLong(body.size());
  const uint32_t length = htonl(static_cast<uint32_t>(body.size()));
  const std::string frame(
      absl::StrCat(absl::string_view(reinterpret_cast<const char*>(&length), sizeof length), body));
  return MoveAll(fd, frame.data(), frame.size(), POLLOUT, MonotonicClock().Now() + timeout,
                 [fd](const char* bytes, size_t size) {
                   return send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
                 });
}

absl::Status ReceiveFrame(int fd, google::protobuf::Message* message, absl::Duration timeout) {
  const absl::Time end = MonotonicClock().Now() + timeout;
  const auto receive = [fd](char* bytes, size_t size) {
    return recv(fd, bytes, size, MSG_DONTWAIT);
  };
  uint32_t length = 0;
  MUSTER_RETURN_IF_ERROR(
      MoveAll(fd, reinterpret_cast<char*>(&length), sizeof length, POLLIN, end, receive));
  const size_t size = ntohl(length);
  if (size > limits::kMaxGateFrameBytes) return TooLong(size);
  std::string body(size, '\0');
  MUSTER_RETURN_IF_ERROR(MoveAll(fd, body.data(), size, POLLIN, end, receive));
  if (!message->ParseFromString(body)) {
    return absl::UnavailableError("the processes of this agent do not understand each other");
  }
  return absl::OkStatus();
}

}  // namespace muster::agent
