#include "bridge/adapters/http/hint_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "bridge/adapters/http/curl_transport.h"
#include "common/bridge_limits.h"
#include "common/mutex.h"
#include "tests/support/temp_dir.h"

namespace muster::bridge {
namespace {

constexpr char kUuid[] = "0a1b2c3d-0000-4000-8000-00000000002a";
constexpr char kEvent[] =
    R"({"EventId":148,"EventType":"Compliance Status Changed","DeviceId":42,)"
    R"("EventTime":"2026-04-30T10:11:12.1234567Z","ComplianceStatus":"Compliant",)"
    R"("DeviceUUID":"0A1B2C3D-0000-4000-8000-00000000002A","EnrollmentUserUUID":"x"})";

std::string Basic(const std::string& pair) {
  return absl::StrCat("Basic ", absl::Base64Escape(pair));
}

struct HintServerTest : testing::Test {
  Mutex mu;
  std::vector<std::string> hints;
  TempDir dir;
  std::unique_ptr<HintServer> server;
  std::unique_ptr<HttpTransport> client = NewCurlTransport({});

  HintOptions Options() {
    HintOptions options;
    options.user = "uem";
    options.password = "pass:word";
    options.on_hint = [this](const std::string& id) {
      const MutexLock lock(&mu);
      hints.push_back(id);
    };
    return options;
  }
  void Start(HintOptions options) {
    auto started = HintServer::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
  }
  HttpRequest Post(const std::string& body, const std::string& auth = Basic("uem:pass:word")) {
    HttpRequest request;
    request.method = "POST";
    request.url = absl::StrCat("http://127.0.0.1:", server->port(), "/events");
    request.headers = {{"Authorization", auth}, {"Content-Type", "application/json"}};
    request.body = body;
    request.timeout = absl::Seconds(20);
    return request;
  }
  int Status(const HttpRequest& request) {
    const auto response = client->Send(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->status : -1;
  }
  std::vector<std::string> Hints() {
    const MutexLock lock(&mu);
    return hints;
  }
};

TEST_F(HintServerTest, AnEventIsAHintAndNothingMore) {
  Start(Options());
  EXPECT_EQ(Status(Post(kEvent)), 200);
  EXPECT_EQ(Status(Post(kEvent)), 200);
  EXPECT_EQ(Hints(), (std::vector<std::string>{kUuid, kUuid}));
}

TEST_F(HintServerTest, TheUemsConnectionTestIsAnswered) {
  Start(Options());
  HttpRequest test = Post("");
  test.method = "GET";
  EXPECT_EQ(Status(test), 200);
  test.headers.clear();
  EXPECT_EQ(Status(test), 401);
  EXPECT_TRUE(Hints().empty());
}

TEST_F(HintServerTest, WhatIsNoEventIsRefused) {
  Start(Options());
  HttpRequest xml = Post("<a/>");
  xml.headers[1].second = "application/xml";
  HttpRequest put = Post(kEvent);
  put.method = "PUT";
  HttpRequest headers = Post(kEvent);
  headers.headers.emplace_back("X", std::string(limits::kMaxHintHeaderBytes, 'x'));
  const std::pair<HttpRequest, int> kCases[] = {
      {Post(""), 400},
      {Post("{}"), 400},
      {Post("{\"DeviceUUID\":"), 400},
      {Post(R"({"DeviceUUID":"../etc"})"), 400},
      {Post(kEvent, ""), 401},
      {Post(kEvent, Basic("uem:wrong")), 401},
      {Post(kEvent, Basic("other:pass:word")), 401},
      {Post(kEvent, "Bearer x"), 401},
      {put, 405},
      {Post(std::string(limits::kMaxHintBytes + 1, ' ')), 413},
      {xml, 415},
      {headers, 431},
  };
  for (const auto& [request, want] : kCases)
    EXPECT_EQ(Status(request), want) << request.body.substr(0, 40);
  EXPECT_TRUE(Hints().empty());
  EXPECT_EQ(Status(Post(kEvent)), 200);
}

TEST_F(HintServerTest, OverTlsWithItsCertificate) {
  const std::string make = absl::StrCat(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=t "
      "-addext subjectAltName=IP:127.0.0.1 -keyout ",
      dir.File("key"), " -out ", dir.File("cert"), " 2>/dev/null");
  ASSERT_EQ(system(make.c_str()), 0);
  HintOptions options = Options();
  options.address = "0.0.0.0";
  options.certificate_file = dir.File("cert");
  std::ifstream key(dir.File("key"));
  options.key_pem.assign(std::istreambuf_iterator<char>(key), {});
  Start(options);
  HttpRequest request = Post(kEvent);
  request.url = absl::StrCat("https://127.0.0.1:", server->port());
  // The system does not know this certificate.
  EXPECT_TRUE(absl::IsFailedPrecondition(client->Send(request).status()));
  client = NewCurlTransport({.ca_file = dir.File("cert")});
  EXPECT_EQ(Status(request), 200);
  EXPECT_EQ(Hints(), (std::vector<std::string>{kUuid}));
  request.url = absl::StrCat("https://localhost:", server->port());  // not its name
  EXPECT_TRUE(absl::IsFailedPrecondition(client->Send(request).status()));
}

int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)), 0);
  return fd;
}

TEST_F(HintServerTest, MoreConnectionsThanItTakesAreClosed) {
  Start(Options());
  std::vector<int> idle;
  for (size_t i = 0; i < limits::kMaxHintConnections; ++i) idle.push_back(Connect(server->port()));
  const int beyond = Connect(server->port());
  char byte = 0;
  EXPECT_LE(recv(beyond, &byte, 1, 0), 0);
  close(beyond);
  // One that leaves makes room; the server may need a moment to see it.
  close(idle.back());
  idle.pop_back();
  bool heard = false;
  for (int i = 0; i < 2'000 && !heard; ++i) {
    const auto response = client->Send(Post(kEvent));
    heard = response.ok() && response->status == 200;
  }
  EXPECT_TRUE(heard);
  for (const int fd : idle) close(fd);
}

TEST_F(HintServerTest, BadOptionsAreSaid) {
  struct Case {
    void (*change)(HintOptions&);
    std::string want;
  };
  const Case kCases[] = {
      {[](HintOptions& o) { o.address = "localhost"; },
       "hints: 'localhost' is no IP address to listen on"},
      {[](HintOptions& o) { o.port = 70'000; }, "hints: no port 70000"},
      {[](HintOptions& o) { o.password.clear(); }, "hints: a user and a password are needed"},
      {[](HintOptions& o) { o.key_pem = "k"; },
       "hints: a certificate needs its key, and a key its certificate"},
      {[](HintOptions& o) { o.address = "0.0.0.0"; },
       "hints: without a certificate the password would cross the network in the clear; give "
       "certificate_file and key_file, or listen on 127.0.0.1"},
  };
  for (const Case& c : kCases) {
    HintOptions options = Options();
    c.change(options);
    EXPECT_EQ(HintServer::Start(options).status(), absl::InvalidArgumentError(c.want));
  }
  HintOptions options = Options();
  options.certificate_file = dir.File("none");
  options.key_pem = "k";
  EXPECT_TRUE(absl::IsInvalidArgument(HintServer::Start(options).status()));
}

TEST_F(HintServerTest, ATakenPortIsSaid) {
  Start(Options());
  HintOptions options = Options();
  options.port = server->port();
  EXPECT_TRUE(absl::IsUnavailable(HintServer::Start(options).status()));
}

}  // namespace
}  // namespace muster::bridge
