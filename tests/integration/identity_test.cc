// A device's identity from its token to its end: renewal, retirement, copies, the silent stream.
// Real programs, real TLS, real fanotify on a tmpfs; needs root.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "muster/v1/device_service.pb.h"
#include "tests/integration/laptop.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less
constexpr char kConnect[] = "/muster.v1.DeviceService/Connect";
constexpr char kRenew[] = "/muster.v1.DeviceService/Renew";

class IdentityTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tenant_.ControllerRuns()); }

  std::string Path(const std::string& name) const { return tenant_.folder() + "/" + name; }
  std::string TokenFile(const std::string& owner, const std::vector<std::string>& more) {
    const std::string file = Path(absl::StrCat("own-token-", ++tokens_));
    std::vector<std::string> args = {"device",  "token", "--platform", "linux",
                                     "--owner", owner,   "--out",      file};
    args.insert(args.end(), more.begin(), more.end());
    tenant_.Get(kAdmin, args);
    return file;
  }

  // An agent of this tenant that was enrolled and never ran.
  TestAgent Enrolled(const std::string& name) {
    TestAgent agent(Path(name), Path(name + ".log"), {});
    const CommandResult enrolled = agent.Enrol(tenant_, tenant_.NewToken(kAlice));
    EXPECT_EQ(enrolled.exit_code, 0) << enrolled;
    return agent;
  }
  RawPeer Device(const TestAgent& agent) const {
    return {tenant_.server(), tenant_.ca(), agent.state() + "/device.pem",
            agent.state() + "/device.key"};
  }
  static std::string Hello() {
    v1::AgentMessage message;
    message.mutable_hello()->set_instance_id("raw");
    return message.SerializeAsString();
  }

  Json Show(const std::string& device) { return tenant_.Get(kAdmin, {"device", "show", device}); }
  std::vector<Json> Audited(const std::string& device, const std::string& verb) {
    std::vector<Json> out;
    for (const Json& entry : tenant_.Items({"audit", "list", "--object", "device/" + device})) {
      if (entry.value("verb", "") == verb) out.push_back(entry);
    }
    return out;
  }
  Started Alice(const TestLaptop& laptop) { return TryRun({laptop.chat()}, accounts_.uid(0)); }
  // What the agent says of its connection; "" while it has one.
  static std::string LinkError(TestLaptop& laptop) {
    const Json status = laptop.agent().Status();
    return status.is_object() ? status.value("last_link_error", "") : "";
  }
  static bool WaitForLinkError(TestLaptop& laptop, const std::string& text) {
    return WaitUntil(kSoon, [&] { return LinkError(laptop) == text; });
  }

  TestAccounts accounts_{1};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), "it-bob"};
  int tokens_ = 0;
};

// "serial notAfter" of a certificate file, as openssl reads it.
std::pair<std::string, std::string> SerialAndEnd(const std::string& pem) {
  const CommandResult read = RunCommand(
      {"openssl", "x509", "-in", pem, "-noout", "-serial", "-enddate", "-dateopt", "iso_8601"});
  EXPECT_EQ(read.exit_code, 0) << read;
  const std::vector<std::string> lines = absl::StrSplit(read.out, '\n');
  EXPECT_EQ(lines.size(), 3u) << read;
  return {lines[0], lines.size() > 1 ? lines[1] : ""};
}

// Times of the log's lines that say that this device connected.
std::vector<absl::Time> Connections(const std::string& log, const std::string& device) {
  std::vector<absl::Time> out;
  for (absl::string_view line : absl::StrSplit(log, '\n')) {
    absl::Time at;
    std::string error;
    if (!absl::StrContains(line, absl::StrCat(device, " connected, agent "))) continue;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, line.substr(0, line.find(' ')), &at, &error))
        << line << error;
    out.push_back(at);
  }
  return out;
}

// The silent stream's end takes a minute of real time, so the others that take long run in it.
class MinuteTest : public IdentityTest {
 protected:
  void ExpectRenewals(TestLaptop& laptop);
  void ExpectTheWayBackAfterTheEnd(TestLaptop& late);
  void ExpectAlarmOfTwo(TestLaptop& laptop, TestLaptop& thief);
};

void MinuteTest::ExpectRenewals(TestLaptop& laptop) {
  const std::string pem = laptop.agent().state() + "/device.pem";
  const auto [first_serial, first_end] = SerialAndEnd(pem);
  const absl::Time joined = absl::Now();
  std::set<std::string> serials = {first_serial};
  std::string end = first_end;
  ASSERT_TRUE(WaitUntil(absl::Minutes(1), [&] {
    const auto [serial, not_after] = SerialAndEnd(pem);
    if (serials.insert(serial).second) {
      EXPECT_GT(not_after, end);
      end = not_after;
    }
    return serials.size() >= 3;
  })) << laptop.agent().Log();
  EXPECT_GT(absl::Now() - joined, absl::Seconds(15)) << "it would not have needed the renewals";
  EXPECT_TRUE(laptop.WaitForConnection(true));
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return Alice(laptop) == Started::kBlocked; }));
  const std::string grant = tenant_.Grant(kAlice);
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return Alice(laptop) == Started::kRan; }));
  EXPECT_EQ(laptop.agent().Explain("it-chat", accounts_.name(0)), "ALLOW GRANT " + grant);
  // The controller shows the end of the certificate that the agent holds, to the second.
  EXPECT_TRUE(WaitUntil(kSoon,
                        [&] {
                          const std::string mine =
                              laptop.agent().Status().value("certificate_not_after", "");
                          const std::string shown =
                              Show(laptop.device()).value("certificate_not_after", "?");
                          return mine.size() >= 19 && mine.substr(0, 19) == shown.substr(0, 19);
                        }))
      << laptop.agent().Status() << Show(laptop.device());
  const std::vector<Json> renewals = Audited(laptop.device(), "device.renew");
  EXPECT_GE(renewals.size(), 2u);
  for (const Json& entry : renewals) {
    EXPECT_TRUE(absl::StartsWith(entry.value("reason", ""), "certificate until 20")) << entry;
  }
  tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
}

// It was off when it should have renewed: it is told what to do, and that works.
void MinuteTest::ExpectTheWayBackAfterTheEnd(TestLaptop& late) {
  const std::string id = late.agent().DeviceId();
  late.StartAgent();
  EXPECT_TRUE(WaitForLinkError(
      late, absl::StrCat("the client certificate of ", id,
                         " is not accepted: certificate has expired; enrol the device again with "
                         "a new token")))
      << LinkError(late);
  EXPECT_EQ(Show(id)["state"], "ENROLLED");
  late.agent().Stop();
  const CommandResult again = late.agent().Enrol(tenant_, tenant_.NewToken(kBob), {"--force"});
  EXPECT_EQ(again.exit_code, 0) << again;
  late.StartAgent();
  EXPECT_TRUE(tenant_.WaitForVerifiedPolicy(late.agent().DeviceId())) << late.agent().Log();
}

void MinuteTest::ExpectAlarmOfTwo(TestLaptop& laptop, TestLaptop& thief) {
  const std::string& id = laptop.device();
  EXPECT_EQ(tenant_.Items({"device", "list", "--alarmed"}), Json::array());
  laptop.agent().Stop();
  fs::copy(laptop.agent().state(), thief.agent().state(), fs::copy_options::recursive);
  laptop.StartAgent();
  ASSERT_TRUE(laptop.WaitForConnection(true));
  const size_t before = Connections(ReadWhole(tenant_.log()), id).size();
  thief.StartAgent();

  constexpr size_t kSwaps = 7;
  std::vector<absl::Time> connected;
  ASSERT_TRUE(WaitUntil(absl::Minutes(2), [&] {
    connected = Connections(ReadWhole(tenant_.log()), id);
    return connected.size() >= before + kSwaps;
  })) << laptop.agent().Log();
  // Each that was thrown out comes back at a random moment within 5 s and more. The ordinary
  // windows, which begin with 200 ms, would add up to 2.8 s at the very most.
  EXPECT_GT(connected[before + kSwaps - 1] - connected[before], absl::Seconds(2.8));

  const Json alarmed = tenant_.Items({"device", "list", "--alarmed"});
  ASSERT_EQ(alarmed.size(), 1u);
  EXPECT_EQ(alarmed[0]["device_id"], id);
  const Json shown = Show(id);
  std::set<std::string> codes;
  for (const Json& alarm : shown["alarms"]) {
    EXPECT_TRUE(codes.insert(alarm.value("code", "")).second) << "once an hour at most: " << alarm;
    if (alarm.value("code", "") != "CERTIFICATE_SHARED") continue;
    EXPECT_TRUE(absl::StartsWith(alarm.value("detail", ""),
                                 "two agents use this device's certificate by turns"))
        << alarm;
  }
  EXPECT_TRUE(codes.contains("CERTIFICATE_SHARED")) << shown["alarms"];
  EXPECT_EQ(Audited(id, "device.alarm").size(), codes.size());
  EXPECT_EQ(Alice(laptop), Started::kBlocked);
  EXPECT_EQ(Alice(thief), Started::kBlocked);
}

TEST_F(MinuteTest, RenewalsCopiesAndASilentStream) {
  TestLaptop laptop(Path("laptop")), late(Path("late")), copied(Path("copied")),
      thief(Path("thief"));
  tenant_.ApplyPolicies(
      absl::StrJoin({laptop.chat(), late.chat(), copied.chat(), thief.chat()}, ", "));
  // These two have certificates for a year; those of the others end within seconds.
  copied.Join(tenant_, CrewUpn(1));
  const TestAgent silent = Enrolled("silent");
  tenant_.RestartController("device_certificate_life: 15s\nrollout:\n  soak: 1s\n");
  const absl::Time began = absl::Now();
  RawBackgroundStream stream(Device(silent), kConnect, {}, 120);
  ASSERT_EQ(late.agent().Enrol(tenant_, tenant_.NewToken(kBob)).exit_code, 0);
  laptop.Join(tenant_, kAlice);

  ExpectRenewals(laptop);
  ExpectTheWayBackAfterTheEnd(late);
  ExpectAlarmOfTwo(copied, thief);

  const absl::Status ended = stream.Wait();
  EXPECT_EQ(ended, absl::DeadlineExceededError("the stream has not moved for a minute"));
  EXPECT_GE(absl::Now() - began, absl::Seconds(60));
}

TEST_F(IdentityTest, ARetiredDeviceIsCutOffAtOnce) {
  TestLaptop laptop(Path("laptop"));
  tenant_.ApplyPolicies(laptop.chat());
  laptop.Join(tenant_, kAlice);
  const TestAgent other = Enrolled("other");
  const Json before = Show(laptop.device());
  const Json what_if =
      tenant_.Get(kAdmin, {"device", "retire", laptop.device(), "--reason", "Stolen", "--dry-run"});
  EXPECT_EQ(what_if.value("devices", 0), 1) << what_if;
  EXPECT_EQ(Show(laptop.device())["state"], "ENROLLED");

  tenant_.Get(kAdmin, {"device", "retire", laptop.device(), "--reason", "Stolen"});
  const std::string refused =
      absl::StrCat("device ", laptop.device(), " is retired; enrol it again with a new token");
  ASSERT_TRUE(laptop.WaitForConnection(false));
  EXPECT_TRUE(WaitForLinkError(laptop, refused)) << LinkError(laptop);
  const Json after = Show(laptop.device());
  EXPECT_EQ(after["state"], "RETIRED");
  EXPECT_EQ(after["last_report_seq"], before["last_report_seq"]) << "nothing it says counts";
  EXPECT_EQ(Audited(laptop.device(), "device.retire").size(), 1u);
  for (const absl::Status& status : {RawStream(Device(laptop.agent()), kConnect, {Hello()}),
                                     RawCall(Device(laptop.agent()), kRenew, "")}) {
    EXPECT_EQ(status, absl::PermissionDeniedError(refused));
  }
  EXPECT_EQ(Alice(laptop), Started::kBlocked) << "the last good policy stays";
  const Answer twice =
      tenant_.Ask(kAdmin, {"device", "retire", laptop.device(), "--reason", "Stolen"});
  EXPECT_EQ(twice.code(), 3) << twice;

  // A resumed TLS session skips the certificate exchange, never the question who is enrolled.
  const RawTwice alive = RawStreamTwice(Device(other), kConnect, {Hello()}, [] {});
  EXPECT_EQ(alive.first.status.code(), absl::StatusCode::kCancelled) << alive.first.status;
  EXPECT_EQ(alive.second.status.code(), absl::StatusCode::kCancelled) << alive.second.status;
  EXPECT_FALSE(alive.first.resumed);
  EXPECT_TRUE(alive.second.resumed) << "else the next case proves nothing";
  const RawTwice cut = RawStreamTwice(Device(other), kConnect, {Hello()}, [&] {
    tenant_.Get(kAdmin, {"device", "retire", other.DeviceId(), "--reason", "Lost"});
  });
  EXPECT_EQ(cut.first.status.code(), absl::StatusCode::kCancelled) << cut.first.status;
  EXPECT_TRUE(cut.second.resumed);
  EXPECT_EQ(cut.second.status,
            absl::PermissionDeniedError(absl::StrCat(
                "device ", other.DeviceId(), " is retired; enrol it again with a new token")));
}

TEST_F(IdentityTest, OneTokenEnrolsOneDeviceInItsGroup) {
  const std::string token = TokenFile(kAlice, {"--group", "north"});
  // Both at once: which one wins is open, that only one does is not.
  std::vector<TestAgent> agents;
  std::vector<std::unique_ptr<Program>> running;
  for (const char* name : {"one", "two"}) {
    agents.emplace_back(Path(name), Path(absl::StrCat(name, ".log")), std::vector<std::string>());
    auto started =
        Program::Start({ProgramPath("muster-agent"), "enroll", "--controller", tenant_.server(),
                        "--ca", tenant_.ca(), "--token-file", token, "--state", Path(name)},
                       Path(absl::StrCat(name, ".log")));
    ASSERT_TRUE(started.ok()) << started.status();
    running.push_back(*std::move(started));
  }
  std::vector<int> codes;
  for (const auto& program : running) {
    ASSERT_TRUE(WaitUntil(kSoon, [&] { return !program->Running(); }));
    codes.push_back(program->Stop());
  }
  const size_t winner = codes[0] == 0 ? 0 : 1;
  const TestAgent &won = agents[winner], &lost = agents[1 - winner];
  EXPECT_EQ(codes[winner], 0) << won.Log();
  EXPECT_EQ(codes[1 - winner], 3) << lost.Log();
  const std::string id = won.DeviceId();
  EXPECT_EQ(won.Log(), absl::StrCat("Enrolled as device ", id, " of tenant it.\nStart it: ",
                                    "muster-agent run --state ", won.state(), "\n"));
  const std::string said = lost.Log();
  EXPECT_TRUE(absl::StartsWith(said, "muster-agent: this enrolment token was already used at 20"))
      << said;
  EXPECT_TRUE(absl::EndsWith(said, absl::StrCat(" by device ", id, "; ask for a new one ",
                                                "(`musterctl device token`)\n")))
      << said;
  EXPECT_FALSE(fs::exists(lost.state() + "/agent.json"));
  EXPECT_FALSE(fs::exists(lost.state() + "/device.key"));

  const TestAgent elsewhere = Enrolled("elsewhere");
  EXPECT_EQ(Show(id)["group"], "north");
  EXPECT_EQ(Show(elsewhere.DeviceId()).value("group", ""), "");
  EXPECT_EQ(tenant_.Items({"device", "list"}).size(), 2u);
  const Json north = tenant_.Items({"device", "list", "--group", "north"});
  ASSERT_EQ(north.size(), 1u);
  EXPECT_EQ(north[0]["device_id"], id);
  EXPECT_EQ(tenant_.Items({"device", "list", "--group", "south"}), Json::array());

  const Json before = tenant_.Everything();
  const struct {
    std::vector<std::string> more;
    int code;
    std::string says;
  } cases[] = {
      {{"--owner", kAlice, "--group", "North"},
       2,
       "the group 'North' must be at most 64 of a-z, 0-9, '-' and '.'"},
      {{"--owner", kAlice, "--ttl", "169h"}, 2, "the ttl must be more than 0 and at most 7 days"},
      {{"--owner", "nobody@mdm.test"}, 5, "nobody@mdm.test"},
  };
  for (const auto& c : cases) {
    std::vector<std::string> args = {"device", "token", "--platform", "linux"};
    args.insert(args.end(), c.more.begin(), c.more.end());
    const Answer refused = tenant_.Ask(kAdmin, args);
    EXPECT_EQ(refused.code(), c.code) << refused;
    EXPECT_TRUE(absl::StrContains(refused.command.err, c.says)) << refused;
    EXPECT_EQ(refused.command.out, "");
  }
  EXPECT_EQ(tenant_.Everything(), before);
}

// gRPC 1.51 fails when the list of client authorities takes more than 17 KB (grpc#33611).
TEST_F(IdentityTest, TheHandshakeStaysSmall) {
  const CommandResult shaken =
      RunCommand({"openssl", "s_client", "-connect", tenant_.server(), "-CAfile", tenant_.ca(),
                  "-verify_return_error", "-alpn", "h2", "-tls1_3"});
  ASSERT_EQ(shaken.exit_code, 0) << shaken;
  EXPECT_TRUE(absl::StrContains(shaken.out, "Requested Signature Algorithms:"))
      << "the server asks for a certificate: " << shaken;
  size_t authorities = 0, read = 0;
  bool listing = false;
  for (absl::string_view line : absl::StrSplit(shaken.out, '\n')) {
    if (absl::StartsWith(line, "Acceptable client certificate CA names")) {
      listing = true;
    } else if (listing && absl::StrContains(line, " = ")) {
      ++authorities;
    } else {
      listing = false;
    }
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (absl::StartsWith(line, "SSL handshake has read ") && words.size() > 4) {
      EXPECT_TRUE(absl::SimpleAtoi(words[4], &read)) << line;
    }
  }
  EXPECT_LE(authorities, 2u) << shaken;
  EXPECT_GT(read, 0u) << shaken;
  EXPECT_LT(read, 8u << 10) << shaken;
}

}  // namespace
}  // namespace muster
