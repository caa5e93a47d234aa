// A policy's way to a real device: its rollout as people see and steer it, what crosses the wire,
// and a controller that goes and comes back. Needs root.
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "muster/v1/agent_control.pb.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less
constexpr char kLinux[] = "cohort/linux";

// Names of the files that were put into a folder, since it was watched.
class ArrivedFiles {
 public:
  explicit ArrivedFiles(const std::string& folder) : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    EXPECT_GE(inotify_add_watch(fd_, folder.c_str(), IN_MOVED_TO), 0) << folder;
  }
  ~ArrivedFiles() { close(fd_); }
  ArrivedFiles(const ArrivedFiles&) = delete;
  ArrivedFiles& operator=(const ArrivedFiles&) = delete;

  std::multiset<std::string> Take() {
    std::multiset<std::string> out;
    alignas(inotify_event) char buffer[64 << 10];
    for (ssize_t n; (n = read(fd_, buffer, sizeof buffer)) > 0;) {
      for (ssize_t at = 0; at < n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        out.insert(event->name);
        at += static_cast<ssize_t>(sizeof *event + event->len);
      }
    }
    return out;
  }

 private:
  const int fd_;
};

class PushTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies(laptop_.chat());
    laptop_.Join(tenant_, kAlice);
  }

  void SetTrm(const std::string& app, const std::string& status) {
    tenant_.Get(kAdmin, {"trm", "set", app, status, "--decision", "TRM-IT-2", "--reason", "Test"});
  }
  // Of the only device's cohort, its devices included.
  Json Rollout() {
    const Json items = tenant_.Items({"rollout", "status", kLinux, "--devices"});
    EXPECT_EQ(items.size(), 1u) << items;
    return items.empty() ? Json::object() : items[0];
  }
  // The rollout of a version above `version`, once it is in this state; null: not in time.
  Json RolloutAfter(int64_t version, const std::string& state) {
    Json rollout;
    const bool seen = WaitUntil(kSoon, [&] {
      rollout = Rollout();
      return rollout.value("to_version", int64_t{0}) > version &&
             rollout.value("state", "") == state;
    });
    EXPECT_TRUE(seen) << rollout.dump(1) << ReadWhole(tenant_.log());
    return rollout;
  }
  Answer Decide(const std::string& action, const std::vector<std::string>& more = {}) {
    std::vector<std::string> args = {"rollout", action, kLinux, "--reason", "Test of " + action};
    args.insert(args.end(), more.begin(), more.end());
    return tenant_.Ask(kAdmin, args);
  }
  Json CohortOnDevice() {
    const Json shown = tenant_.Get(kAdmin, {"device", "show", laptop_.device()});
    for (const Json& d : shown.value("documents", Json::array())) {
      if (d.value("name", "") == kLinux) return d;
    }
    return nullptr;
  }
  Json CohortOfAgent() {
    const Json status = laptop_.agent().Status();
    if (!status.is_object()) return nullptr;
    for (const Json& d : status["documents"]) {
      if (d.value("name", "") == kLinux) return d;
    }
    return nullptr;
  }
  v1::AcceptedState Accepted() {
    v1::AcceptedState out;
    EXPECT_TRUE(out.ParseFromString(ReadWhole(laptop_.agent().state() + "/accepted.pb")));
    return out;
  }
  bool BobBecomes(Started wanted) {
    return WaitUntil(kSoon, [&] { return TryRun({laptop_.chat()}, accounts_.uid(0)) == wanted; });
  }

  TestAccounts accounts_{1};
  TestTenant tenant_{DirectoryKind::kLdif, "it-alice", accounts_.name(0)};
  TestLaptop laptop_{tenant_.folder()};
};

// Of one device that is in the wave and this far.
Json Counts(const std::string& state) {
  Json out = {{"devices", 1}, {"in_wave", 1}, {"queued", 0},   {"sent", 0},
              {"applied", 0}, {"nacked", 0},  {"verified", 0}, {"stale", 0}};
  out[state] = 1;
  return out;
}

TEST_F(PushTest, AChangeIsFollowedToTheDevice) {
  const int64_t before = Rollout().value("to_version", int64_t{0});
  const size_t chunks = static_cast<size_t>(Accepted().chunks_size());
  ASSERT_GT(chunks, 1u) << "one chunk would prove no delta";
  ArrivedFiles arrived(laptop_.agent().state() + "/chunks");
  SetTrm("it-chat", "PERMITTED");
  const Json rollout = RolloutAfter(before, "COMPLETE");
  EXPECT_EQ(rollout["percent"], 100);
  EXPECT_EQ(rollout["wave"], 3);
  EXPECT_TRUE(rollout.contains("ended_at")) << rollout;
  EXPECT_EQ(rollout["counts"], Counts("verified")) << rollout;
  ASSERT_EQ(rollout["documents"].size(), 1u);
  const Json& on_device = rollout["documents"][0];
  EXPECT_EQ(on_device["device_id"], laptop_.device());
  EXPECT_EQ(on_device["state"], "VERIFIED");
  EXPECT_EQ(on_device["sha256"], rollout["to_sha256"]);
  EXPECT_EQ(on_device["version"], rollout["to_version"]);
  absl::Time last = absl::InfinitePast();
  for (const char* field : {"queued_at", "sent_at", "applied_at", "verified_at"}) {
    absl::Time at;
    std::string error;
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, on_device.value(field, ""), &at, &error))
        << field << ": " << on_device;
    EXPECT_GE(at, last) << field << ": " << on_device;
    last = at;
  }
  EXPECT_FALSE(on_device.contains("nacked_at")) << on_device;
  EXPECT_EQ(CohortOnDevice(), on_device) << "both views say the same";
  EXPECT_EQ(CohortOfAgent()["sha256"], rollout["to_sha256"]);
  EXPECT_TRUE(BobBecomes(Started::kRan));
  // Of all the chunks, one crossed the wire: that of the changed app.
  EXPECT_EQ(arrived.Take().size(), 1u);
  EXPECT_EQ(static_cast<size_t>(Accepted().chunks_size()), chunks);
}

TEST_F(PushTest, PeopleSteerARollout) {
  tenant_.RestartController("rollout:\n  soak: 1h\n");
  ASSERT_TRUE(laptop_.WaitForConnection(true));
  const Json first = RolloutAfter(0, "COMPLETE");
  const int64_t before = first.value("to_version", int64_t{0});
  const struct {
    std::vector<std::string> args;
    int code;
    std::string says;
  } refused[] = {
      {{"rollout", "pause", kLinux, "--reason", "x"}, 3, "is COMPLETE; only a RUNNING one"},
      {{"rollout", "resume", kLinux, "--reason", "x"}, 3, "is COMPLETE; only a PAUSED one"},
      {{"rollout", "abort", kLinux, "--reason", "x"}, 3, "only a RUNNING or PAUSED one"},
      {{"rollout", "pause", "cohort/none", "--reason", "x"}, 5, "no rollout of 'cohort/none'"},
      {{"rollout", "status", "cohort/none"}, 5, "no rollout of 'cohort/none'"},
      {{"rollout", "pause", kLinux}, 2, "--reason"},
      {{"rollout", "pause", kLinux, "--reason", ""}, 2, "reason"},
  };
  for (const auto& c : refused) {
    const Answer answer = tenant_.Ask(kAdmin, c.args);
    EXPECT_EQ(answer.code(), c.code) << answer;
    EXPECT_TRUE(absl::StrContains(answer.command.err, c.says)) << answer;
  }
  EXPECT_EQ(Rollout(), first);

  // Nobody answers: the first wave goes on.
  laptop_.agent().Stop();
  SetTrm("it-chat", "PERMITTED");
  const Json running = RolloutAfter(before, "RUNNING");
  EXPECT_EQ(running["wave"], 1);
  EXPECT_EQ(running["percent"], 1);
  EXPECT_EQ(running["from_version"], first["to_version"]);
  EXPECT_EQ(running["from_sha256"], first["to_sha256"]);
  EXPECT_EQ(running["counts"], Counts("queued")) << running;
  const Answer what_if = Decide("pause", {"--dry-run"});
  EXPECT_EQ(what_if.code(), 0) << what_if;
  EXPECT_EQ(Rollout(), running) << "a dry run writes nothing";
  const struct {
    std::string action;
    int code;
    std::string state;
  } steps[] = {{"resume", 3, "RUNNING"}, {"pause", 0, "PAUSED"},  {"pause", 3, "PAUSED"},
               {"resume", 0, "RUNNING"}, {"pause", 0, "PAUSED"},  {"abort", 0, "ABORTED"},
               {"abort", 3, "ABORTED"},  {"resume", 3, "ABORTED"}};
  for (const auto& step : steps) {
    const Answer answer = Decide(step.action);
    EXPECT_EQ(answer.code(), step.code) << step.action << ": " << answer;
    const Json now = Rollout();
    EXPECT_EQ(now["state"], step.state) << step.action;
    if (step.code != 0) continue;
    EXPECT_EQ(now["reason"], "Test of " + step.action);
    EXPECT_EQ(now["decided_by_upn"], "admin@mdm.test");
  }
  // What was refused never comes; what was current does, as a newer version.
  const Json aborted = RolloutAfter(running["to_version"].get<int64_t>(), "ABORTED");
  laptop_.StartAgent();
  ASSERT_TRUE(WaitUntil(kSoon, [&] { return CohortOfAgent()["sha256"] == aborted["to_sha256"]; }))
      << laptop_.agent().Log();
  EXPECT_TRUE(BobBecomes(Started::kBlocked));
  EXPECT_EQ(Rollout()["state"], "ABORTED");
  // Until something else is decided.
  SetTrm("tox", "PERMITTED");
  EXPECT_TRUE(BobBecomes(Started::kRan));
  std::vector<std::string> verbs;
  for (const Json& entry : tenant_.Items({"audit", "list"})) {
    const std::string verb = entry.value("verb", "");
    if (absl::StartsWith(verb, "rollout.") && verb != "rollout.step") verbs.push_back(verb);
  }
  EXPECT_EQ(verbs, (std::vector<std::string>{"rollout.pause", "rollout.resume", "rollout.pause",
                                             "rollout.abort"}));
}

TEST_F(PushTest, AStoppedControllerSendsItsAgentsAwayAndTheyComeBack) {
  const Json before = laptop_.agent().Status();
  tenant_.StopController();
  EXPECT_TRUE(absl::StrContains(ReadWhole(tenant_.log()), "agents told to come back within 200ms"));
  ASSERT_TRUE(laptop_.WaitForConnection(false));
  EXPECT_TRUE(absl::StrContains(laptop_.agent().Log(), "the controller ended the stream"))
      << laptop_.agent().Log();
  EXPECT_EQ(BobBecomes(Started::kBlocked), true);
  tenant_.StartController();
  ASSERT_TRUE(laptop_.WaitForConnection(true)) << laptop_.agent().Log();
  const Json after = laptop_.agent().Status();
  EXPECT_EQ(after["last_link_error"], "");
  EXPECT_EQ(after["last_refused"], "");
  EXPECT_EQ(after["documents"], before["documents"]) << "nothing had to be sent again";
  const int64_t version = Rollout().value("to_version", int64_t{0});
  SetTrm("it-chat", "PERMITTED");
  EXPECT_EQ(RolloutAfter(version, "COMPLETE")["counts"], Counts("verified"));
}

}  // namespace
}  // namespace muster
