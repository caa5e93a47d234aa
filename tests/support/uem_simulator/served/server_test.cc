// The simulator behind a real socket, asked by a real client.
#include "tests/support/uem_simulator/server.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "tests/support/uem_simulator/message.h"

namespace muster::uemsim {
namespace {

struct Fetched {
  CURLcode code = CURLE_OK;
  long status = 0;
  std::string headers, body;
};

size_t Append(char* data, size_t size, size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

// Takes one request on loopback. It waits for the bytes themselves, however slow the machine is.
class OneRequest {
 public:
  OneRequest() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
  }
  ~OneRequest() { close(listener_); }
  OneRequest(const OneRequest&) = delete;
  OneRequest& operator=(const OneRequest&) = delete;

  std::string url() const { return absl::StrCat("http://127.0.0.1:", port_); }
  // All of it, up to the end of its JSON object; what came until then, if nothing more comes.
  std::string Take() const {
    std::string out;
    if (!Readable(listener_)) return out;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    char buffer[4'096];
    while (!absl::EndsWith(out, "}") && Readable(fd)) {
      const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      out.append(buffer, static_cast<size_t>(n));
    }
    constexpr absl::string_view kAnswer = "HTTP/1.1 204 No Content\r\n\r\n";
    EXPECT_GT(send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL), 0);
    close(fd);
    return out;
  }

 private:
  static bool Readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, 60'000) > 0;
  }

  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
};

class Served : public ::testing::Test {
 protected:
  Served() {
    auto server = Server::New(ServerOptions(), &simulator_);
    EXPECT_TRUE(server.ok()) << server.status();
    if (server.ok()) server_ = *std::move(server);
  }

  Fetched Fetch(const std::string& path, const std::string& post = "",
                const std::string& type = "application/json") {
    Fetched out;
    std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    curl_slist* list = curl_slist_append(nullptr, absl::StrCat("Content-Type: ", type).c_str());
    for (const std::string& header : {absl::StrCat("Authorization: Bearer ", token_),
                                      std::string("aw-tenant-code: simulated-code"),
                                      std::string("Accept: application/json;version=1")}) {
      list = curl_slist_append(list, header.c_str());
    }
    const std::string url = Url(path);
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, 20'000L);
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, list);
    if (!post.empty()) curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, post.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Append);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &out.body);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, Append);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &out.headers);
    out.code = curl_easy_perform(curl.get());
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &out.status);
    curl_slist_free_all(list);
    return out;
  }
  std::string Url(const std::string& path) {
    return absl::StrCat("http://127.0.0.1:", server_->port(), path);
  }
  void SignIn() {
    const Fetched got = Fetch("/connect/token",
                              "grant_type=client_credentials&client_id=muster&client_secret="
                              "simulated-secret",
                              "application/x-www-form-urlencoded");
    token_ = Json::parse(got.body, nullptr, false).value("access_token", "");
    ASSERT_NE(token_, "") << got.body;
  }

  const SystemClock clock_;
  Simulator simulator_{{.latency = absl::Milliseconds(1)}, &clock_};
  std::unique_ptr<Server> server_;
  std::string token_;
};

TEST_F(Served, AnswersAndSaysWhatItIs) {
  EXPECT_EQ(Fetch("/api/mdm/devices/search").status, 401);
  SignIn();
  const std::string phone = simulator_.AddPhone({.user = "ada"});
  const Fetched got = Fetch("/api/mdm/devices/search");
  EXPECT_EQ(got.status, 200);
  EXPECT_TRUE(absl::StrContains(got.headers, "X-Muster-Simulator: yes")) << got.headers;
  EXPECT_EQ(Json::parse(got.body)["Devices"][0]["Uuid"], phone);
  EXPECT_EQ(Fetch("/api/mdm/smartgroups/search").status, 204);
}

TEST_F(Served, FaultsAreThoseOfTheWire) {
  SignIn();
  const std::pair<Fault, CURLcode> kCases[] = {{Fault::kLostBefore, CURLE_GOT_NOTHING},
                                               {Fault::kLostAfter, CURLE_GOT_NOTHING},
                                               {Fault::kTruncated, CURLE_PARTIAL_FILE},
                                               {Fault::kBrokenJson, CURLE_OK},
                                               {Fault::kNone, CURLE_OK}};
  for (const auto& [fault, code] : kCases) {
    if (fault != Fault::kNone) simulator_.FailNext(fault);
    EXPECT_EQ(Fetch("/api/mdm/devices/search").code, code) << FaultName(fault);
  }
}

TEST_F(Served, ControlPathsNeedNoToken) {
  const Fetched made = Fetch("/simulator/phones", R"({"user":"ada"})");
  EXPECT_EQ(made.status, 200) << made.body;
  const std::string uuid = Json::parse(made.body)["uuid"];
  EXPECT_EQ(Fetch(absl::StrCat("/simulator/phones/", uuid, "/install"), R"({"bundle_id":"com.x"})")
                .status,
            200);
  EXPECT_NE(simulator_.Phone(uuid)->Find("com.x"), nullptr);
  EXPECT_EQ(Fetch("/simulator/nothing").status, 404);
}

TEST_F(Served, EventsArePosted) {
  const OneRequest receiver;
  ASSERT_TRUE(simulator_
                  .LoadWorld(absl::StrCat(R"({"event_rules":[{"TargetName":"t","TargetUrl":")",
                                          receiver.url(), R"(/events","Format":"Json"}],)",
                                          R"("phones":[{}]})"))
                  .ok());
  const std::string got = receiver.Take();
  EXPECT_TRUE(absl::StartsWith(got, "POST /events HTTP/1.1\r\n")) << got;
  const size_t body = got.find("\r\n\r\n");
  ASSERT_NE(body, std::string::npos) << got;
  const Json event = Json::parse(got.substr(body + 4), nullptr, false);
  ASSERT_TRUE(event.is_object()) << got;
  EXPECT_EQ(event["DeviceUUID"], simulator_.Phones().front().uuid);
}

TEST(ServerOptionsTest, OnlyLoopback) {
  const SystemClock clock;
  Simulator simulator(SimOptions(), &clock);
  for (const char* address : {"0.0.0.0", "192.0.2.1", "somewhere"}) {
    EXPECT_EQ(Server::New({.address = address}, &simulator).status().code(),
              absl::StatusCode::kInvalidArgument)
        << address;
  }
  EXPECT_EQ(Server::New({.certificate_file = "/nonexistent"}, &simulator).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace muster::uemsim
