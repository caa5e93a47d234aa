#include "tests/integration/tenant.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr char kFolderPrefix[] = "muster-it-";
constexpr absl::Duration kPatience = absl::Seconds(150);  // of a loaded machine

constexpr struct {
  const char *role, *account;
} kOperators[] = {{kServiceDesk, "tsd"},
                  {kApprover, "soc"},
                  {kSecond, "soc2"},
                  {kAdmin, "admin"},
                  {kRecords, "rim"}};

std::vector<TestPerson> People(const std::string& alice, const std::string& bob) {
  std::vector<TestPerson> out = {{alice, kAlice}, {bob, kBob}};
  for (const auto& op : kOperators)
    out.push_back({op.account, absl::StrCat(op.account, "@mdm.test")});
  for (int n = 1; n <= kCrew; ++n) out.push_back({CrewAccount(n), CrewUpn(n)});
  return out;
}

// Folders of test processes that were killed: their names say whose they were.
void RemoveStaleFolders() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fs::temp_directory_path(), error)) {
    const std::string name = entry.path().filename();
    const std::vector<std::string> parts = absl::StrSplit(name, '-');
    int pid = 0;
    if (name.rfind(kFolderPrefix, 0) != 0 || parts.size() != 4) continue;
    if (!absl::SimpleAtoi(parts[2], &pid) || kill(pid, 0) == 0) continue;
    fs::remove_all(entry.path(), error);
  }
}

}  // namespace

std::string ProgramPath(const std::string& name) { return absl::StrCat(MUSTER_BIN_DIR, "/", name); }

TestFolder::TestFolder() {
  RemoveStaleFolders();
  std::string name =
      (fs::temp_directory_path() / absl::StrCat(kFolderPrefix, getpid(), "-XXXXXX")).string();
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  path_ = name;
  chmod(path_.c_str(), 0755);  // the accounts of the test must reach what is in it
}

TestFolder::~TestFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
  EXPECT_FALSE(error) << path_ << ": " << error.message();
}

std::ostream& operator<<(std::ostream& os, const Answer& a) { return os << a.command; }

std::string CrewUpn(int n) { return absl::StrCat("crew", n, "@mdm.test"); }
std::string CrewAccount(int n) { return absl::StrCat("crew", n); }

TestTenant::TestTenant(DirectoryKind kind, const std::string& alice, const std::string& bob) {
  auto directory = TestDirectory::Start(kind, folder(), People(alice, bob));
  EXPECT_TRUE(directory.ok()) << directory.status();
  if (!directory.ok()) return;
  directory_ = *std::move(directory);
  port_ = FreePort();
  const CommandResult init =
      RunCommand({ProgramPath("musterd"), "init", "--dir", data(), "--tenant", "it"});
  EXPECT_EQ(init.exit_code, 0) << init;
  WriteConfig("");
  IssueOperators();
  StartController();
}

// The directory is read at the start and when asked: nothing changes behind the test's back.
void TestTenant::WriteConfig(const std::string& more) {
  WriteWhole(
      folder() + "/musterd.yaml",
      absl::StrCat("listen: ", server(), "\ndata_dir: tenant\n",
                   "how_to_ask: Ask the service desk.\nsync_interval: 24h\ndirectory:\n",
                   directory_->Config(), RolesConfig(), "  groups:\n    it-chat: ", kChatGroup,
                   "\n    whatsapp: ", kWhatsAppGroup, "\n    tox: ", kToxGroup, "\n", more));
}

void TestTenant::IssueOperators() {
  for (const auto& op : kOperators) {
    const CommandResult issued =
        RunCommand({ProgramPath("musterd"), "operator", "--dir", data(), "--name", op.role, "--upn",
                    absl::StrCat(op.account, "@mdm.test"), "--server", server(), "--out",
                    folder() + "/operators"});
    EXPECT_EQ(issued.exit_code, 0) << issued;
  }
}

std::string TestTenant::server() const { return absl::StrCat("127.0.0.1:", port_); }

std::string TestTenant::Profile(const std::string& role) const {
  return absl::StrCat(folder(), "/operators/", role, ".yaml");
}

void TestTenant::StartController() {
  auto started = Program::Start(
      {ProgramPath("musterd"), "run", "--config", folder() + "/musterd.yaml"}, log());
  ASSERT_TRUE(started.ok()) << started.status();
  controller_ = *std::move(started);
  const bool up = WaitUntil(kPatience, [&] {
    return !ControllerRuns() || Ask(kAdmin, {"person", "show", kAlice}).code() == 0;
  });
  ASSERT_TRUE(up && ControllerRuns()) << ReadWhole(log());
}

void TestTenant::StopController() { EXPECT_EQ(controller_->Stop(), 0) << ReadWhole(log()); }

void TestTenant::RestartController(const std::string& configuration) {
  StopController();
  WriteConfig(configuration);
  StartController();
}

Answer TestTenant::Ask(const std::string& role, std::vector<std::string> args) {
  args.insert(args.begin(), {ProgramPath("musterctl"), "--profile", Profile(role), "-o", "json"});
  Answer out;
  out.command = RunCommand(args);
  out.json = Json::parse(out.command.out, nullptr, false);
  if (out.json.is_discarded()) out.json = nullptr;
  return out;
}

Json TestTenant::Get(const std::string& role, std::vector<std::string> args) {
  std::string words;
  for (const std::string& arg : args) absl::StrAppend(&words, " ", arg);
  Answer answer = Ask(role, std::move(args));
  EXPECT_EQ(answer.code(), 0) << "musterctl" << words << ": " << answer;
  return answer.code() == 0 ? std::move(answer.json) : Json::object();
}

std::string TestTenant::Submit(const std::string& upn, const std::string& app) {
  const Json request =
      Get(kServiceDesk, {"request", "submit", "--person", upn, "--app", app, "--ticket",
                         absl::StrCat("INC09635", 40 + tickets_++), "--justification",
                         "Liaison with a partner", "--training-acknowledged", "2026-1"});
  EXPECT_EQ(request.value("state", ""), "AWAITING_APPROVAL");
  return request.value("request_id", "");
}

std::string TestTenant::Grant(const std::string& upn, const std::string& app) {
  const std::string id = Submit(upn, app);
  Get(kApprover, {"request", "approve", id, "--reason", "The need is documented"});
  Json request;
  const bool active = WaitUntil(kPatience, [&] {
    request = Get(kAdmin, {"request", "show", id});
    return request.value("state", "") == "ACTIVE";
  });
  EXPECT_TRUE(active) << request.dump(1) << ReadWhole(log());
  return request.value("grant_id", "");
}

std::string TestTenant::RequestState(const std::string& id) {
  return Get(kAdmin, {"request", "show", id}).value("state", "");
}

std::string TestTenant::GrantState(const std::string& id) {
  return Get(kAdmin, {"grant", "show", id}).value("state", "");
}

std::string TestTenant::Explain(const std::string& upn, const std::string& device,
                                const std::string& app) {
  const Json said =
      Get(kServiceDesk, {"explain", "--person", upn, "--device", device, "--app", app});
  return absl::StrCat(said.value("verdict", ""), " ", said.value("reason", ""));
}

bool TestTenant::WaitForVerifiedPolicy(const std::string& device) {
  return WaitUntil(kPatience, [&] {
    const Json shown = Get(kAdmin, {"device", "show", device});
    if (shown.value("mode", "") != "ENFORCING") return false;
    const Json documents = shown.value("documents", Json::array());
    if (documents.size() != 3) return false;  // root, cohort, assignment
    for (const Json& d : documents) {
      if (d.value("state", "") != "VERIFIED") return false;
    }
    return true;
  });
}

std::string TestTenant::NewToken(const std::string& owner, const std::string& ttl,
                                 const std::string& platform) {
  const std::string file = absl::StrCat(folder(), "/token-", ++tokens_);
  Get(kAdmin,
      {"device", "token", "--platform", platform, "--owner", owner, "--ttl", ttl, "--out", file});
  return file;
}

void TestTenant::Apply(const std::string& folder) {
  const Answer applied = Ask(kAdmin, {"apply", "-f", folder});
  EXPECT_EQ(applied.code(), 0) << applied;
}

void TestTenant::ApplyPolicies(const std::string& paths) {
  Apply(absl::StrCat(MUSTER_SOURCE_DIR, "/policies"));
  const std::string own = folder() + "/policies";
  fs::create_directories(own + "/catalogue");
  WriteWhole(own + "/catalogue/it-chat.yaml",
             absl::StrCat("id: it-chat\nname: Test Chat\nidentities:\n  - platform: linux\n",
                          "    paths: [", paths, "]\n    verified: made by this test\n"));
  WriteWhole(own + "/trm.yaml",
             "trm:\n  - app: it-chat\n    status: RESTRICTED\n    decision: TRM-IT-1\n"
             "    decided_at: 2026-01-15\n    author: Test TRM Office\n    reason: Test.\n");
  Apply(own);
}

Json TestTenant::Everything() {
  Json out;
  for (const char* noun : {"request", "grant", "device", "trm", "app"}) {
    out[noun] = Items({noun, "list"});
  }
  out["blocklist"] = Items({"blocklist", "show"});
  out["audited changes"] = AuditedChanges();
  return out;
}

size_t TestTenant::AuditedChanges() {
  const Json entries = Items({"audit", "list", "--no-reads"});
  return static_cast<size_t>(std::count_if(entries.begin(), entries.end(), [](const Json& entry) {
    return entry.value("outcome", "") == "ok";
  }));
}

}  // namespace muster
