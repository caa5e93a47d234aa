// Times a revocation on the device: from the arrival of the policy to the end of the last of many
// running instances.
//   revoke_time COUNT UID GID SERVER_PORT AGENT_PORT PROGRAM [ARG]...
// Starts COUNT of the program as that account and prints "ready". At a line on standard input it
// begins to watch the loopback; the policy has arrived with the first data that the controller
// (SERVER_PORT) sends to the agent's connection (AGENT_PORT), by the kernel's own time stamp. Data
// of anything else that comes before makes the figure longer, never shorter. When the last
// instance is gone it prints, in milliseconds since the arrival:
//   first_ended last_ended told_to_last_ended      (the last: since the line on standard input)
// Needs root: it opens a packet socket, then becomes the account.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace {

constexpr double kPatienceMs = 30'000;

double Ms(const timespec& t) {
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}
// The clock of the kernel's time stamps.
double NowMs() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return Ms(now);
}

int Fail(const char* what) {
  std::perror(what);
  return 1;
}

int OpenLoopback() {
  const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP));
  if (fd < 0) return fd;
  sockaddr_ll loopback = {};
  loopback.sll_family = AF_PACKET;
  loopback.sll_protocol = htons(ETH_P_IP);
  loopback.sll_ifindex = static_cast<int>(if_nametoindex("lo"));
  const int on = 1;
  if (bind(fd, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

// True for a TCP segment with data between the two ports, in this direction.
bool Carries(const unsigned char* packet, size_t size, int from, int to) {
  iphdr ip = {};
  tcphdr tcp = {};
  if (size < sizeof ip) return false;
  std::memcpy(&ip, packet, sizeof ip);
  const size_t ip_size = ip.ihl * 4u;
  if (ip.protocol != IPPROTO_TCP || size < ip_size + sizeof tcp) return false;
  std::memcpy(&tcp, packet + ip_size, sizeof tcp);
  return ntohs(tcp.source) == from && ntohs(tcp.dest) == to &&
         ntohs(ip.tot_len) > ip_size + tcp.doff * 4u;
}

// The time stamp of the next such segment that is waiting in the socket.
std::optional<double> NextArrival(int fd, int from, int to) {
  unsigned char packet[128];
  alignas(cmsghdr) char control[256];
  while (true) {
    iovec part = {packet, sizeof packet};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(fd, &message, 0);
    if (size < 0) return std::nullopt;
    if (!Carries(packet, static_cast<size_t>(size), from, to)) continue;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
      timespec stamp = {};
      std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
      return Ms(stamp);
    }
  }
}

int BlockChildSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

// They see nothing of our standard input and output.
bool StartAll(int count, char** argv) {
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  for (int i = 0; i < count; ++i) {
    pid_t pid = 0;
    if (const int error = posix_spawn(&pid, argv[0], &quiet, nullptr, argv, nullptr)) {
      std::fprintf(stderr, "revoke_time: %s: %s\n", argv[0], std::strerror(error));
      return false;
    }
  }
  return true;
}

// How many children have ended since the last call.
int Reap() {
  int ended = 0;
  while (waitpid(-1, nullptr, WNOHANG) > 0) ++ended;
  return ended;
}

int Watch(int loopback, int children, int count, int from, int to) {
  while (NextArrival(loopback, from, to)) {
  }
  const double told = NowMs();
  std::optional<double> arrival;
  double first = 0;
  while (count > 0) {
    if (NowMs() - told > kPatienceMs) {
      std::fprintf(stderr, "revoke_time: %d still run after %.0f s\n", count, kPatienceMs / 1e3);
      return 1;
    }
    pollfd fds[] = {{loopback, POLLIN, 0}, {children, POLLIN, 0}};
    poll(fds, 2, 1000);
    if (!arrival) arrival = NextArrival(loopback, from, to);
    signalfd_siginfo info = {};
    while (read(children, &info, sizeof info) > 0) {
    }
    const int ended = Reap();
    if (ended > 0 && first == 0) first = NowMs();
    count -= ended;
  }
  const double last = NowMs();
  if (!arrival) {
    std::fprintf(stderr, "revoke_time: all ended, but nothing came to the agent's connection\n");
    return 1;
  }
  std::printf("%.1f %.1f %.1f\n", first - *arrival, last - *arrival, last - told);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fprintf(stderr,
                 "usage: revoke_time COUNT UID GID SERVER_PORT AGENT_PORT PROGRAM [ARG]...\n");
    return 2;
  }
  setpgid(0, 0);  // a group of its own: nobody else's program gets its signal
  const int count = std::atoi(argv[1]), from = std::atoi(argv[4]), to = std::atoi(argv[5]);
  const int loopback = OpenLoopback();
  if (loopback < 0) return Fail("revoke_time: packet socket");
  if (setgid(static_cast<gid_t>(std::atoi(argv[3]))) != 0 ||
      setuid(static_cast<uid_t>(std::atoi(argv[2]))) != 0) {
    return Fail("revoke_time: become the account");
  }
  const int children = BlockChildSignal();
  int code = 1;
  char line[16];
  if (StartAll(count, argv + 6)) {
    std::printf("ready\n");
    std::fflush(stdout);
    if (std::fgets(line, sizeof line, stdin) != nullptr) {
      code = Watch(loopback, children, count, from, to);
    }
  }
  signal(SIGTERM, SIG_IGN);
  if (code != 0) kill(0, SIGTERM);  // what still runs
  return code;
}
