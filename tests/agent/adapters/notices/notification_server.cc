// A desktop for the tests: owns org.freedesktop.Notifications on a session bus and prints what
// it is asked to show, one line per field. Or a bus that answers nobody.
//
//   notification_server serve SOCKET MARKUP(0|1)      prints "ready", then title and body
//   notification_server hang SOCKET                   listens there and never answers
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace {

bool markup = false;

int GetCapabilities(sd_bus_message* call, void*, sd_bus_error*) {
  return markup ? sd_bus_reply_method_return(call, "as", 2, "body", "body-markup")
                : sd_bus_reply_method_return(call, "as", 1, "body");
}

int Notify(sd_bus_message* call, void*, sd_bus_error*) {
  const char *app = "", *icon = "", *title = "", *body = "";
  unsigned replaces = 0;
  const int read = sd_bus_message_read(call, "susss", &app, &replaces, &icon, &title, &body);
  if (read < 0) return read;
  std::printf("app %s\ntitle %s\nbody %s\n", app, title, body);
  std::fflush(stdout);
  return sd_bus_reply_method_return(call, "u", 1u);
}

constexpr sd_bus_vtable kTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("GetCapabilities", "", "as", GetCapabilities, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", Notify, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END};

int Serve(const char* socket_path) {
  sd_bus* bus = nullptr;
  const std::string address = std::string("unix:path=") + socket_path;
  if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, address.c_str()) < 0 ||
      sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0 ||
      sd_bus_add_object_vtable(bus, nullptr, "/org/freedesktop/Notifications",
                               "org.freedesktop.Notifications", kTable, nullptr) < 0 ||
      sd_bus_request_name(bus, "org.freedesktop.Notifications", 0) < 0) {
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    if (sd_bus_process(bus, nullptr) < 0 || sd_bus_wait(bus, UINT64_MAX) < 0) return 1;
  }
}

int Hang(const char* socket_path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 8) != 0) {
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  markup = argc > 3 && argv[3][0] == '1';
  if (what == "serve") return Serve(argv[2]);
  if (what == "hang") return Hang(argv[2]);
  return 2;
}
