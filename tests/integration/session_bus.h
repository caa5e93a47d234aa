// People's desktops for a test: a folder in the place of /run/user, a real dbus-daemon for each
// person and on it a server that prints what it is asked to show. Needs root, and accounts that
// exist: the daemon serves nobody else. Thread-compatible.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/process.h"

namespace muster {

class TestDesktops {
 public:
  // `bin`: where notification_server lies.
  explicit TestDesktops(std::string bin);
  ~TestDesktops();
  TestDesktops(const TestDesktops&) = delete;
  TestDesktops& operator=(const TestDesktops&) = delete;

  const std::string& run_user_dir() const { return dir_; }
  std::string Socket(uid_t uid) const;
  // What the person's desktop was asked to show: "app", "title" and "body", a line each.
  std::string Shown(uid_t uid) const;

  void MakeHome(uid_t uid);                   // a person without a bus
  void StartDesktop(uid_t uid, bool markup);  // with bus and server
  void StartHangingBus(uid_t uid);            // a socket that takes everything and says nothing

 private:
  void Start(uid_t uid, const std::vector<std::string>& argv, const std::string& log);
  void StartServer(uid_t uid, const std::string& what, const std::string& markup);
  std::string Log(uid_t uid) const;

  const std::string bin_;
  std::string dir_;
  std::vector<std::unique_ptr<Program>> programs_;
};

}  // namespace muster
