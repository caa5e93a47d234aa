// The supervisor under attack: whatever is done to the agent's processes, no blocked app runs
// while the supervisor lives, and no program waits longer than its deadline.
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "tests/integration/supervisor_fixture.h"

namespace muster {
namespace {

class SupervisorTest : public UnderAttack {
 protected:
  // As somebody without rights; `act` gives an errno, 0: it worked.
  int AsBob(const std::function<int()>& act) const {
    const uid_t uid = accounts_.uid(1);
    const pid_t pid = fork();
    if (pid == 0) {
      if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) _exit(255);
      _exit(act());
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

TEST_F(SupervisorTest, AStoppedSupervisorGoesOn) {
  StartLoad editor({laptop_.editor()}, accounts_.uid(1));
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = editor.started();
    ASSERT_EQ(kill(Supervisor(), SIGSTOP), 0);
    ASSERT_TRUE(WaitUntil(kPatience, [&] { return editor.started() > before + 2; }));
    EXPECT_EQ(Bob(), Started::kBlocked);
  }
  EXPECT_LE(editor.TakeLongestWait(), kDeadline + kWakeUp);
  EXPECT_EQ(editor.started(), editor.ran());
  EXPECT_TRUE(AgentTells("the supervisor was stopped by a signal"));
  EXPECT_TRUE(ControllerTells("the supervisor was stopped by a signal"));
}

// Nobody is left who could tell; the kernel's timer is.
TEST_F(SupervisorTest, BothStoppedGoOn) {
  StartLoad editor({laptop_.editor()}, accounts_.uid(1));
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = editor.started();
    ASSERT_EQ(kill(Worker(), SIGSTOP), 0);
    ASSERT_EQ(kill(Supervisor(), SIGSTOP), 0);
    ASSERT_TRUE(WaitUntil(kPatience, [&] { return editor.started() > before + 2; }));
    EXPECT_EQ(Bob(), Started::kBlocked);
  }
  EXPECT_LE(editor.TakeLongestWait(), kDeadline + kWakeUp);
  EXPECT_TRUE(AgentTells("the worker was stopped by a signal"));
}

TEST_F(SupervisorTest, ANewVersionTakesOverWithoutAGap) {
  ASSERT_EQ(kill(Worker(), SIGKILL), 0);
  ASSERT_TRUE(AgentTells("the worker was ended by signal 9"));
  const pid_t pid = Supervisor();
  StartLoad editor({laptop_.editor()}, accounts_.uid(1));
  StartLoad chat({laptop_.chat(), Evidence("bob")}, accounts_.uid(1));
  for (int i = 0; i < 5; ++i) {
    const pid_t worker = Worker();
    ASSERT_EQ(kill(pid, SIGUSR2), 0);
    ASSERT_TRUE(WaitForAnotherWorker(worker));
  }
  EXPECT_LE(editor.TakeLongestWait(), kDeadline + kWakeUp);
  EXPECT_TRUE(laptop_.agent().Running());
  EXPECT_EQ(editor.started(), editor.ran());
  EXPECT_GT(chat.blocked(), 0u);
  EXPECT_EQ(chat.started(), chat.blocked());
  EXPECT_FALSE(BobRan());
  const Json status = laptop_.agent().Status();
  EXPECT_TRUE(Names(status["tampering"], "the worker was ended by signal 9")) << "it is known on";
  EXPECT_EQ(status.value("worker_restarts", 0), 1) << "an upgrade is no restart";
  // And it still learns what is new.
  tenant_.Grant(kAlice);
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return Alice() == Started::kRan; }));
}

TEST_F(SupervisorTest, ABrokenNewVersionIsNotStarted) {
  // A copy of the programs that may be broken.
  const std::string programs = tenant_.folder() + "/programs";
  std::filesystem::create_directory(programs);
  for (const char* name : {"muster-agent", "muster-supervisor"}) {
    std::filesystem::copy_file(ProgramPath(name), programs + "/" + name);
  }
  laptop_.agent().Stop();
  laptop_.StartAgent({"sh", "-c", "shift; exec " + programs + "/muster-agent \"$@\"", "sh"});
  const pid_t worker = Worker();
  ASSERT_NE(worker, 0);
  StartLoad editor({laptop_.editor()}, accounts_.uid(1));
  StartLoad chat({laptop_.chat(), Evidence("bob")}, accounts_.uid(1));
  const std::string kBroken[] = {"", "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexit 0\n", "\177ELF none"};
  int told = 0;
  for (const char* name : {"muster-supervisor", "muster-agent"}) {
    const std::string whole = ReadWhole(programs + "/" + name);
    for (const std::string& broken : kBroken) {
      ASSERT_TRUE(WriteWhole(programs + "/" + name, broken, 0755));
      ASSERT_EQ(kill(Supervisor(), SIGUSR2), 0);
      ++told;
      EXPECT_TRUE(WaitUntil(kPatience, [&] {
        const std::string log = laptop_.agent().Log();
        int lines = 0;
        for (size_t at = 0; (at = log.find("this one goes on", at)) != std::string::npos; ++at) {
          ++lines;
        }
        return lines == told;
      })) << laptop_.agent().Log();
    }
    ASSERT_TRUE(WriteWhole(programs + "/" + name, whole, 0755));
  }
  EXPECT_EQ(Worker(), worker) << "nothing was stopped for it";
  EXPECT_LE(editor.TakeLongestWait(), kDeadline + kWakeUp);
  EXPECT_EQ(editor.started(), editor.ran());
  EXPECT_EQ(chat.started(), chat.blocked());
  EXPECT_FALSE(BobRan());
  ASSERT_EQ(kill(Supervisor(), SIGUSR2), 0);
  EXPECT_TRUE(WaitForAnotherWorker(worker)) << "whole again, it takes over";
}

TEST_F(SupervisorTest, AKilledSupervisorIsReportedAsAGap) {
  const pid_t worker = Worker();
  StartLoad editor({laptop_.editor()}, accounts_.uid(1));
  laptop_.agent().Kill();
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return kill(worker, 0) != 0; }));
  const uint64_t before = editor.started();
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return editor.started() > before + 10; }));
  EXPECT_LE(editor.TakeLongestWait(), kDeadline + kWakeUp);
  EXPECT_EQ(editor.started(), editor.ran());
  // Nothing guards. What is started now is ended with the next start of the agent.
  std::filesystem::remove(laptop_.chat());
  std::filesystem::copy_file(std::filesystem::canonical("/bin/sleep"), laptop_.chat());
  auto chat =
      Program::Start({"setpriv", "--reuid", std::to_string(accounts_.uid(1)), "--regid",
                      std::to_string(accounts_.uid(1)), "--clear-groups", laptop_.chat(), "1000"},
                     tenant_.folder() + "/chat.log");
  ASSERT_TRUE(chat.ok()) << chat.status();
  laptop_.StartAgent();
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return !(*chat)->Running(); }));
  EXPECT_TRUE(AgentTells("the agent was ended without being stopped in order"));
  EXPECT_TRUE(ControllerTells("the agent was ended without being stopped in order"));
}

TEST_F(SupervisorTest, StoppedInOrderIsNoGap) {
  laptop_.agent().Stop();
  laptop_.StartAgent();
  EXPECT_EQ(laptop_.agent().Status().value("tampering", Json::array()), Json::array());
}

TEST_F(SupervisorTest, APlainUserCanDoNothingToIt) {
  const std::string state = laptop_.agent().state();
  for (const pid_t pid : {Supervisor(), Worker()}) {
    for (const int signal : {SIGSTOP, SIGKILL, SIGTERM, SIGUSR2, SIGHUP, 0}) {
      EXPECT_EQ(AsBob([&] { return kill(pid, signal) == 0 ? 0 : errno; }), EPERM) << signal;
    }
    EXPECT_EQ(AsBob([&] { return ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 ? 0 : errno; }), EPERM);
    for (const char* file : {"mem", "environ", "maps", "fd/3", "exe"}) {
      const std::string path = absl::StrCat("/proc/", pid, "/", file);
      EXPECT_EQ(AsBob([&] { return open(path.c_str(), O_RDONLY) >= 0 ? 0 : errno; }), EACCES)
          << path;
    }
  }
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(state)) {
    const std::string path = entry.path().string();
    if (entry.is_socket()) continue;
    ++files;
    EXPECT_NE(AsBob([&] { return open(path.c_str(), O_RDWR) >= 0 ? 0 : errno; }), 0) << path;
    EXPECT_NE(AsBob([&] { return unlink(path.c_str()) == 0 ? 0 : errno; }), 0) << path;
    if (!entry.is_regular_file()) continue;
    // What this device has seen of the audit log is for everybody, to read.
    const int want = path == state + "/run/audit-log.pb" ? 0 : EACCES;
    EXPECT_EQ(AsBob([&] { return open(path.c_str(), O_RDONLY) >= 0 ? 0 : errno; }), want) << path;
  }
  EXPECT_GT(files, 3);
  const CommandResult disarm =
      laptop_.agent().Ask({"disarm", "--reason", "I want to chat"}, accounts_.uid(1));
  EXPECT_EQ(disarm.exit_code, 4) << disarm;
  EXPECT_EQ(Bob(), Started::kBlocked);
  EXPECT_EQ(laptop_.agent().Status().value("mode", ""), "ENFORCING");
}

// setpriv(1)'s arguments for the capabilities that the unit leaves, but for `without`.
std::vector<std::string> UnitRights(const std::string& without) {
  const std::string unit =
      ReadWhole(std::string(MUSTER_SOURCE_DIR) + "/deploy/systemd/muster-agent.service.in");
  const std::string key = "CapabilityBoundingSet=";
  const size_t at = unit.find(key);
  EXPECT_NE(at, std::string::npos);
  std::string set = "--bounding-set=-all";
  const size_t begin = at + key.size();
  for (absl::string_view name :
       absl::StrSplit(unit.substr(begin, unit.find('\n', begin) - begin), ' ')) {
    if (name != without) absl::StrAppend(&set, ",+", absl::AsciiStrToLower(name.substr(4)));
  }
  return {"setpriv", set, "--inh-caps=-all", "--no-new-privs"};
}

TEST_F(SupervisorTest, TheRightsThatTheUnitLeavesAreEnough) {
  laptop_.agent().Stop();
  laptop_.StartAgent(UnitRights(""));
  const auto tells = [&](const std::string& what) {
    return absl::StrContains(laptop_.agent().Status()["capabilities"].dump(), what);
  };
  EXPECT_EQ(laptop_.agent().Status().value("mode", ""), "ENFORCING");
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return tells("the kernel tells what started: yes"); }));
  EXPECT_EQ(Bob(), Started::kBlocked);
  tenant_.Grant(kAlice);
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return Alice() == Started::kRan; }));
  EXPECT_TRUE(laptop_.WaitForVerifiedPolicy(tenant_));
  const pid_t worker = Worker();
  ASSERT_EQ(kill(Supervisor(), SIGUSR2), 0);
  ASSERT_TRUE(WaitForAnotherWorker(worker));
  EXPECT_EQ(Bob(), Started::kBlocked);
  laptop_.agent().Stop();
  laptop_.StartAgent(UnitRights("CAP_SYS_ADMIN"));
  EXPECT_EQ(laptop_.agent().Status().value("mode", ""), "REPORT_ONLY") << "the set decides";
}

// What a service manager would hear.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    EXPECT_LT(path.size(), sizeof address.sun_path);
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~NotifySocket() { close(fd_); }
  // The next message; empty when none comes.
  std::string Next() const {
    char text[256];
    ssize_t n = -1;
    WaitUntil(kPatience, [&] { return (n = recv(fd_, text, sizeof text, 0)) > 0; });
    return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
  }

 private:
  const int fd_;
};

TEST_F(SupervisorTest, TheServiceManagerHearsHowItIs) {
  laptop_.agent().Stop();
  const NotifySocket manager(tenant_.folder() + "/notify");
  laptop_.StartAgent(
      {"env", absl::StrCat("NOTIFY_SOCKET=", tenant_.folder(), "/notify"), "WATCHDOG_USEC=400000"});
  std::vector<std::string> heard;
  while (heard.empty() || (!heard.back().empty() && heard.back() != "READY=1")) {
    heard.push_back(manager.Next());
  }
  EXPECT_EQ(heard.back(), "READY=1");
  EXPECT_EQ(laptop_.agent().Status().value("mode", ""), "ENFORCING");
  const absl::Time begin = absl::Now();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(manager.Next(), "WATCHDOG=1");
  // Twice as often as asked for: the first may have waited in the socket.
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(350));
  // A worker that is replaced becomes ready again; the supervisor's word does not cease meanwhile.
  const pid_t worker = Worker();
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  ASSERT_TRUE(WaitForAnotherWorker(worker));
  laptop_.agent().Stop();
  std::string last;
  for (std::string next = manager.Next(); !next.empty(); next = manager.Next()) {
    last = next;
    if (last == "STOPPING=1") break;
  }
  EXPECT_EQ(last, "STOPPING=1");
}

}  // namespace
}  // namespace muster
