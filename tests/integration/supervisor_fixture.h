// A laptop under attack: its agent, its two processes, and two programs that are started all the
// time meanwhile. Needs root.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/laptop.h"
#include "tests/integration/start_load.h"
#include "tests/integration/tenant.h"

namespace muster {

inline constexpr absl::Duration kPatience =
    absl::Seconds(150);  // of a loaded machine; usually far less
// What no program may wait for the agent, and what the waking of its threads may add to it on a
// machine with two processors that does other work.
inline constexpr absl::Duration kDeadline = absl::Milliseconds(250);
inline constexpr absl::Duration kWakeUp = absl::Milliseconds(50);

// Its main thread's child that runs as `muster-agent worker`; 0: there is none now.
inline pid_t WorkerOf(pid_t supervisor) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string folder = entry.path().string();
    const std::string stat = ReadWhole(folder + "/stat");
    const size_t end = stat.rfind(')');
    if (end == std::string::npos) continue;
    int parent = 0;
    char state = 0;
    if (std::sscanf(stat.c_str() + end, ") %c %d", &state, &parent) != 2) continue;
    if (parent != supervisor || state == 'Z') continue;
    const std::string words = ReadWhole(folder + "/cmdline");
    const size_t first = words.find('\0');
    if (first == std::string::npos ||
        words.compare(first + 1, 7, std::string("worker\0", 7)) != 0) {
      continue;
    }
    return static_cast<pid_t>(std::stol(entry.path().filename().string()));
  }
  return 0;
}

class UnderAttack : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    // The blocked program leaves a file when it really runs, however it ends.
    std::filesystem::remove(laptop_.chat());
    std::filesystem::copy_file(std::filesystem::canonical("/usr/bin/touch"), laptop_.chat());
    std::filesystem::create_directory(evidence_);
    ASSERT_EQ(chmod(evidence_.c_str(), 0777), 0);
    tenant_.ApplyPolicies(laptop_.chat());
    laptop_.Join(tenant_, kAlice);
  }

  std::string Evidence(const std::string& who) const { return evidence_ + "/" + who; }
  Started Alice() { return TryRun({laptop_.chat(), Evidence("alice")}, accounts_.uid(0)); }
  Started Bob() { return TryRun({laptop_.chat(), Evidence("bob")}, accounts_.uid(1)); }
  bool BobRan() const { return std::filesystem::exists(Evidence("bob")); }

  pid_t Supervisor() { return laptop_.agent().pid(); }
  pid_t Worker() { return WorkerOf(Supervisor()); }
  // Another worker than `before`, which answers.
  bool WaitForAnotherWorker(pid_t before) {
    return WaitUntil(kPatience, [&] {
      const pid_t now = Worker();
      return now != 0 && now != before && laptop_.agent().Status().is_object();
    });
  }

  static bool Names(const Json& tampering, const std::string& what) {
    return std::any_of(tampering.begin(), tampering.end(),
                       [&](const Json& t) { return absl::StrContains(t.value("what", ""), what); });
  }
  bool AgentTells(const std::string& what) {
    return WaitUntil(kPatience, [&] {
      const Json status = laptop_.agent().Status();
      return status.is_object() && Names(status["tampering"], what);
    });
  }
  // In the audit log, as device.tampering.
  bool ControllerTells(const std::string& what) {
    return WaitUntil(kPatience, [&] {
      const Json log = tenant_.Items({"audit", "list", "--object", "device/" + laptop_.device()});
      return std::any_of(log.begin(), log.end(), [&](const Json& entry) {
        return entry.value("verb", "") == "device.tampering" &&
               absl::StrContains(entry.dump(), what);
      });
    });
  }

  TestAccounts accounts_{2};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
  const std::string evidence_ = tenant_.folder() + "/evidence";
};

}  // namespace muster
