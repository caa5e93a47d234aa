#include "bridge/adapters/ws1/ws1_client.h"

#include <gtest/gtest.h>

#include <deque>

#include "common/bridge_limits.h"
#include "tests/bridge/adapters/ws1/ws1_values.h"
#include "tests/support/now.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;

// Gives prepared answers in order and keeps what was asked.
class Script final : public HttpTransport {
 public:
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) override {
    requests.push_back(request);
    if (answers.empty()) return absl::FailedPreconditionError("the script is over");
    absl::StatusOr<HttpResponse> answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  std::vector<HttpRequest> requests;
  std::deque<absl::StatusOr<HttpResponse>> answers;
};

HttpResponse Token(const std::string& token, const std::string& expires = "3600") {
  return Answer(200, R"({"access_token":")" + token + R"(","expires_in":)" + expires +
                         R"(,"token_type":"Bearer"})");
}

struct Ws1ClientTest : testing::Test {
  Script script;
  FakeClock clock{kNow};
  Ws1Client client{TestOptions(), &script, &clock};

  UemAnswer Do(Kind kind = Kind::kQueryPhone) { return client.Do(Call(kind)); }
  std::string Bearer(size_t request) { return script.requests.at(request).headers.at(0).second; }
};

TEST_F(Ws1ClientTest, SignsInOnceAndSendsWhatTheUemWants) {
  script.answers = {Token("t1"), Answer(202), Answer(202)};
  EXPECT_TRUE(Do().status.ok());
  EXPECT_TRUE(Do(Kind::kInstallApp).status.ok());
  ASSERT_EQ(script.requests.size(), 3u);
  const HttpRequest& sign_in = script.requests[0];
  EXPECT_EQ(sign_in.method + " " + sign_in.url, "POST https://token.example/connect/token");
  EXPECT_EQ(sign_in.body,
            "grant_type=client_credentials&client_id=muster%20%26%20co&"
            "client_secret=s3cret%2B%2F%3D");
  const std::vector<std::pair<std::string, std::string>> form = {
      {"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
  EXPECT_EQ(sign_in.headers, form);
  const HttpRequest& call = script.requests[1];
  EXPECT_EQ(call.method + " " + call.url,
            "POST https://uem.example/api/mdm/devices/42/commands?command=DeviceQuery");
  const std::vector<std::pair<std::string, std::string>> plain = {
      {"Authorization", "Bearer t1"},
      {"aw-tenant-code", "tenant-code"},
      {"Accept", "application/json;version=1"}};
  EXPECT_EQ(call.headers, plain);
  EXPECT_EQ(script.requests[2].headers.back(),
            std::make_pair(std::string("Content-Type"), std::string("application/json")));
  EXPECT_EQ(script.requests[2].body, R"({"DeviceId":42})");
}

TEST_F(Ws1ClientTest, RenewsBeforeTheTokenEnds) {
  const std::pair<std::string, absl::Duration> kCases[] = {
      {"3600", absl::Seconds(3'300)},
      {R"("3600")", absl::Seconds(3'300)},
      {"null", absl::Seconds(3'300)},
      {"60", absl::Seconds(30)},
      {"99999999999", absl::Hours(24) - absl::Minutes(5)},
  };
  for (const auto& [expires, life] : kCases) {
    Script other;
    FakeClock now{kNow};
    Ws1Client fresh(TestOptions(), &other, &now);
    other.answers = {Token("t1", expires), Answer(202), Answer(202), Token("t2"), Answer(202)};
    fresh.Do(Call(Kind::kQueryPhone));
    now.Advance(life - absl::Seconds(1));
    fresh.Do(Call(Kind::kQueryPhone));
    EXPECT_EQ(other.requests.size(), 3u) << expires;
    now.Advance(absl::Seconds(1));
    fresh.Do(Call(Kind::kQueryPhone));
    ASSERT_EQ(other.requests.size(), 5u) << expires;
    EXPECT_EQ(other.requests[4].headers[0].second, "Bearer t2");
  }
}

TEST_F(Ws1ClientTest, OneNewTokenAndOneMoreAttemptAfter401) {
  script.answers = {Token("t1"), Answer(401), Token("t2"), Answer(202), Answer(202)};
  EXPECT_TRUE(Do().status.ok());
  EXPECT_TRUE(Do().status.ok());
  ASSERT_EQ(script.requests.size(), 5u);
  EXPECT_EQ(Bearer(3) + Bearer(4), "Bearer t2Bearer t2");
}

TEST_F(Ws1ClientTest, ASecond401IsTheEnd) {
  script.answers = {Token("t1"), Answer(401), Token("t2"), Answer(401), Token("t3"), Answer(202)};
  const UemAnswer got = Do();
  EXPECT_EQ(got.status, absl::UnauthenticatedError("the UEM answered 401 to query-phone"));
  EXPECT_FALSE(got.effect_unknown);
  EXPECT_EQ(script.requests.size(), 4u);
}

TEST_F(Ws1ClientTest, ASignInThatFailsSendsNoCall) {
  const std::tuple<absl::StatusOr<HttpResponse>, absl::StatusCode, std::string> kCases[] = {
      {Answer(400, R"({"error":"invalid_client","error_description":"s3cret+/= is wrong"})"),
       absl::StatusCode::kUnauthenticated,
       "signing in to the UEM: its token service answered 400: invalid_client; check the client "
       "id, its secret and the token URL"},
      {Answer(429), absl::StatusCode::kResourceExhausted,
       "signing in to the UEM: its token service answered 429"},
      {Answer(500, "s3cret+/="), absl::StatusCode::kUnavailable,
       "signing in to the UEM: its token service answered 500"},
      {Answer(200, "{}"), absl::StatusCode::kUnavailable,
       "signing in to the UEM: the answer holds no token"},
      {Token("a\\r\\nX: y"), absl::StatusCode::kUnavailable,
       "signing in to the UEM: the answer holds no token"},
      {absl::UnavailableError("token.example: time ran out"), absl::StatusCode::kUnavailable,
       "signing in to the UEM: token.example: time ran out"},
  };
  for (const auto& [answer, code, words] : kCases) {
    script.answers = {answer};
    script.requests.clear();
    const UemAnswer got = Do(Kind::kInstallApp);
    EXPECT_EQ(got.status, absl::Status(code, words));
    EXPECT_FALSE(got.effect_unknown);
    EXPECT_EQ(script.requests.size(), 1u);
  }
}

TEST_F(Ws1ClientTest, AThrottledSignInSaysUntilWhen) {
  HttpResponse throttled = Answer(429);
  throttled.headers = {{"Retry-After", "60"}};
  script.answers = {throttled};
  EXPECT_EQ(Do().limit.retry_at, kNow + absl::Minutes(1));
}

TEST_F(Ws1ClientTest, WhatIsNotAnsweredMayHaveHappened) {
  struct Case {
    Kind kind;
    absl::Status failure;
    bool effect_unknown;
  };
  const Case kCases[] = {
      {Kind::kInstallApp, absl::FailedPreconditionError("no connection"), false},
      {Kind::kInstallApp, absl::UnavailableError("cut"), true},
      {Kind::kInstallApp, absl::ResourceExhaustedError("too large"), true},
      {Kind::kListPhones, absl::UnavailableError("cut"), false},
  };
  script.answers = {Token("t1")};
  for (const Case& c : kCases) {
    script.answers.push_back(c.failure);
    const UemAnswer got = Do(c.kind);
    EXPECT_EQ(got.status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(got.effect_unknown, c.effect_unknown) << c.failure;
  }
}

TEST_F(Ws1ClientTest, WhatCannotBeAskedGoesNowhere) {
  UemCall call = Call(Kind::kGetAppGroup);
  call.group.id.clear();
  EXPECT_EQ(client.Do(call).status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(script.requests.empty());
}

TEST_F(Ws1ClientTest, AllItsExchangesFitIntoTheTimeOfACall) {
  script.answers = {Token("t1"), Answer(401), Token("t2"), Answer(202)};
  Do();
  absl::Duration all;
  for (const HttpRequest& request : script.requests) all += request.timeout;
  EXPECT_LE(all, limits::kUemCallTime);
}

TEST_F(Ws1ClientTest, HasANameForPeopleWithoutSecrets) {
  EXPECT_EQ(client.Name(), "workspace-one https://uem.example");
}

}  // namespace
}  // namespace muster::bridge
