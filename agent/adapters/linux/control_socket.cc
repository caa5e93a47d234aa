#include "agent/adapters/linux/control_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/adapters/linux/proc.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

constexpr absl::Duration kClientTime = absl::Seconds(2);

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrCat("the state directory's path is too long for a socket: ", path));
  }
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

std::string Frame(const google::protobuf::Message& message) {
  const std::string body = message.SerializeAsString();
  const uint32_t length = htonl(static_cast<uint32_t>(body.size()));
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + body;
}

// The length of the framed message, once its first four bytes are there.
std::optional<size_t> FrameLength(const std::string& bytes) {
  if (bytes.size() < sizeof(uint32_t)) return std::nullopt;
  uint32_t length = 0;
  memcpy(&length, bytes.data(), sizeof length);
  return ntohl(length);
}

// recv(2) that also takes a descriptor: the first; others are closed.
ssize_t Receive(int fd, char* buffer, size_t size, Fd& file) {
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
  iovec part = {buffer, size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) return n;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int got = -1;
      memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
      Fd owned(got);
      if (!file.ok()) file = std::move(owned);
    }
  }
  return n;
}

// send(2), with a descriptor when there is one.
ssize_t SendAll(int fd, const std::string& bytes, int file) {
  if (file < 0) return send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof file);
  memcpy(CMSG_DATA(c), &file, sizeof file);
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

struct ControlServer::Client {
  Fd fd, file;
  uint32_t uid = 0;
  absl::Time until;
  std::string in, out;
  bool answered = false;

  // False: done with, for good or bad.
  bool Step(const Handler& handler) {
    if (!answered) {
      char buffer[4096];
      const ssize_t n = Receive(fd.get(), buffer, sizeof buffer, file);
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      if (n == 0) return false;
      in.append(buffer, static_cast<size_t>(n));
      const std::optional<size_t> length = FrameLength(in);
      if (length && *length > limits::kMaxControlMessageBytes) return false;
      if (!length || in.size() < sizeof(uint32_t) + *length) return true;
      v1::ControlRequest request;
      v1::ControlReply reply;
      if (request.ParseFromArray(in.data() + sizeof(uint32_t), static_cast<int>(*length))) {
        reply = handler(request, uid, std::move(file));
      } else {
        reply.set_error("the question was not understood");
        reply.set_exit_code(2);
      }
      out = Frame(reply);
      answered = true;
    }
    const ssize_t n = send(fd.get(), out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    out.erase(0, static_cast<size_t>(n));
    return !out.empty();
  }
};

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(const std::string& path,
                                                                    Handler handler) {
  MUSTER_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  unlink(path.c_str());
  // Any local user may ask; who asks is known from the kernel.
  if (!fd.ok() ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path.c_str(), 0666) != 0 || listen(fd.get(), limits::kMaxControlClients) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", path, ": ", strerror(errno)));
  }
  return std::unique_ptr<ControlServer>(new ControlServer(path, std::move(fd), std::move(handler)));
}

ControlServer::ControlServer(std::string path, Fd listener, Handler handler)
    : path_(std::move(path)),
      listener_(std::move(listener)),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      handler_(std::move(handler)),
      thread_([this] { Serve(); }) {}

ControlServer::~ControlServer() {
  eventfd_write(stop_event_.get(), 1);
  thread_.join();
  unlink(path_.c_str());
}

void ControlServer::Serve() {
  MonotonicClock clock;
  std::list<Client> clients;
  for (;;) {
    std::vector<pollfd> fds = {{stop_event_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Client& c : clients) {
      fds.push_back({c.fd.get(), static_cast<int16_t>(c.answered ? POLLOUT : POLLIN), 0});
    }
    poll(fds.data(), fds.size(), clients.empty() ? -1 : 200);
    if (fds[0].revents != 0) return;
    size_t i = 2;
    for (auto it = clients.begin(); it != clients.end(); ++i) {
      const bool ready = fds[i].revents != 0;
      const bool keep = clock.Now() < it->until && (!ready || it->Step(handler_));
      it = keep ? std::next(it) : clients.erase(it);
    }
    if (fds[1].revents == 0) continue;
    Client client;
    client.fd = Fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    ucred who = {};
    socklen_t size = sizeof who;
    if (!client.fd.ok() || getsockopt(client.fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
      continue;
    }
    client.uid = who.uid;
    client.until = clock.Now() + kClientTime;
    if (clients.size() >= limits::kMaxControlClients) {
      const auto other =
          std::find_if(clients.begin(), clients.end(), [](const Client& c) { return c.uid != 0; });
      if (client.uid != 0 || other == clients.end()) continue;
      clients.erase(other);
    }
    clients.push_back(std::move(client));
  }
}

absl::StatusOr<v1::ControlReply> AskAgent(const std::string& socket_path,
                                          const v1::ControlRequest& request, absl::Duration timeout,
                                          int file) {
  MUSTER_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(socket_path));
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval wait = absl::ToTimeval(timeout);
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EAGAIN) return absl::DeadlineExceededError("muster-agent does not answer");
    return absl::UnavailableError(
        absl::StrCat("muster-agent does not run here (", socket_path, ": ", strerror(errno),
                     "); start it with `muster-agent run` or `systemctl start muster-agent`"));
  }
  const std::string out = Frame(request);
  std::string in;
  if (SendAll(fd.get(), out, file) != static_cast<ssize_t>(out.size())) {
    return absl::DeadlineExceededError("muster-agent does not answer");
  }
  for (;;) {
    const std::optional<size_t> length = FrameLength(in);
    // A reply is longer than a question; documents and lists are bounded where they come from.
    if (length && *length > 16 * limits::kMaxControlMessageBytes) break;
    if (length && in.size() >= sizeof(uint32_t) + *length) {
      v1::ControlReply reply;
      if (!reply.ParseFromArray(in.data() + sizeof(uint32_t), static_cast<int>(*length))) break;
      return reply;
    }
    char buffer[4096];
    const ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return absl::DeadlineExceededError("muster-agent does not answer");
    in.append(buffer, static_cast<size_t>(n));
  }
  return absl::InternalError("the answer of muster-agent was not understood");
}

}  // namespace muster::agent
