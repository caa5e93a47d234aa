// Real messengers from Debian on the real root filesystem: `toxic` is an app of the blocklist,
// `weechat` an IRC client with letters in common with one. Needs root and Debian's archive.
//
// An agent that hangs on / stops every exec on the machine. A guard process, forked before the
// agent starts and needing no exec, ends the agent when the test dies or takes too long.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less
constexpr absl::Duration kLongestAgent = absl::Seconds(120);
constexpr char kToxic[] = "/usr/bin/toxic";
constexpr char kWeechat[] = "/usr/bin/weechat";

class Guard {
 public:
  Guard() {
    EXPECT_EQ(pipe2(pipe_, O_CLOEXEC), 0);
    guard_ = fork();
    if (guard_ != 0) return;
    close(pipe_[1]);
    setsid();  // what ends the test's group of processes does not end this one
    pid_t agent = 0;
    if (read(pipe_[0], &agent, sizeof agent) != sizeof agent) _exit(0);
    const int handle = static_cast<int>(syscall(SYS_pidfd_open, agent, 0));
    pollfd end = {pipe_[0], POLLIN, 0};
    poll(&end, 1, static_cast<int>(absl::ToInt64Milliseconds(kLongestAgent)));
    // Whichever it was: the handle is of that very process, also when its pid is another's now.
    syscall(SYS_pidfd_send_signal, handle, SIGKILL, nullptr, 0);
    _exit(0);
  }
  ~Guard() {
    close(pipe_[0]);
    close(pipe_[1]);
    waitpid(guard_, nullptr, 0);
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  void Watch(pid_t agent) {
    EXPECT_EQ(write(pipe_[1], &agent, sizeof agent), ssize_t{sizeof agent});
  }

 private:
  int pipe_[2] = {-1, -1};
  pid_t guard_ = -1;
};

// Packages that the test installs and purges again; those that were there before stay.
class TestPackages {
 public:
  explicit TestPackages(const std::vector<std::string>& names) {
    std::vector<std::string> args = {"install", "-y", "--no-install-recommends"};
    args.insert(args.end(), names.begin(), names.end());
    std::vector<std::string> plan_args = args;
    plan_args.push_back("--simulate");
    CommandResult plan = AptGet(plan_args);
    if (plan.exit_code != 0) {  // a machine that has never asked what there is
      AptGet({"update"});
      plan = AptGet(plan_args);
    }
    EXPECT_EQ(plan.exit_code, 0) << plan;
    for (absl::string_view line : absl::StrSplit(plan.out, '\n')) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      // "Inst NAME (NEW …)"; "Inst NAME [OLD] (NEW …)" is an upgrade, which stays.
      if (words.size() > 2 && words[0] == "Inst" && words[2][0] == '(') new_.push_back(words[1]);
    }
    const CommandResult installed = AptGet(args);
    EXPECT_EQ(installed.exit_code, 0) << installed;
  }
  ~TestPackages() {
    if (new_.empty()) return;
    std::vector<std::string> args = {"purge", "-y"};
    args.insert(args.end(), new_.begin(), new_.end());
    const CommandResult purged = AptGet(args);
    EXPECT_EQ(purged.exit_code, 0) << purged;
  }
  TestPackages(const TestPackages&) = delete;
  TestPackages& operator=(const TestPackages&) = delete;

  static CommandResult AptGet(std::vector<std::string> args) {
    args.insert(args.begin(), {"env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-q",
                               "-o", "DPkg::Lock::Timeout=120"});
    CommandOptions options;
    options.deadline = absl::Seconds(200);
    return RunCommand(args, options);
  }

 private:
  std::vector<std::string> new_;
};

class ToxicTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.Apply(absl::StrCat(MUSTER_SOURCE_DIR, "/policies"));
    ASSERT_TRUE(fs::exists(kToxic) && fs::exists(kWeechat));
    copy_ = tenant_.folder() + "/innocent";
    fs::copy_file(kToxic, copy_);
    const CommandResult enrolled = agent_.Enrol(tenant_, tenant_.NewToken(kAlice));
    ASSERT_EQ(enrolled.exit_code, 0) << enrolled;
    device_ = agent_.DeviceId();
    EXPECT_EQ(Alice(kToxic), Started::kRan) << "what the block is compared with";
    EXPECT_EQ(Alice(copy_), Started::kRan);
  }

  // Stopped before the guard, so that the guard has nothing to do.
  void TearDown() override {
    if (agent_.Running()) agent_.Stop();
  }

  static Started Run(const std::string& program, uid_t uid) {
    const bool weechat = program == kWeechat;
    return TryRun({program, weechat ? "--version" : "--help"}, uid);
  }
  Started Alice(const std::string& program) { return Run(program, accounts_.uid(0)); }
  Started Bob(const std::string& program) { return Run(program, accounts_.uid(1)); }
  bool AliceBecomes(Started wanted) {
    return WaitUntil(kSoon, [&] { return Alice(kToxic) == wanted; });
  }
  void ExpectForBoth(const std::string& program, Started wanted) {
    EXPECT_EQ(Alice(program), wanted) << program;
    EXPECT_EQ(Bob(program), wanted) << program;
  }
  Json Installed(const std::string& what) {
    return tenant_.Get(kAdmin, {"device", "show", device_})[what];
  }

  // Installed packages of one app; of none in the catalogue for "".
  std::vector<std::string> PackagesOf(const std::string& app) {
    std::vector<std::string> out;
    for (const Json& item : Installed("inventory")) {
      if (item.value("app_id", "") == app) out.push_back(item.value("package_id", ""));
    }
    return out;
  }

  TestAccounts accounts_{2};
  TestPackages packages_{{"toxic", "weechat-curses"}};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), accounts_.name(1)};
  Guard guard_;
  TestAgent agent_{tenant_.folder() + "/agent", tenant_.folder() + "/agent.log", {}};
  std::string copy_, device_;
};

TEST_F(ToxicTest, BlockedRestrictedGrantedRevokedRemoved) {
  ASSERT_NO_FATAL_FAILURE(agent_.Start({}));
  guard_.Watch(agent_.pid());
  ASSERT_TRUE(tenant_.WaitForVerifiedPolicy(device_)) << agent_.Log();

  // Of the blocklist, PROHIBITED.
  ExpectForBoth(kToxic, Started::kBlocked);
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return Bob(copy_) == Started::kBlocked; }));
  ExpectForBoth(copy_, Started::kBlocked);
  ExpectForBoth(kWeechat, Started::kRan);
  EXPECT_EQ(tenant_.Explain(kAlice, device_, "tox"), "BLOCK TRM_PROHIBITED");
  // Installed before the agent had ever seen a policy, and seen all the same.
  using Packages = std::vector<std::string>;
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return PackagesOf("tox") == Packages{"toxic"}; }))
      << Installed("apps_installed");
  EXPECT_EQ(tenant_.Items({"device", "list", "--app", "tox"}).size(), 1u);
  const Packages others = PackagesOf("");
  EXPECT_EQ(std::count(others.begin(), others.end(), "weechat-curses"), 1)
      << "installed, and no app of the catalogue";

  // Restricted: for those with a grant.
  tenant_.Get(kAdmin, {"trm", "set", "tox", "RESTRICTED", "--decision", "TRM-IT-3", "--reason",
                       "Needed for a liaison"});
  const std::string grant = tenant_.Grant(kAlice, "tox");
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  EXPECT_EQ(Alice(copy_), Started::kRan);
  EXPECT_EQ(Bob(kToxic), Started::kBlocked);
  EXPECT_EQ(Bob(copy_), Started::kBlocked);
  EXPECT_EQ(tenant_.Explain(kAlice, device_, "tox"), "ALLOW GRANT " + grant);
  EXPECT_EQ(tenant_.Explain(kBob, device_, "tox"), "BLOCK NO_GRANT");
  ExpectForBoth(kWeechat, Started::kRan);

  tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The liaison has ended"});
  EXPECT_TRUE(AliceBecomes(Started::kBlocked));
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.GrantState(grant) == "REVOKED"; }));
  ExpectForBoth(copy_, Started::kBlocked);
  ExpectForBoth(kWeechat, Started::kRan);

  // The package goes; a copy of its program does not come free by that.
  const CommandResult removed = TestPackages::AptGet({"remove", "-y", "toxic"});
  EXPECT_EQ(removed.exit_code, 0) << removed;
  EXPECT_FALSE(fs::exists(kToxic));
  EXPECT_TRUE(WaitUntil(kSoon, [&] {
    return absl::StrContains(
        tenant_.Get(kAdmin, {"audit", "list", "--object", "device/" + device_}).dump(),
        "tox is gone (was toxic)");
  }));
  ExpectForBoth(copy_, Started::kBlocked);
  ExpectForBoth(kWeechat, Started::kRan);
  EXPECT_EQ(tenant_.Get(kAdmin, {"device", "show", device_}).value("mode", ""), "ENFORCING");
}

}  // namespace
}  // namespace muster
