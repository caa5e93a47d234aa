#include "agent/adapters/linux/proc_connector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

constexpr int kBufferBytes = 1 << 20;
constexpr int kAnswerTries = 5, kAnswerMs = 100;
constexpr size_t kMaxBatch = 256;  // read in one go: then others have their turn

constexpr size_t kEventAt = NLMSG_HDRLEN + sizeof(cn_msg);

absl::Status Unavailable(const char* what) {
  return absl::UnavailableError(absl::StrCat("process connector: ", what, ": ", strerror(errno)));
}

// Starts of threads, exits and the like stay in the kernel.
bool OnlyExecs(int fd) {
  const uint32_t wanted[] = {ntohl(proc_event::PROC_EVENT_EXEC),
                             ntohl(proc_event::PROC_EVENT_NONE)};
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kEventAt + offsetof(proc_event, what)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wanted[0], 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wanted[1], 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program = {std::size(code), code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

bool Subscribe(int fd) {
  alignas(nlmsghdr) char buffer[NLMSG_SPACE(sizeof(cn_msg) + sizeof(proc_cn_mcast_op))] = {};
  auto* header = reinterpret_cast<nlmsghdr*>(buffer);
  header->nlmsg_len = NLMSG_LENGTH(sizeof(cn_msg) + sizeof(proc_cn_mcast_op));
  header->nlmsg_type = NLMSG_DONE;
  auto* message = reinterpret_cast<cn_msg*>(NLMSG_DATA(header));
  message->id = {CN_IDX_PROC, CN_VAL_PROC};
  message->len = sizeof(proc_cn_mcast_op);
  const proc_cn_mcast_op listen = PROC_CN_MCAST_LISTEN;
  memcpy(message->data, &listen, sizeof listen);
  return send(fd, buffer, header->nlmsg_len, 0) == static_cast<ssize_t>(header->nlmsg_len);
}

}  // namespace

absl::StatusOr<ProcConnector> ProcConnector::Open() {
  Fd fd(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
  if (!fd.ok()) return Unavailable("socket");
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Unavailable("bind");
  }
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  if (!OnlyExecs(fd.get())) return Unavailable("filter");
  // The kernel acknowledges, if it has memory for that at this moment; outside the first network
  // namespace nobody answers.
  for (int i = 0; i < kAnswerTries; ++i) {
    if (!Subscribe(fd.get())) return Unavailable("subscribe");
    pollfd answer = {fd.get(), POLLIN, 0};
    if (poll(&answer, 1, kAnswerMs) == 1) return ProcConnector(std::move(fd));
  }
  errno = ETIMEDOUT;
  return Unavailable("no answer");
}

std::vector<int> ProcConnector::Read(bool* lost) const {
  std::vector<int> out;
  alignas(nlmsghdr) char buffer[NLMSG_SPACE(sizeof(cn_msg) + sizeof(proc_event)) + 256];
  while (out.size() < kMaxBatch) {
    const ssize_t length = recv(socket_.get(), buffer, sizeof buffer, 0);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) *lost = true;
      if (errno != ENOBUFS) return out;
      continue;
    }
    if (static_cast<size_t>(length) < kEventAt + sizeof(proc_event)) continue;
    proc_event event;
    memcpy(&event, buffer + kEventAt, sizeof event);
    if (event.what == proc_event::PROC_EVENT_EXEC) {
      out.push_back(event.event_data.exec.process_tgid);
    }
  }
  return out;
}

}  // namespace muster::agent
