// Limits, faults and events, on a fake clock.
#include <gtest/gtest.h>

#include <map>

#include "common/clock.h"
#include "tests/support/uem_simulator/test_client.h"

namespace muster::uemsim {
namespace {

constexpr char kSearch[] = "/api/mdm/devices/search";

TEST(Limits, APerMinuteThrottle) {
  FakeClock clock(TestStart());
  Simulator simulator(
      {.per_minute = 3, .headers = LimitHeaders::kMinute, .retry_after = absl::Seconds(7)}, &clock);
  TestClient client(&simulator);
  for (int i = 1; i <= 3; ++i) {
    const Got got = client.Get(kSearch);
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.Header("X-RateLimit-Limit"), "3");
    EXPECT_EQ(got.Header("X-RateLimit-Remaining"), absl::StrCat(3 - i));
    EXPECT_EQ(got.Header("X-RateLimit-Reset"), "1800000060");
  }
  const Got refused = client.Get(kSearch);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.Header("Retry-After"), "7");
  clock.Advance(absl::Seconds(59));
  EXPECT_EQ(client.Get(kSearch).status, 429);
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(client.Get(kSearch).status, 200);
}

TEST(Limits, ADailyQuotaBesideIt) {
  FakeClock clock(TestStart());
  Simulator simulator({.per_minute = 2, .per_day = 3}, &clock);
  TestClient client(&simulator);
  EXPECT_EQ(client.Get(kSearch).Header("X-RateLimit-Remaining"), "2");
  EXPECT_EQ(client.Get(kSearch).Header("X-RateLimit-Remaining"), "1");
  const Got throttled = client.Get(kSearch);
  EXPECT_EQ(throttled.status, 429);
  EXPECT_EQ(throttled.Header("X-RateLimit-Remaining"), "1");  // the headers speak of the day
  EXPECT_EQ(throttled.Header("Retry-After"), "");
  clock.Advance(absl::Minutes(1));
  EXPECT_EQ(client.Get(kSearch).status, 200);
  EXPECT_EQ(client.Get(kSearch).status, 429);
  clock.Advance(absl::Hours(24) - absl::Minutes(1));
  client.SignIn();
  EXPECT_EQ(client.Get(kSearch).status, 200);
}

class Faults : public ::testing::Test {
 protected:
  Faults() : simulator_(SimOptions(), &clock_), client_(&simulator_) {
    phone_ = simulator_.AddPhone({});
    command_ = absl::StrCat("/api/mdm/devices/", simulator_.Phone(phone_)->number,
                            "/commands?command=DeviceQuery");
  }
  FakeClock clock_{TestStart()};
  Simulator simulator_;
  TestClient client_;
  std::string phone_, command_;
};

TEST_F(Faults, EachWithOrWithoutItsEffect) {
  const struct {
    Fault fault;
    int status;
    bool effect;
  } kCases[] = {
      {Fault::kNone, 202, true},         {Fault::kLostBefore, 0, false},
      {Fault::kLostAfter, 0, true},      {Fault::kErrorWithEffect, 500, true},
      {Fault::kUnavailable, 503, false}, {Fault::kBrokenJson, 202, true},
      {Fault::kTruncated, 202, true},    {Fault::kThrottleStorm, 429, false},
  };
  for (const auto& each : kCases) {
    if (each.fault != Fault::kNone) simulator_.FailNext(each.fault, 1, "DeviceQuery");
    EXPECT_EQ(client_.Call("POST", command_).status, each.status) << FaultName(each.fault);
    const CallRecord record = simulator_.Calls().back();
    EXPECT_EQ(record.effect, each.effect ? absl::StrCat("query ", phone_) : "")
        << FaultName(each.fault);
    EXPECT_EQ(record.fault, each.fault);
    EXPECT_EQ(record.status, each.status);
    EXPECT_FALSE(record.redundant) << FaultName(each.fault);
    clock_.Advance(absl::Minutes(1));  // past the storm, and the query is answered
  }
}

TEST_F(Faults, BrokenAndTruncatedAnswersAreNoJson) {
  for (const Fault fault : {Fault::kBrokenJson, Fault::kTruncated}) {
    simulator_.FailNext(fault);
    const Got got = client_.Get(kSearch);
    EXPECT_EQ(got.status, 200);
    EXPECT_TRUE(got.json.is_discarded()) << FaultName(fault);
    EXPECT_FALSE(client_.Get(kSearch).json.is_discarded());
  }
}

TEST_F(Faults, AStormLasts) {
  simulator_.FailNext(Fault::kThrottleStorm);
  EXPECT_EQ(client_.Get(kSearch).status, 429);
  clock_.Advance(absl::Seconds(29));
  EXPECT_EQ(client_.Get(kSearch).status, 429);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(client_.Get(kSearch).status, 200);
}

TEST_F(Faults, LatencyIsToldToTheDriver) {
  simulator_.TakeLatency();
  client_.Get(kSearch);
  const absl::Duration usual = simulator_.TakeLatency();
  EXPECT_GE(usual, absl::Milliseconds(75));
  EXPECT_LT(usual, absl::Milliseconds(225));
  EXPECT_EQ(simulator_.TakeLatency(), absl::ZeroDuration());
  int unanswered = 0;
  for (int i = 0; i < 100; ++i) {
    simulator_.FailNext(Fault::kSlow);
    unanswered += client_.Get(kSearch).status == 0 ? 1 : 0;
    EXPECT_GE(simulator_.TakeLatency(), absl::Seconds(1));
  }
  EXPECT_GT(unanswered, 10);  // slower than any caller waits
  EXPECT_LT(unanswered, 60);
}

TEST(FaultRates, AreOfAThousandAndTheSameForASeed) {
  const auto run = [](uint64_t seed) {
    FakeClock clock(TestStart());
    SimOptions options = {.seed = seed};
    options.faults = {.lost_after = 100, .unavailable = 50};
    Simulator simulator(options, &clock);
    TestClient client(&simulator);
    while (client.token_.empty()) client.SignIn();
    std::vector<Fault> out;
    for (int i = 0; i < 4000; ++i) client.Get(kSearch);
    for (const CallRecord& call : simulator.Calls()) out.push_back(call.fault);
    return out;
  };
  const std::vector<Fault> once = run(3);
  EXPECT_EQ(once, run(3));
  EXPECT_NE(once, run(4));
  std::map<Fault, int> count;
  for (const Fault fault : once) ++count[fault];
  EXPECT_EQ(count.size(), 3u);
  EXPECT_NEAR(count[Fault::kLostAfter], 400, 80);
  EXPECT_NEAR(count[Fault::kUnavailable], 200, 60);
}

Json Rule() {
  return {{"TargetName", "bridge"}, {"TargetUrl", "https://bridge.example/hints"},
          {"Username", "u"},        {"Password", "p"},
          {"Format", "Json"},       {"IsActive", true}};
}

TEST(Events, AreMadeByRuleWithItsCredentials) {
  FakeClock clock(TestStart() + absl::Nanoseconds(123456789));
  Simulator simulator(SimOptions(), &clock);
  TestClient client(&simulator);
  simulator.AddPhone({});
  EXPECT_TRUE(simulator.TakeEvents().empty());
  const std::string uuid =
      client.Call("POST", "/api/system/eventnotifications", Rule(), 2).json["uuid"];
  const Json shown = client.Get("/api/system/eventnotifications/" + uuid, 2).json;
  EXPECT_EQ(shown["TargetUrl"], "https://bridge.example/hints");
  EXPECT_FALSE(shown.contains("Password"));
  const std::string phone = simulator.AddPhone({.user = "ada"});
  ASSERT_TRUE(simulator.Unenroll(phone).ok());
  const std::vector<SimEvent> events = simulator.TakeEvents();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].username + events[0].password, "up");
  const Json first = Json::parse(events[0].body), second = Json::parse(events[1].body);
  EXPECT_EQ(first["EventType"], "MDM Enrollment Complete");
  EXPECT_EQ(second["EventType"], "Break MDM Confirmed");
  EXPECT_EQ(second["DeviceUUID"], phone);
  EXPECT_EQ(second["EnrollmentUserName"], "ada");
  EXPECT_EQ(first["EventTime"], "2027-01-15T08:00:00.123456Z");
  EXPECT_EQ(second["EventTime"], "2027-01-15T08:00:00.1234567Z");
  EXPECT_EQ(client.Call("DELETE", "/api/system/eventnotifications/" + uuid, nullptr, 2).status,
            200);
  simulator.AddPhone({});
  EXPECT_TRUE(simulator.TakeEvents().empty());
}

TEST(Events, AreLostDoubledAndLate) {
  FakeClock clock(TestStart());
  Simulator simulator({.events = {.dropped = 200, .doubled = 200, .delayed = 200}}, &clock);
  TestClient client(&simulator);
  ASSERT_EQ(client.Call("POST", "/api/system/eventnotifications", Rule(), 2).status, 200);
  std::map<int, int> times;
  int late = 0, before = 0;
  for (int i = 0; i < 100; ++i) {
    for (int j = 0; j < 5; ++j) simulator.AddPhone({});
    for (const SimEvent& event : simulator.TakeEvents()) {
      const int id = Json::parse(event.body)["EventId"];
      ++times[id];
      late += id < before ? 1 : 0;
      before = id;
    }
  }
  int doubled = 0;
  for (const auto& [id, count] : times) doubled += count > 1 ? 1 : 0;
  EXPECT_NEAR(static_cast<int>(times.size()), 400, 40);  // a fifth never came
  EXPECT_NEAR(doubled, 80, 40);
  EXPECT_GT(late, 30);
}

TEST(Control, IsNoPartOfTheInterface) {
  FakeClock clock(TestStart());
  Simulator simulator(SimOptions(), &clock);
  const auto control = [&](const char* method, const std::string& path, const Json& body) {
    bridge::HttpRequest request;
    request.method = method;
    request.url = "/simulator/" + path;
    if (!body.is_null()) request.body = body.dump();
    return TestClient::Take(simulator.Control(request));
  };
  const std::string phone =
      control("POST", "phones", {{"user", "ada"}, {"management", "UNSUPERVISED"}}).json["uuid"];
  EXPECT_EQ(control("POST", "phones/" + phone + "/install", {{"bundle_id", "com.x"}}).status, 200);
  EXPECT_EQ(control("POST", "phones/" + phone + "/online", {{"online", false}}).status, 200);
  const Json truth = control("GET", "phones/" + phone, nullptr).json;
  EXPECT_EQ(truth["user"], "ada");
  EXPECT_EQ(truth["online"], false);
  EXPECT_EQ(truth["apps"][0]["bundle_id"], "com.x");
  const struct {
    const char *method, *path;
    Json body;
    int status;
  } kWrong[] = {
      {"POST", "phones", {{"management", "SOMEHOW"}}, 400},
      {"POST", "phones", {{"platform", "WINDOWS"}}, 400},
      {"POST", "phones", nullptr, 400},
      {"POST", "phones/none/install", {{"bundle_id", "com.x"}}, 404},
      {"POST", "faults", {{"fault", "flood"}}, 400},
      {"GET", "phones/none", nullptr, 404},
      {"PUT", "phones", nullptr, 404},
  };
  for (const auto& each : kWrong) {
    EXPECT_EQ(control(each.method, each.path, each.body).status, each.status) << each.path;
  }
  EXPECT_EQ(simulator.LoadWorld(R"({"phones":[{"user":"bob","apps":["com.y"]}],"users":["eve"]})"),
            absl::OkStatus());
  EXPECT_EQ(simulator.Phones().size(), 2u);
  EXPECT_EQ(simulator.LoadWorld(R"({"fones":[{}]})").code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace muster::uemsim
