#include "tests/integration/session_bus.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace muster {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less
constexpr char kReady[] = "ready\n";
constexpr char kBusConfig[] = R"(<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
)";

}  // namespace

TestDesktops::TestDesktops(std::string bin) : bin_(std::move(bin)) {
  char dir[] = "/tmp/muster-desktops-XXXXXX";  // short, as the path of a socket has to be
  EXPECT_EQ(geteuid(), 0u) << "this test needs root: it runs a session bus as somebody";
  EXPECT_NE(mkdtemp(dir), nullptr);
  dir_ = dir;
  EXPECT_EQ(chmod(dir, 0755), 0);
  WriteWhole(dir_ + "/bus.conf", kBusConfig);
}

TestDesktops::~TestDesktops() {
  programs_.clear();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

std::string TestDesktops::Socket(uid_t uid) const { return absl::StrCat(dir_, "/", uid, "/bus"); }
std::string TestDesktops::Log(uid_t uid) const { return absl::StrCat(dir_, "/", uid, ".log"); }

std::string TestDesktops::Shown(uid_t uid) const {
  const std::string log = ReadWhole(Log(uid));
  return absl::StartsWith(log, kReady) ? log.substr(sizeof kReady - 1) : log;
}

// RUN_USER_DIR/UID, as logind makes it.
void TestDesktops::MakeHome(uid_t uid) {
  const std::string home = absl::StrCat(dir_, "/", uid);
  ASSERT_EQ(mkdir(home.c_str(), 0700), 0);
  ASSERT_EQ(chown(home.c_str(), uid, uid), 0);
}

void TestDesktops::Start(uid_t uid, const std::vector<std::string>& argv, const std::string& log) {
  std::vector<std::string> all = {"setpriv", absl::StrCat("--reuid=", uid),
                                  absl::StrCat("--regid=", uid), "--clear-groups"};
  all.insert(all.end(), argv.begin(), argv.end());
  auto program = Program::Start(all, log);
  ASSERT_TRUE(program.ok()) << program.status();
  programs_.push_back(*std::move(program));
}

void TestDesktops::StartServer(uid_t uid, const std::string& what, const std::string& markup) {
  Start(uid, {bin_ + "/notification_server", what, Socket(uid), markup}, Log(uid));
  ASSERT_TRUE(WaitUntil(kSoon, [&] { return ReadWhole(Log(uid)) == kReady; }))
      << ReadWhole(Log(uid));
}

void TestDesktops::StartDesktop(uid_t uid, bool markup) {
  MakeHome(uid);
  const std::string log = dir_ + "/bus.log";
  Start(uid,
        {"dbus-daemon", "--nofork", "--nopidfile", "--nosyslog",
         "--config-file=" + dir_ + "/bus.conf", "--address=unix:path=" + Socket(uid)},
        log);
  ASSERT_TRUE(WaitUntil(kSoon, [&] { return std::filesystem::exists(Socket(uid)); }))
      << ReadWhole(log);
  StartServer(uid, "serve", markup ? "1" : "0");
}

void TestDesktops::StartHangingBus(uid_t uid) {
  MakeHome(uid);
  StartServer(uid, "hang", "0");
}

}  // namespace muster
