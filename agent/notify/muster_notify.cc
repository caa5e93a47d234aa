// muster-notify: shows one notice on the desktop of the person it runs as, and ends.
//
//   muster-notify RUN_USER_DIR     (the title on the first line of standard input, then the body)
//
// The agent starts it for that person with no rights and no environment, and ends it when it
// takes too long. It believes in nothing of the person's but the bus they own.
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

namespace {

constexpr size_t kMaxInput = 1024;
constexpr unsigned kSeconds = 2;  // for everything; the agent has the same limit
constexpr uint64_t kCallMicroseconds = 1'800'000;
constexpr char kService[] = "org.freedesktop.Notifications";
constexpr char kObject[] = "/org/freedesktop/Notifications";
constexpr uint8_t kNormalUrgency = 1;
constexpr int kServerDecides = -1;  // how long it is shown

enum Exit { kShown = 0, kNotShown = 1, kUsage = 2 };

struct CloseBus {
  void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};
struct FreeMessage {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, CloseBus>;
using Message = std::unique_ptr<sd_bus_message, FreeMessage>;

int Complain(const char* what, int error) {
  std::fprintf(stderr, "muster-notify: %s: %s\n", what, std::strerror(error));
  return kNotShown;
}

std::string ReadInput() {
  std::string out(kMaxInput, '\0');
  size_t size = 0;
  while (size < out.size()) {
    const ssize_t n = read(STDIN_FILENO, out.data() + size, out.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    size += static_cast<size_t>(n);
  }
  out.resize(size);
  return out;
}

// A connection to the socket at `path`; -errno. The one who listens must be this very person:
// the owner of a name in the file system could have moved another one's socket there.
int ConnectToOwn(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
  path.copy(address.sun_path, path.size());
  struct stat st = {};
  if (lstat(path.c_str(), &st) != 0) return -errno;
  if (!S_ISSOCK(st.st_mode)) return -ENOTSOCK;
  if (st.st_uid != getuid()) return -EPERM;
  // Not blocking: the queue of a bus that answers nobody may be full.
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  ucred peer = {};
  socklen_t size = sizeof peer;
  int error = 0;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    error = errno;
  } else if (peer.uid != getuid()) {
    error = EPERM;
  }
  if (error == 0) return fd;
  close(fd);
  return -error;
}

// Null: no bus of this person's.
Bus OpenBus(const std::string& path) {
  const int fd = ConnectToOwn(path);
  if (fd < 0) {
    Complain(path.c_str(), -fd);
    return nullptr;
  }
  sd_bus* raw = nullptr;
  if (sd_bus_new(&raw) < 0) {
    close(fd);
    return nullptr;
  }
  Bus bus(raw);
  if (sd_bus_set_fd(raw, fd, fd) < 0) {
    close(fd);
    return nullptr;
  }
  sd_bus_set_bus_client(raw, 1);
  sd_bus_set_method_call_timeout(raw, kCallMicroseconds);
  if (const int started = sd_bus_start(raw); started < 0) {
    Complain(path.c_str(), -started);
    return nullptr;
  }
  return bus;
}

// Whether the server reads markup in a body. One that does not answer is taken to: an entity too
// many is better than a link that an app's name made.
bool ReadsMarkup(sd_bus* bus) {
  sd_bus_message* raw = nullptr;
  const int called =
      sd_bus_call_method(bus, kService, kObject, kService, "GetCapabilities", nullptr, &raw, "");
  const Message reply(raw);
  if (called < 0 || sd_bus_message_enter_container(raw, 'a', "s") < 0) return true;
  const char* capability = nullptr;
  while (sd_bus_message_read(raw, "s", &capability) > 0) {
    if (std::strcmp(capability, "body-markup") == 0) return true;
  }
  return false;
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

int Show(sd_bus* bus, const std::string& title, const std::string& body) {
  const std::string text = ReadsMarkup(bus) ? Escaped(body) : body;
  const int called =
      sd_bus_call_method(bus, kService, kObject, kService, "Notify", nullptr, nullptr,
                         "susssasa{sv}i", "Muster", 0u, "dialog-warning", title.c_str(),
                         text.c_str(), 0, 1, "urgency", "y", kNormalUrgency, kServerDecides);
  return called < 0 ? Complain(kService, -called) : kShown;
}

}  // namespace

int main(int argc, char** argv) {
  // Nobody, not even the same person, may look into it or steer it.
  prctl(PR_SET_DUMPABLE, 0);
  alarm(kSeconds);
  if (argc != 2 || getuid() == 0 || geteuid() == 0) {
    std::fprintf(stderr, "usage: muster-notify RUN_USER_DIR < NOTICE  (never as root)\n");
    return kUsage;
  }
  const std::string input = ReadInput();
  const size_t end = input.find('\n');
  if (input.empty() || end == std::string::npos) return Complain("standard input", EINVAL);
  const Bus bus = OpenBus(std::string(argv[1]) + "/" + std::to_string(getuid()) + "/bus");
  if (bus == nullptr) return kNotShown;
  return Show(bus.get(), input.substr(0, end), input.substr(end + 1));
}
