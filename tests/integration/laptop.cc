#include "tests/integration/laptop.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr char kAccountPrefix[] = "muster-it-";
constexpr absl::Duration kPatience = absl::Seconds(150);  // of a loaded machine; usually far less

// passwd(5) is locked by whoever changes it, another test for example: again, a little later.
CommandResult ChangeAccounts(const std::vector<std::string>& command) {
  constexpr int kCannotUpdate = 1, kCannotLock = 10;  // useradd(8)
  CommandResult last;
  WaitUntil(kPatience, [&] {
    last = RunCommand(command);
    return last.exit_code != kCannotUpdate && last.exit_code != kCannotLock;
  });
  return last;
}

// Those of test processes that were killed.
void RemoveStaleAccounts() {
  for (absl::string_view line : absl::StrSplit(ReadWhole("/etc/passwd"), '\n')) {
    const std::string name(line.substr(0, line.find(':')));
    const std::vector<std::string> parts = absl::StrSplit(name, '-');
    int pid = 0;
    if (name.rfind(kAccountPrefix, 0) != 0 || parts.size() != 4) continue;
    if (absl::SimpleAtoi(parts[2], &pid) && kill(pid, 0) != 0) ChangeAccounts({"userdel", name});
  }
}

// A mount namespace of this process's own, so that no mount outlives it.
void HaveOwnMounts() {
  static const bool own =
      unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  ASSERT_TRUE(own) << "this test needs root: it mounts a tmpfs and marks it";
}

// A program that is nobody else's: bytes after the end of an ELF file change only its hash.
void MakeProgram(const std::string& path, const std::string& mark) {
  fs::copy_file(fs::canonical("/bin/true"), path);
  std::ofstream(path, std::ios::app | std::ios::binary) << "muster-it " << mark;
  chmod(path.c_str(), 0755);
}

std::vector<std::string> MachineArgs(const std::string& folder) {
  return {"--dpkg-admindir",    folder + "/dpkg",        "--flatpak-dir", folder + "/flatpak",
          "--snap-dir",         folder + "/snap",        "--home-dir",    folder + "/home",
          "--rpm-db",           folder + "/rpm",         "--opt-dir",     folder + "/opt",
          "--application-dirs", folder + "/applications"};
}

}  // namespace

TestAccounts::TestAccounts(int count) {
  RemoveStaleAccounts();
  for (int n = 0; n < count; ++n) {
    const std::string name =
        absl::StrCat(kAccountPrefix, getpid(), "-", std::string(1, static_cast<char>('a' + n)));
    const CommandResult added =
        ChangeAccounts({"useradd", "-M", "-s", "/usr/sbin/nologin", "-c", "Muster test", name});
    EXPECT_EQ(added.exit_code, 0) << added;
    const passwd* entry = getpwnam(name.c_str());
    EXPECT_NE(entry, nullptr) << name;
    names_.push_back(name);
    uids_.push_back(entry == nullptr ? 65'534 : entry->pw_uid);
  }
}

TestAccounts::~TestAccounts() {
  for (const std::string& name : names_) {
    const CommandResult removed = ChangeAccounts({"userdel", name});
    EXPECT_EQ(removed.exit_code, 0) << removed;
  }
}

std::ostream& operator<<(std::ostream& os, Started started) {
  switch (started) {
    case Started::kRan:
      return os << "it ran";
    case Started::kBlocked:
      return os << "it was blocked";
    case Started::kKilled:
      return os << "it was killed";
    case Started::kOther:
      break;
  }
  return os << "neither ran nor was blocked";
}

Started TryRun(const std::vector<std::string>& argv, uid_t uid, std::optional<uint32_t> login_uid) {
  CommandOptions options;
  options.uid = uid;
  options.login_uid = login_uid;
  const CommandResult result = RunCommand(argv, options);
  if (result.exec_error == EPERM) return Started::kBlocked;
  if (result.exec_error == 0 && result.exit_code == 0) return Started::kRan;
  if (result.signal == SIGKILL && !result.timed_out) return Started::kKilled;
  ADD_FAILURE() << argv[0] << " as " << uid << ": " << result;
  return Started::kOther;
}

CommandResult TestAgent::Enrol(const TestTenant& tenant, const std::string& token_file,
                               const std::vector<std::string>& args) const {
  std::vector<std::string> argv = {ProgramPath("muster-agent"),
                                   "enroll",
                                   "--controller",
                                   tenant.server(),
                                   "--ca",
                                   tenant.ca(),
                                   "--token-file",
                                   token_file,
                                   "--state",
                                   state_};
  argv.insert(argv.end(), more_.begin(), more_.end());
  argv.insert(argv.end(), args.begin(), args.end());
  return RunCommand(argv);
}

CommandResult TestAgent::Ask(std::vector<std::string> args, std::optional<uid_t> uid) const {
  args.insert(args.begin(), ProgramPath("muster-agent"));
  args.insert(args.end(), {"--state", state_});
  CommandOptions options;
  options.uid = uid;
  return RunCommand(args, options);
}

void TestAgent::Start(const std::vector<std::string>& args, const std::vector<std::string>& by) {
  std::vector<std::string> argv = by;
  // The browsers of the machine that tests are not this laptop's.
  fs::create_directories(browser_root());
  argv.insert(argv.end(), {ProgramPath("muster-agent"), "run", "--state", state_, "--browser-root",
                           browser_root()});
  argv.insert(argv.end(), more_.begin(), more_.end());
  argv.insert(argv.end(), args.begin(), args.end());
  auto started = Program::Start(argv, log_);
  ASSERT_TRUE(started.ok()) << started.status();
  program_ = *std::move(started);
  const bool up = WaitUntil(kPatience, [&] { return !Running() || Status().is_object(); });
  ASSERT_TRUE(up && Running()) << Log();
}

void TestAgent::Stop() { EXPECT_EQ(program_->Stop(), 0) << Log(); }

Json TestAgent::Status() const {
  const CommandResult result = Ask({"status", "-o", "json"});
  if (result.exit_code != 0) return nullptr;
  Json out = Json::parse(result.out, nullptr, false);
  EXPECT_FALSE(out.is_discarded()) << result;
  return out;
}

std::string TestAgent::Explain(const std::string& app, const std::string& account) const {
  const CommandResult result = Ask({"explain", app, "--user", account, "-o", "json"});
  EXPECT_EQ(result.exit_code, 0) << result;
  const Json said = Json::parse(result.out, nullptr, false);
  if (!said.is_object()) return "";
  return absl::StrCat(said.value("verdict", ""), " ", said.value("reason", ""));
}

std::string TestAgent::DeviceId() const {
  const Json identity = Json::parse(ReadWhole(state_ + "/agent.json"), nullptr, false);
  return identity.is_object() ? identity.value("device_id", "") : "";
}

TestLaptop::TestLaptop(const std::string& folder)
    : folder_(folder),
      mount_(folder + "/fs"),
      agent_(folder + "/agent", folder + "/agent.log", MachineArgs(folder)) {
  HaveOwnMounts();
  fs::create_directories(mount_);
  EXPECT_EQ(::mount("tmpfs", mount_.c_str(), "tmpfs", 0, "mode=0755"), 0) << std::strerror(errno);
  MakeProgram(chat(), "chat");
  MakeProgram(editor(), "editor");
  fs::create_directories(folder + "/dpkg/info");
  fs::create_directories(folder + "/home");
  WriteWhole(folder + "/dpkg/status", "");
}

TestLaptop::~TestLaptop() {
  // The agent first: it holds the filesystem.
  if (agent_.Running()) agent_.Kill();
  EXPECT_EQ(umount2(mount_.c_str(), MNT_DETACH), 0) << std::strerror(errno);
}

void TestLaptop::Join(TestTenant& tenant, const std::string& owner) {
  const CommandResult enrolled = agent_.Enrol(tenant, tenant.NewToken(owner));
  ASSERT_EQ(enrolled.exit_code, 0) << enrolled;
  device_ = agent_.DeviceId();
  StartAgent();
  ASSERT_TRUE(WaitForVerifiedPolicy(tenant)) << agent_.Log();
}

bool TestLaptop::WaitForConnection(bool connected) const {
  return WaitUntil(kPatience, [&] {
    const Json status = agent_.Status();
    return status.is_object() && status.value("connected", !connected) == connected;
  });
}

void TestLaptop::InstallPackage(const std::string& name, const std::string& version) const {
  const std::string status = folder_ + "/dpkg/status";
  WriteWhole(folder_ + "/dpkg/info/" + name + ".list", "/.\n");
  WriteWhole(status, absl::StrCat(ReadWhole(status), "Package: ", name,
                                  "\nStatus: install ok installed\nVersion: ", version, "\n\n"));
}

void TestLaptop::RemoveAllPackages() const { WriteWhole(folder_ + "/dpkg/status", ""); }

}  // namespace muster
