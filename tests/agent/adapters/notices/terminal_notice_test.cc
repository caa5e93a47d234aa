// The line on a real pseudo terminal. Needs root, to give it to somebody.
#include "agent/adapters/linux/terminal_notice.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "agent/adapters/files/file_io.h"
#include "tests/support/temp_dir.h"

namespace muster::agent {
namespace {

constexpr uint32_t kAlice = 20001, kBob = 20002;

class TerminalNoticeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(geteuid(), 0u) << "this test needs root: it gives terminals away";
    screen_ = Fd(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    ASSERT_TRUE(screen_.ok());
    ASSERT_EQ(grantpt(screen_.get()), 0);
    ASSERT_EQ(unlockpt(screen_.get()), 0);
    char name[64];
    ASSERT_EQ(ptsname_r(screen_.get(), name, sizeof name), 0);
    path_ = name;
    // The shell that holds it open.
    shell_ = Fd(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(shell_.ok());
    ASSERT_EQ(chown(name, kAlice, static_cast<gid_t>(-1)), 0);
    SetMode([](termios& mode) { mode.c_iflag |= IUTF8; });
  }
  template <typename Change>
  void SetMode(Change change) {
    termios mode = {};
    ASSERT_EQ(tcgetattr(shell_.get(), &mode), 0);
    change(mode);
    ASSERT_EQ(tcsetattr(shell_.get(), TCSANOW, &mode), 0);
  }
  std::string Screen() {
    std::string out;
    char buffer[4096];
    for (;;) {
      const ssize_t n = read(screen_.get(), buffer, sizeof buffer);
      if (n <= 0) return out;
      out.append(buffer, static_cast<size_t>(n));
    }
  }
  absl::StatusCode Write(const std::string& path, uint32_t uid) {
    return WriteTerminalNotice(path, uid, "muster-agent: stopped").code();
  }

  Fd screen_, shell_;
  std::string path_;
};

// What a terminal makes of "\r\n" on its way out (ONLCR).
constexpr char kEnd[] = "\r\r\n";

TEST_F(TerminalNoticeTest, OneLineForItsOwner) {
  ASSERT_TRUE(WriteTerminalNotice(path_, kAlice, "Chat was blocked \xc3\xa4").ok());
  EXPECT_EQ(Screen(), std::string(kEnd) + "Chat was blocked \xc3\xa4" + kEnd);
  SetMode([](termios& mode) { cfmakeraw(&mode); });
  ASSERT_TRUE(WriteTerminalNotice(path_, kAlice, "Chat was blocked").ok());
  EXPECT_EQ(Screen(), "\r\nChat was blocked\r\n") << "a full-screen program";
}

TEST_F(TerminalNoticeTest, NothingMovesTheCursor) {
  ASSERT_TRUE(WriteTerminalNotice(path_, kAlice,
                                  "a\x1b[2Jb\ac\r\nd\xc2\x9b"
                                  "2Je")
                  .ok());
  EXPECT_EQ(Screen(), std::string(kEnd) + "abc de" + kEnd);
}

TEST_F(TerminalNoticeTest, OnlyAsciiWhereUtf8IsNotRead) {
  SetMode([](termios& mode) { mode.c_iflag &= ~static_cast<tcflag_t>(IUTF8); });
  ASSERT_TRUE(WriteTerminalNotice(path_, kAlice,
                                  "a\xec\x9b\x9b"
                                  "b")
                  .ok());
  EXPECT_EQ(Screen(), std::string(kEnd) + "a?b" + kEnd);
}

TEST_F(TerminalNoticeTest, NothingForAnybodyElse) {
  EXPECT_EQ(Write(path_, kBob), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Write(path_, 0), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Screen(), "");
}

TEST_F(TerminalNoticeTest, AlsoWhereMessagesAreOff) {
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);  // mesg n
  EXPECT_EQ(Write(path_, kAlice), absl::StatusCode::kOk);
}

// Would wait forever if it waited; the shell stopped its output, or nobody reads.
TEST_F(TerminalNoticeTest, AHeldOrFullTerminalIsSkipped) {
  ASSERT_EQ(tcflow(shell_.get(), TCOOFF), 0);
  EXPECT_EQ(Write(path_, kAlice), absl::StatusCode::kUnavailable);
  ASSERT_EQ(tcflow(shell_.get(), TCOON), 0);
  EXPECT_EQ(Screen(), "");
  ASSERT_EQ(fcntl(shell_.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string much(4096, 'x');
  // The kernel moves what was written on to the reader's side in its own time and so makes room
  // again, but only as often as that side has room: nobody reads, so it ends.
  absl::StatusCode said = absl::StatusCode::kOk;
  for (int round = 0; round < 100 && said == absl::StatusCode::kOk; ++round) {
    while (write(shell_.get(), much.data(), much.size()) > 0) continue;
    said = Write(path_, kAlice);
  }
  EXPECT_EQ(said, absl::StatusCode::kUnavailable);
}

TEST_F(TerminalNoticeTest, OnlyTerminals) {
  const TempDir dir;
  const std::string link = dir.File("pts"), null = dir.File("null");
  ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
  ASSERT_EQ(mknod(null.c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  for (const std::string& path :
       {link, null, std::string(), std::string("/dev/pts/"), std::string("/dev/pts/ptmx"),
        "/dev/pts/../pts/" + path_.substr(9), path_ + "/", path_ + "x", path_.substr(1),
        std::string("/dev/tty"), std::string("/dev/ttyS0"), std::string("/dev/null"),
        std::string("/dev/pts/99999999"), "/dev/pts/ " + path_.substr(9),
        path_ + std::string(1, '\0')}) {
    EXPECT_EQ(Write(path, kAlice), absl::StatusCode::kInvalidArgument) << path;
  }
  EXPECT_EQ(Write("/dev/pts/9999999", kAlice), absl::StatusCode::kNotFound);
  EXPECT_EQ(Screen(), "");
}

}  // namespace
}  // namespace muster::agent
