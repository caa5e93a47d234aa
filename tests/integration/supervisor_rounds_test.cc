// Seeded rounds: the worker is stopped, killed or both at any moment of a change of policy, of the
// inventory, of the connection or of its own start. The seed is MUSTER_SEED, else fixed;
// MUSTER_FULL plays 200 rounds.
#include <dirent.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <random>

#include "absl/strings/numbers.h"
#include "tests/integration/supervisor_fixture.h"

namespace muster {
namespace {

enum class Act { kStop, kKill, kStopThenKill, kStopAllThreads };
constexpr Act kActs[] = {Act::kStop, Act::kKill, Act::kStopThenKill, Act::kStopAllThreads};
enum class During { kPolicy, kInventory, kStart, kReconnect };
// A new connection takes the longest, so it comes seldom.
constexpr During kDurings[] = {During::kPolicy, During::kPolicy,    During::kPolicy,
                               During::kPolicy, During::kInventory, During::kInventory,
                               During::kStart,  During::kStart,     During::kStart,
                               During::kStart,  During::kReconnect};

uint64_t Seed() {
  const char* text = std::getenv("MUSTER_SEED");
  uint64_t seed = 20'261'127;
  EXPECT_TRUE(text == nullptr || absl::SimpleAtoi(text, &seed)) << text;
  return seed;
}

int Rounds() { return std::getenv("MUSTER_FULL") != nullptr ? 200 : 25; }

void SpinFor(absl::Duration time) {
  const absl::Time end = absl::Now() + time;
  while (absl::Now() < end) {
  }
}

void StopAllThreads(pid_t pid) {
  DIR* tasks = opendir(absl::StrCat("/proc/", pid, "/task").c_str());
  if (tasks == nullptr) return;  // it is gone
  while (const dirent* entry = readdir(tasks)) {
    int tid = 0;
    if (absl::SimpleAtoi(entry->d_name, &tid)) syscall(SYS_tgkill, pid, tid, SIGSTOP);
  }
  closedir(tasks);
}

// True when it must end of it. 0 would be our own process group.
bool DoTo(pid_t worker, Act act) {
  if (worker == 0) return false;
  switch (act) {
    case Act::kStop:
      kill(worker, SIGSTOP);
      return false;
    case Act::kKill:
      kill(worker, SIGKILL);
      return true;
    case Act::kStopThenKill:
      kill(worker, SIGSTOP);
      kill(worker, SIGKILL);
      return true;
    case Act::kStopAllThreads:
      StopAllThreads(worker);
      return false;
  }
  return false;
}

class SupervisorRounds : public UnderAttack {
 protected:
  // Sets it in motion; what it has to come to is Settle's.
  void Begin(During during) {
    switch (during) {
      case During::kPolicy:
        if (granted_) {
          tenant_.Get(kApprover, {"grant", "revoke", id_, "--reason", "The need has ended"});
        } else {
          id_ = tenant_.Submit(kAlice);
          tenant_.Get(kApprover, {"request", "approve", id_, "--reason", "It is documented"});
        }
        return;
      case During::kInventory:
        laptop_.InstallPackage(absl::StrCat("package-", ++packages_), "1.0");
        return;
      case During::kStart:
        DoTo(Worker(), Act::kKill);
        WaitUntil(kPatience, [&] { return Worker() != 0; });
        return;
      case During::kReconnect:
        tenant_.StopController();
        tenant_.StartController();
        return;
    }
  }

  void Settle(During during) {
    if (during == During::kReconnect) {
      EXPECT_TRUE(laptop_.WaitForConnection(true));
    }
    if (during != During::kPolicy) return;
    if (granted_) {
      EXPECT_TRUE(WaitUntil(kPatience, [&] { return tenant_.GrantState(id_) == "REVOKED"; }));
      EXPECT_TRUE(WaitUntil(kPatience, [&] { return Alice() == Started::kBlocked; }));
    } else {
      EXPECT_TRUE(WaitUntil(kPatience, [&] { return tenant_.RequestState(id_) == "ACTIVE"; }))
          << tenant_.Get(kAdmin, {"request", "show", id_});
      id_ = tenant_.Get(kAdmin, {"request", "show", id_}).value("grant_id", "");
      EXPECT_TRUE(WaitUntil(kPatience, [&] { return Alice() == Started::kRan; }));
    }
    granted_ = !granted_;
  }

  bool granted_ = false;
  std::string id_;  // of the request, then of the grant
  int packages_ = 0;
};

TEST_F(SupervisorRounds, TheWorkerMayBeStoppedKilledOrHangAtAnyMoment) {
  const uint64_t seed = Seed();
  std::mt19937_64 random(seed);
  const pid_t supervisor = Supervisor();
  StartLoad editor({laptop_.editor()}, accounts_.uid(1));
  StartLoad chat({laptop_.chat(), Evidence("bob")}, accounts_.uid(1));
  // The same without an attack, to compare with.
  for (const During during : {During::kPolicy, During::kInventory, During::kPolicy}) {
    Begin(during);
    Settle(during);
  }
  const absl::Duration quiet = editor.TakeLongestWait();
  int ended = 0;
  for (int round = 0; round < Rounds() && !HasFailure(); ++round) {
    const Act act = kActs[random() % std::size(kActs)];
    const During during = kDurings[random() % std::size(kDurings)];
    const absl::Duration moment = absl::Microseconds(random() % 300'000);
    SCOPED_TRACE(absl::StrCat("MUSTER_SEED=", seed, ", round ", round, ": act ",
                              static_cast<int>(act), " during ", static_cast<int>(during),
                              " after ", absl::FormatDuration(moment)));
    Begin(during);
    SpinFor(moment);
    const pid_t worker = Worker();
    if (DoTo(worker, act)) ++ended;
    Settle(during);
    EXPECT_TRUE(WaitUntil(kPatience, [&] { return laptop_.agent().Status().is_object(); }))
        << laptop_.agent().Log();
    EXPECT_FALSE(BobRan());
  }
  const absl::Duration attacked = editor.TakeLongestWait();
  RecordProperty("longest_wait_us", absl::ToInt64Microseconds(attacked));
  std::printf("longest wait %s, without attacks %s; %lu ordinary starts, %lu blocked ones\n",
              absl::FormatDuration(attacked).c_str(), absl::FormatDuration(quiet).c_str(),
              editor.started(), chat.started());
  EXPECT_LE(attacked, kDeadline + kWakeUp) << "without attacks " << quiet;
  EXPECT_EQ(editor.started(), editor.ran())
      << editor.blocked() << " were blocked, " << editor.killed() << " killed, " << editor.other()
      << " else";
  EXPECT_EQ(chat.started(), chat.blocked());
  EXPECT_FALSE(BobRan());
  // It has converged, and tells what was done to it.
  EXPECT_EQ(Supervisor(), supervisor);
  EXPECT_TRUE(laptop_.agent().Running());
  EXPECT_TRUE(laptop_.WaitForConnection(true));
  EXPECT_TRUE(laptop_.WaitForVerifiedPolicy(tenant_));
  const Json status = laptop_.agent().Status();
  EXPECT_GE(status.value("worker_restarts", 0), ended) << status;
  EXPECT_TRUE(Names(status["tampering"], "the worker was ended by signal 9")) << status;
  EXPECT_TRUE(Names(status["tampering"], "the worker was stopped by a signal")) << status;
}

}  // namespace
}  // namespace muster
