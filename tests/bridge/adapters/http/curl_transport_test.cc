#include "bridge/adapters/http/curl_transport.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "tests/bridge/adapters/http/raw_server.h"

namespace muster::bridge {
namespace {

constexpr char kOk[] =
    "HTTP/1.1 200 OK\r\nX-RateLimit-Remaining:  7 \r\nContent-Length: 2\r\n\r\nhi";

HttpRequest To(const RawServer& server, const std::string& method = "GET") {
  HttpRequest request;
  request.method = method;
  request.url = server.url() + "/a?b=c";
  return request;
}

TEST(CurlTransport, SendsEachMethodWithItsHeadersAndBody) {
  const auto transport = NewCurlTransport({});
  for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    RawServer server(kOk);
    HttpRequest request = To(server, method);
    request.headers = {{"Accept", "application/json;version=2"}};
    const bool body = request.method != "GET";
    if (body) request.body = R"({"a":1})";
    const auto response = transport->Send(request);
    ASSERT_TRUE(response.ok()) << method << response.status();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "hi");
    const std::vector<std::pair<std::string, std::string>> headers = {
        {"X-RateLimit-Remaining", "7"}, {"Content-Length", "2"}};
    EXPECT_EQ(response->headers, headers);
    ASSERT_EQ(server.requests().size(), 1u);
    const std::string want =
        absl::StrCat(method, " /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:", server.port(),
                     "\r\nAccept: application/json;version=2\r\n",
                     body ? "Content-Length: 7\r\nContent-Type: "
                            "application/x-www-form-urlencoded\r\n\r\n{\"a\":1}"
                          : "\r\n");
    EXPECT_EQ(server.requests()[0], want);
  }
}

TEST(CurlTransport, APostWithoutABodySaysSo) {
  RawServer server("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
  const auto response = NewCurlTransport({})->Send(To(server, "POST"));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 202);
  EXPECT_NE(server.requests()[0].find("Content-Length: 0\r\n"), std::string::npos);
}

TEST(CurlTransport, OnlyReadingReusesAConnection) {
  const auto transport = NewCurlTransport({});
  RawServer server(kOk);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(transport->Send(To(server)).ok());
  EXPECT_EQ(server.connections(), 1);
  ASSERT_TRUE(transport->Send(To(server, "POST")).ok());
  ASSERT_TRUE(transport->Send(To(server, "POST")).ok());
  EXPECT_EQ(server.connections(), 3);
}

TEST(CurlTransport, ARedirectIsAnAnswerAndNotFollowed) {
  RawServer server("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
  const auto response = NewCurlTransport({})->Send(To(server));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(CurlTransport, WithoutAConnectionNothingWasSent) {
  HttpRequest request;
  {
    RawServer gone(kOk);
    request = To(gone);
  }
  const auto response = NewCurlTransport({})->Send(request);
  EXPECT_EQ(response.status(), absl::FailedPreconditionError(
                                   "127.0.0.1: Couldn't connect to server (nothing was sent)"));
  request.url = "ftp://127.0.0.1/";
  EXPECT_TRUE(absl::IsFailedPrecondition(NewCurlTransport({})->Send(request).status()));
  request.url = "";
  EXPECT_TRUE(absl::IsFailedPrecondition(NewCurlTransport({})->Send(request).status()));
}

TEST(CurlTransport, AConnectionThatBreaksAfterTheRequestIsUnavailableAndTriedOnce) {
  for (const char* method : {"GET", "POST"}) {
    RawServer server("");
    EXPECT_EQ(NewCurlTransport({})->Send(To(server, method)).status(),
              absl::UnavailableError("127.0.0.1: Server returned nothing (no headers, no data)"));
    EXPECT_EQ(server.requests().size(), 1u);
  }
  RawServer half("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nhi");
  HttpRequest request = To(half);
  request.timeout = absl::Milliseconds(300);
  EXPECT_TRUE(absl::IsUnavailable(NewCurlTransport({})->Send(request).status()));
}

TEST(CurlTransport, TimeRunsOut) {
  RawServer server(kOk, /*hang=*/true);
  HttpRequest request = To(server, "POST");
  request.timeout = absl::Milliseconds(200);
  EXPECT_EQ(NewCurlTransport({})->Send(request).status(),
            absl::UnavailableError("127.0.0.1: Timeout was reached"));
}

TEST(CurlTransport, AnAnswerThatIsTooLargeIsGivenUp) {
  const std::string body(limits::kMaxUemAnswerBytes + 1, 'x');
  RawServer server(
      absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  EXPECT_EQ(NewCurlTransport({})->Send(To(server)).status(),
            absl::ResourceExhaustedError("127.0.0.1: the answer is larger than 16777216 bytes"));
  std::string headers;
  for (int i = 0; i < 300; ++i) absl::StrAppend(&headers, "X-", i, ": y\r\n");
  RawServer talker(absl::StrCat("HTTP/1.1 200 OK\r\n", headers, "Content-Length: 0\r\n\r\n"));
  EXPECT_TRUE(absl::IsResourceExhausted(NewCurlTransport({})->Send(To(talker)).status()));
}

TEST(CurlTransport, AHeaderStaysOneLine) {
  RawServer server(kOk);
  HttpRequest request = To(server);
  request.headers = {{"A", "b\r\nX: y"}};
  EXPECT_TRUE(absl::IsFailedPrecondition(NewCurlTransport({})->Send(request).status()));
  EXPECT_TRUE(server.requests().empty());
}

TEST(CurlTransport, ErrorsHoldNothingOfTheUrlButItsHost) {
  HttpRequest request;
  {
    RawServer gone(kOk);
    request = To(gone);
    request.url = absl::StrCat("http://user:secret@127.0.0.1:", gone.port(), "/path?token=x");
  }
  EXPECT_EQ(NewCurlTransport({})->Send(request).status().message(),
            "127.0.0.1: Couldn't connect to server (nothing was sent)");
}

}  // namespace
}  // namespace muster::bridge
