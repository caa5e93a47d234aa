// The worker's end of the socket: what it hears must not end it.
#include "agent/adapters/linux/remote_enforcer.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/adapters/linux/frames.h"
#include "agent/flow/gate_messages.h"

namespace muster::agent {
namespace {

// A worker that hears of a name that is no text goes on: it would take all waiting records with it.
TEST(RemoteEnforcer, ANameThatIsNoTextEndsNoWorker) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  Fd ours(ends[0]), theirs(ends[1]);
  const pid_t worker = fork();
  if (worker == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ours.Reset(-1);
    RemoteEnforcer enforcer(std::move(theirs));
    uint32_t dropped = 0;
    _exit(static_cast<int>(enforcer.TakeRecords(&dropped).size()));
  }
  theirs.Reset(-1);
  v1::GateRequest request;
  EXPECT_TRUE(ReceiveFrame(ours.get(), &request, absl::Minutes(1)).ok());
  v1::GateReply reply;
  for (const char* path : {"/opt/chat", "/home/u/\xff"}) {
    ExecRecord record;
    record.app_id = "chat";
    record.path = path;
    *reply.add_records() = ToGateRecord(record);
  }
  EXPECT_TRUE(SendFrame(ours.get(), reply, absl::Minutes(1)).ok());
  int status = 0;
  ASSERT_EQ(waitpid(worker, &status, 0), worker);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

}  // namespace
}  // namespace muster::agent
