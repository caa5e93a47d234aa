// Who may speak to the controller, with which certificate or token, and over which TLS.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/signed_doc.h"
#include "muster/v1/device_service.pb.h"
#include "tests/integration/laptop.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

constexpr char kListApps[] = "/muster.v1.AdminService/ListApps";
constexpr char kConnect[] = "/muster.v1.DeviceService/Connect";
constexpr char kEnroll[] = "/muster.v1.DeviceService/Enroll";

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tenant_.ControllerRuns()); }

  // An agent of this tenant that was enrolled and never runs.
  TestAgent Enrolled(const std::string& name) {
    TestAgent agent(Path(name), Path(name + ".log"), {});
    const CommandResult enrolled = agent.Enrol(tenant_, tenant_.NewToken(kAlice));
    EXPECT_EQ(enrolled.exit_code, 0) << enrolled;
    return agent;
  }

  std::string Path(const std::string& name) const { return tenant_.folder() + "/" + name; }

  RawPeer Peer(const std::string& certificate, const std::string& key) const {
    return {tenant_.server(), tenant_.ca(), certificate, key};
  }
  RawPeer Device(const TestAgent& agent) const {
    return Peer(agent.state() + "/device.pem", agent.state() + "/device.key");
  }

  // musterctl with any certificate.
  CommandResult AskAs(const std::string& certificate, const std::string& key,
                      const std::string& ca) const {
    const std::string profile = Path("profile.yaml");
    WriteWhole(profile, absl::StrCat("server: ", tenant_.server(), "\nca: ", ca,
                                     "\ncertificate: ", certificate, "\nkey: ", key, "\n"));
    return RunCommand({ProgramPath("musterctl"), "--profile", profile, "app", "list"});
  }
  CommandResult AskAs(const std::string& base) const {
    return AskAs(base + ".pem", base + ".key", tenant_.ca());
  }

  // A certificate <base>.pem, <base>.key that names `uri`, by the CA whose files start with
  // `ca`; by itself when that is empty. Valid for a day from `from`, of the form 20260101000000Z.
  std::string Forge(const std::string& name, const std::string& uri, const std::string& ca,
                    const std::string& from = "") const;

  TestTenant tenant_{DirectoryKind::kLdif, "it-alice", "it-bob"};
};

std::string CredentialsTest::Forge(const std::string& name, const std::string& uri,
                                   const std::string& ca, const std::string& from) const {
  const std::string base = Path(name);
  WriteWhole(base + ".cnf",
             absl::StrCat("[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=forged\n[e]\n",
                          "subjectAltName=URI:", uri, "\nextendedKeyUsage=clientAuth\n",
                          "[ca]\ndefault_ca=d\n[d]\ndatabase=", base, ".index\nserial=", base,
                          ".serial\nnew_certs_dir=", tenant_.folder(),
                          "\ndefault_md=sha256\npolicy=p\nx509_extensions=e\nunique_subject=no\n",
                          "[p]\ncommonName=supplied\n"));
  WriteWhole(base + ".index", "");
  WriteWhole(base + ".serial", "1001\n");
  const std::vector<std::string> make_key = {"openssl",
                                             "req",
                                             "-new",
                                             "-newkey",
                                             "ec",
                                             "-pkeyopt",
                                             "ec_paramgen_curve:P-256",
                                             "-nodes",
                                             "-keyout",
                                             base + ".key",
                                             "-out",
                                             base + ".csr",
                                             "-config",
                                             base + ".cnf"};
  CommandResult made = RunCommand(make_key);
  EXPECT_EQ(made.exit_code, 0) << made;
  std::vector<std::string> sign = {"openssl", "ca",          "-batch", "-config",     base + ".cnf",
                                   "-in",     base + ".csr", "-out",   base + ".pem", "-notext"};
  if (ca.empty()) {
    sign.insert(sign.end(), {"-selfsign", "-keyfile", base + ".key"});
  } else {
    sign.insert(sign.end(), {"-cert", ca + ".pem", "-keyfile", ca + ".key"});
  }
  if (from.empty()) {
    sign.insert(sign.end(), {"-days", "1"});
  } else {
    const std::string to = absl::StrReplaceAll(from, {{"01000000Z", "02000000Z"}});
    sign.insert(sign.end(), {"-startdate", from, "-enddate", to});
  }
  made = RunCommand(sign);
  EXPECT_EQ(made.exit_code, 0) << made;
  return base;
}

TEST_F(CredentialsTest, OperatorsCertificates) {
  ASSERT_EQ(
      RunCommand({ProgramPath("musterd"), "init", "--dir", Path("other"), "--tenant", "other"})
          .exit_code,
      0);
  ASSERT_EQ(RunCommand({ProgramPath("musterd"), "init", "--dir", Path("twin"), "--tenant", "it"})
                .exit_code,
            0);
  for (const char* name : {"other", "twin"}) {
    ASSERT_EQ(RunCommand({ProgramPath("musterd"), "operator", "--dir", Path(name), "--name",
                          "admin", "--upn", "admin@mdm.test"})
                  .exit_code,
              0);
  }
  const TestAgent agent = Enrolled("agent");
  const std::string pki = tenant_.data() + "/pki/";
  const std::string admin = "muster://it/operator/admin@mdm.test";
  const CommandResult good = AskAs(Forge("good", admin, pki + "operator-ca"));
  EXPECT_EQ(good.exit_code, 0) << "what the refused ones are compared with: " << good;
  const struct {
    CommandResult result;
    int code;
    std::string says;
  } cases[] = {
      {AskAs(Path("other/operators/admin")), 4,
       "the client certificate is for tenant 'other'; this controller serves 'it'"},
      {AskAs(Path("twin/operators/admin")), 4, "is not accepted"},
      {AskAs(Device(agent).certificate, Device(agent).key, tenant_.ca()), 4,
       absl::StrCat("names device '", agent.DeviceId(), "'; this call is for an operator")},
      {AskAs(Forge("self", admin, "")), 4, "is not accepted"},
      {AskAs(Forge("crossed", admin, pki + "device-ca")), 4, "is not accepted"},
      {AskAs(Forge("server", admin, pki + "server-ca")), 4, "is not accepted"},
      {AskAs(Forge("expired", admin, pki + "operator-ca", "20200101000000Z")), 4, "expired"},
      {AskAs(Forge("early", admin, pki + "operator-ca", "20900101000000Z")), 4, "not yet valid"},
      {AskAs(Forge("stranger", "https://mdm.test/admin", pki + "operator-ca")), 4,
       "it names no muster:// identity"},
      {AskAs(Forge("nobody", "muster://it/operator/", pki + "operator-ca")), 4,
       "it names no muster:// identity"},
      // The other way round: the operator's side refuses a controller that its CA did not issue.
      {AskAs(Path("operators/admin.pem"), Path("operators/admin.key"),
             Path("other/pki/server-ca.pem")),
       6, "cannot be reached"},
      {AskAs(Path("operators/none")), 2, "cannot read the certificate"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(c.result.exit_code, c.code) << c.result;
    EXPECT_TRUE(absl::StrContains(c.result.err, c.says)) << c.says << ": " << c.result;
    EXPECT_EQ(c.result.out, "");
  }
}

TEST_F(CredentialsTest, CallsWithoutTheRightCertificate) {
  const TestAgent agent = Enrolled("agent");
  const TestAgent retired = Enrolled("retired");
  tenant_.Get(kAdmin, {"device", "retire", retired.DeviceId(), "--reason", "lost"});
  const RawPeer none = Peer("", "");
  const RawPeer op = Peer(Path("operators/admin.pem"), Path("operators/admin.key"));
  const RawPeer crossed = Peer(Forge("crossed", "muster://it/device/" + agent.DeviceId(),
                                     tenant_.data() + "/pki/operator-ca") +
                                   ".pem",
                               Path("crossed.key"));
  const RawPeer rekeyed = Peer(Forge("rekeyed", "muster://it/device/" + agent.DeviceId(),
                                     tenant_.data() + "/pki/device-ca") +
                                   ".pem",
                               Path("rekeyed.key"));
  const RawPeer unknown =
      Peer(Forge("unknown", "muster://it/device/dev-0", tenant_.data() + "/pki/device-ca") + ".pem",
           Path("unknown.key"));
  EXPECT_EQ(RawCall(op, kListApps, ""), absl::OkStatus());
  const Json before = tenant_.Everything();
  const struct {
    absl::Status status;
    absl::StatusCode code;
    std::string says;
  } cases[] = {
      {RawCall(none, kListApps, ""), absl::StatusCode::kUnauthenticated,
       "needs a client certificate of an operator"},
      {RawStream(none, kConnect, {}), absl::StatusCode::kUnauthenticated,
       "needs a client certificate of a device"},
      {RawStream(op, kConnect, {}), absl::StatusCode::kUnauthenticated,
       "names operator 'admin@mdm.test'; this call is for a device"},
      {RawStream(crossed, kConnect, {}), absl::StatusCode::kUnauthenticated, "is not accepted"},
      {RawStream(rekeyed, kConnect, {}), absl::StatusCode::kUnauthenticated,
       "is not the one it was enrolled with"},
      {RawStream(unknown, kConnect, {}), absl::StatusCode::kNotFound, "no device 'dev-0'"},
      {RawStream(Device(retired), kConnect, {}), absl::StatusCode::kPermissionDenied,
       "is retired; enrol it again"},
      {RawCall(Device(agent), kListApps, ""), absl::StatusCode::kUnauthenticated, "names device"},
      {RawCall(none, kEnroll, ""), absl::StatusCode::kUnauthenticated, "token is not known here"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(c.status.code(), c.code) << c.says << ": " << c.status;
    EXPECT_TRUE(absl::StrContains(c.status.message(), c.says)) << c.says << ": " << c.status;
  }
  EXPECT_EQ(tenant_.Everything(), before);
}

std::string Bytes(const v1::SignedDoc& report) {
  v1::AgentMessage message;
  *message.mutable_report() = report;
  return message.SerializeAsString();
}

TEST_F(CredentialsTest, MalformedOversizedAndForgedMessages) {
  const TestAgent agent = Enrolled("agent");
  const TestAgent other = Enrolled("other");
  const RawPeer op = Peer(Path("operators/admin.pem"), Path("operators/admin.key"));
  const RawPeer device = Device(agent);
  const auto key = PrivateKey::FromPem(ReadWhole(device.key));
  ASSERT_TRUE(key.ok()) << key.status();
  const auto other_key = PrivateKey::FromPem(ReadWhole(Device(other).key));
  ASSERT_TRUE(other_key.ok()) << other_key.status();
  v1::Report body;
  body.set_device_id(agent.DeviceId());
  body.set_seq(1);
  body.mutable_status()->set_mode(v1::StatusReport::ENFORCING);
  const v1::SignedDoc good = *MakeSignedDoc(body, {*key});
  v1::SignedDoc unsigned_doc = good, tampered = good, retyped = good;
  unsigned_doc.clear_signatures();
  tampered.mutable_payload()->back() ^= 1;
  retyped.set_payload_type("muster.v1.CohortPolicy");
  body.set_device_id(other.DeviceId());
  const v1::SignedDoc for_other = *MakeSignedDoc(body, {*key});
  v1::SignedDoc huge = good;
  huge.set_payload(std::string(3 << 20, 'x'));
  const Json before = tenant_.Everything();
  const struct {
    absl::Status status;
    absl::StatusCode code;
    std::string says;
  } cases[] = {
      {RawCall(op, kListApps, "\xff\xff\xff"), absl::StatusCode::kInternal, ""},
      {RawCall(op, kListApps, std::string(9 << 20, 'x')), absl::StatusCode::kResourceExhausted, ""},
      {RawStream(device, kConnect, {"\xff\xff\xff"}), absl::StatusCode::kInvalidArgument,
       "not a muster.v1.AgentMessage"},
      {RawStream(device, kConnect, {std::string(9 << 20, 'x')}),
       absl::StatusCode::kResourceExhausted, ""},
      {RawStream(device, kConnect, {Bytes(unsigned_doc)}), absl::StatusCode::kFailedPrecondition,
       "THRESHOLD"},
      {RawStream(device, kConnect, {Bytes(tampered)}), absl::StatusCode::kFailedPrecondition,
       "BAD_SIGNATURE"},
      {RawStream(device, kConnect, {Bytes(retyped)}), absl::StatusCode::kFailedPrecondition,
       "WRONG_TYPE"},
      {RawStream(device, kConnect, {Bytes(*MakeSignedDoc(body, {*other_key}))}),
       absl::StatusCode::kFailedPrecondition, "UNKNOWN_KEY"},
      {RawStream(device, kConnect, {Bytes(for_other)}), absl::StatusCode::kFailedPrecondition,
       "WRONG_DEVICE"},
      {RawStream(device, kConnect, {Bytes(huge)}), absl::StatusCode::kFailedPrecondition,
       "OVERSIZE"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(c.status.code(), c.code) << c.says << ": " << c.status;
    EXPECT_TRUE(absl::StrContains(c.status.message(), c.says)) << c.says << ": " << c.status;
  }
  EXPECT_EQ(tenant_.Everything(), before);
  // The same report, well made, is taken: nothing else was wrong with the others.
  EXPECT_EQ(RawStream(device, kConnect, {Bytes(good)}, 1).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(tenant_.Get(kAdmin, {"device", "show", agent.DeviceId()}).value("mode", ""),
            "ENFORCING");
}

TEST_F(CredentialsTest, Tokens) {
  const std::string good = tenant_.NewToken(kAlice), short_lived = tenant_.NewToken(kAlice, "1s"),
                    phone = tenant_.NewToken(kAlice, "10m", "android");
  const std::string unknown = Path("unknown-token"), empty = Path("empty-token");
  WriteWhole(unknown, "mst-000000000000000000000000000000000000000000000000\n");
  WriteWhole(empty, "\n");
  const TestAgent first(Path("first"), Path("first.log"), {});
  const TestAgent second(Path("second"), Path("second.log"), {});
  const CommandResult enrolled = first.Enrol(tenant_, good);
  ASSERT_EQ(enrolled.exit_code, 0) << enrolled;
  // A token works until its last moment: ask until it does not, for another platform meanwhile.
  CommandResult expired;
  v1::EnrollRequest request;
  request.set_token(ReadWhole(short_lived).substr(0, ReadWhole(short_lived).find('\n')));
  ASSERT_TRUE(WaitUntil(absl::Seconds(150), [&] {
    const absl::Status status = RawCall(Peer("", ""), kEnroll, request.SerializeAsString());
    return absl::StrContains(status.message(), "expired");
  }));
  const Json before = tenant_.Everything();
  const struct {
    const TestAgent& agent;
    std::string token;
    int code;
    std::string says;
  } cases[] = {
      {second, good, 3, absl::StrCat("already used at ")},
      {second, short_lived, 3, "this enrolment token expired at "},
      {second, phone, 3, "this enrolment token is for platform ANDROID, the device is LINUX"},
      {second, unknown, 4, "this enrolment token is not known here"},
      {second, empty, 2, "is empty"},
      {second, Path("no-such-token"), 2, "--token-file"},
      {first, phone, 3, "already holds an enrolled device"},
  };
  for (const auto& c : cases) {
    const CommandResult result = c.agent.Enrol(tenant_, c.token);
    EXPECT_EQ(result.exit_code, c.code) << result;
    EXPECT_TRUE(absl::StrContains(result.err, c.says)) << c.says << ": " << result;
    EXPECT_EQ(second.DeviceId(), "");
    EXPECT_EQ(tenant_.Everything(), before);
  }
  // The agent refuses a controller that its CA did not issue, before it sends the token.
  ASSERT_EQ(RunCommand({ProgramPath("musterd"), "init", "--dir", Path("other"), "--tenant", "it"})
                .exit_code,
            0);
  const CommandResult wrong_ca = RunCommand(
      {ProgramPath("muster-agent"), "enroll", "--controller", tenant_.server(), "--ca",
       Path("other/pki/server-ca.pem"), "--token-file", phone, "--state", Path("third")});
  EXPECT_EQ(wrong_ca.exit_code, 6) << wrong_ca;
  EXPECT_TRUE(absl::StrContains(wrong_ca.err, "no Muster controller that --ca vouches for"))
      << wrong_ca;
  EXPECT_EQ(tenant_.Everything(), before);
}

TEST_F(CredentialsTest, OnlyTls13) {
  const auto connect = [&](const char* version) {
    return RunCommand({"openssl", "s_client", "-connect", tenant_.server(), "-CAfile", tenant_.ca(),
                       "-verify_return_error", "-alpn", "h2", version});
  };
  const CommandResult new_tls = connect("-tls1_3");
  EXPECT_EQ(new_tls.exit_code, 0) << new_tls;
  EXPECT_TRUE(absl::StrContains(new_tls.out, "New, TLSv1.3, Cipher is TLS_")) << new_tls;
  for (const char* version : {"-tls1_2", "-tls1_1", "-tls1"}) {
    const CommandResult old = connect(version);
    EXPECT_EQ(old.exit_code, 1) << version << ": " << old;
    EXPECT_TRUE(absl::StrContains(old.out, "Cipher is (NONE)")) << version << ": " << old;
  }
}

}  // namespace
}  // namespace muster
