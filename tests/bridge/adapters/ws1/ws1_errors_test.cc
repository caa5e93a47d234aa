#include "bridge/adapters/ws1/ws1_errors.h"

#include <gtest/gtest.h>

#include "bridge/adapters/ws1/ws1_answer.h"
#include "tests/bridge/adapters/ws1/ws1_values.h"
#include "tests/support/now.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;
using Code = absl::StatusCode;

std::string ErrorOf(int code, const std::string& message = "no") {
  return R"({"errorCode":)" + std::to_string(code) + R"(,"message":")" + message +
         R"(","activityId":"act"})";
}

struct Case {
  Kind kind;
  int status;
  std::string body;
  Code want;
  bool effect_unknown = false;
};

TEST(Ws1Errors, MeanWhatTheBridgeCanDoAboutThem) {
  const Case kCases[] = {
      {Kind::kListPhones, 400, ErrorOf(400), Code::kInvalidArgument},
      {Kind::kListPhones, 401, ErrorOf(401), Code::kUnauthenticated},
      {Kind::kListPhones, 403, ErrorOf(403), Code::kPermissionDenied},
      {Kind::kGetPhone, 404, ErrorOf(404), Code::kNotFound},
      {Kind::kGetPhone, 400, ErrorOf(5061), Code::kNotFound},
      {Kind::kGetAppGroup, 400, ErrorOf(17), Code::kNotFound},
      {Kind::kListPhones, 422, ErrorOf(422), Code::kInvalidArgument},
      {Kind::kInstallApp, 409, ErrorOf(409), Code::kFailedPrecondition},
      {Kind::kListPhones, 429, "", Code::kResourceExhausted},
      {Kind::kInstallApp, 429, "", Code::kResourceExhausted},
      {Kind::kListPhones, 503, "", Code::kResourceExhausted},
      {Kind::kInstallApp, 503, "", Code::kResourceExhausted, true},
      {Kind::kListPhones, 500, ErrorOf(500), Code::kUnavailable},
      {Kind::kInstallApp, 500, ErrorOf(500), Code::kUnavailable, true},
      {Kind::kInstallApp, 502, "<html>", Code::kUnavailable, true},
      {Kind::kInstallApp, 408, "", Code::kUnavailable, true},
      {Kind::kInstallApp, 302, "", Code::kUnavailable, false},
      {Kind::kInstallApp, 0, "", Code::kUnavailable, true},
      // A purchased app that is not assigned to the phone.
      {Kind::kInstallApp, 500, ErrorOf(20), Code::kFailedPrecondition},
      // It cannot be removed; or this account may not.
      {Kind::kRemoveApp, 403, ErrorOf(403), Code::kFailedPrecondition},
      {Kind::kRemoveApp, 403, ErrorOf(11), Code::kFailedPrecondition},
      {Kind::kRemoveApp, 403, ErrorOf(5143), Code::kPermissionDenied},
      {Kind::kRemoveApp, 403, ErrorOf(6078), Code::kPermissionDenied},
      {Kind::kChangeSmartGroup, 403, ErrorOf(403), Code::kFailedPrecondition},
      {Kind::kChangeSmartGroup, 400, ErrorOf(6), Code::kInvalidArgument},
      // So already.
      {Kind::kAssignApp, 400, ErrorOf(400), Code::kOk},
      {Kind::kAssignApp, 400, "", Code::kOk},
      {Kind::kAssignApp, 400, ErrorOf(9, "no such app"), Code::kInvalidArgument},
      {Kind::kAssignApp, 400, ErrorOf(400, "No such group"), Code::kInvalidArgument},
      {Kind::kGetSmartGroup, 400, ErrorOf(400), Code::kNotFound},
      {Kind::kAddToAppGroup, 400, ErrorOf(400, "Already there"), Code::kOk},
      {Kind::kAddToAppGroup, 400, ErrorOf(400, "group does not exist"), Code::kInvalidArgument},
      {Kind::kSyncUserGroup, 412, ErrorOf(200032), Code::kOk},
      {Kind::kSyncUserGroup, 412, ErrorOf(412), Code::kFailedPrecondition},
      {Kind::kAddMissingUsers, 412, ErrorOf(200032), Code::kOk},
      {Kind::kSyncUserGroup, 500, ErrorOf(6307), Code::kUnavailable},
      {Kind::kSyncUserGroup, 403, ErrorOf(403), Code::kFailedPrecondition},
  };
  for (const Case& c : kCases) {
    const Ws1Outcome got = ReadWs1Error(Call(c.kind), Answer(c.status, c.body));
    EXPECT_EQ(got.status.code(), c.want) << CallName(c.kind) << c.status << c.body;
    EXPECT_EQ(got.effect_unknown, c.effect_unknown) << CallName(c.kind) << c.status << c.body;
  }
}

TEST(Ws1Errors, SayWhatTheUemSaidOnOneLine) {
  EXPECT_EQ(
      ReadWs1Error(Call(Kind::kRemoveApp), Answer(403, ErrorOf(11, "a\\nb"))).status.message(),
      "the app cannot be removed: the UEM answered 403, code 11 to remove-app: a b "
      "(activity act)");
  EXPECT_EQ(ReadWs1Error(Call(Kind::kListPhones), Answer(400, R"({"message":{"a":[1]}})"))
                .status.message(),
            R"(the UEM answered 400 to list-phones: {"a":[1]})");
  EXPECT_EQ(ReadWs1Error(Call(Kind::kListPhones), Answer(502, "<html>")).status.message(),
            "the UEM answered 502 to list-phones");
  const auto longest =
      ReadWs1Error(Call(Kind::kListPhones), Answer(400, ErrorOf(1, std::string(9'000, 'x'))));
  EXPECT_LT(longest.status.message().size(), 700u);
}

TEST(Ws1Errors, AnAppThatIsAbsentIsAnAnswer) {
  const UemAnswer got = ReadWs1Answer({}, Call(Kind::kGetApp), Answer(404, ErrorOf(5005)), kNow);
  EXPECT_TRUE(got.status.ok());
  ASSERT_EQ(got.apps.size(), 1u);
  EXPECT_EQ(got.apps[0].bundle_id, "net.whatsapp.WhatsApp");
  EXPECT_FALSE(got.apps[0].installed || got.apps[0].assigned);
  const UemAnswer other = ReadWs1Answer({}, Call(Kind::kGetApp), Answer(404, ErrorOf(404)), kNow);
  EXPECT_EQ(other.status.code(), Code::kNotFound);
  EXPECT_TRUE(other.apps.empty());
}

TEST(RateLimits, AreReadFromTheHeaders) {
  HttpResponse response = Answer(200);
  response.headers = {{"x-ratelimit-limit", "50000"},
                      {"X-RATELIMIT-REMAINING", "7"},
                      {"X-RateLimit-Reset", "1800000060"}};
  const RateLimit limit = ReadRateLimit(response, kNow);
  EXPECT_EQ(limit.limit, 50'000u);
  EXPECT_EQ(limit.remaining, 7u);
  EXPECT_EQ(limit.reset_at, kNow + absl::Seconds(60));
  EXPECT_FALSE(limit.retry_at.has_value());
}

TEST(RateLimits, WhatIsNoNumberIsNotThere) {
  HttpResponse response = Answer(200);
  response.headers = {{"X-RateLimit-Limit", "many"},
                      {"X-RateLimit-Remaining", "-1"},
                      {"X-RateLimit-Reset", "99999999999999999999"},
                      {"Retry-After", "soon"}};
  const RateLimit limit = ReadRateLimit(response, kNow);
  EXPECT_FALSE(limit.limit || limit.remaining || limit.reset_at || limit.retry_at);
  response.headers = {{"X-RateLimit-Reset", "1900000000"}};  // years ahead
  EXPECT_FALSE(ReadRateLimit(response, kNow).reset_at.has_value());
}

TEST(RateLimits, TheUemsOwnTimeIsItsDate) {
  const std::pair<std::string, std::optional<absl::Time>> kCases[] = {
      {"Fri, 15 Jan 2027 08:05:00 GMT", kNow + absl::Minutes(5)},
      {"Fri, 15 Jan 2027 07:55:00 GMT", kNow - absl::Minutes(5)},
      {"Fri, 15 Jan 2038 08:05:00 GMT", std::nullopt},
      {"soon", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [text, want] : kCases) {
    HttpResponse response = Answer(202);
    response.headers = {{"date", text}};
    EXPECT_EQ(ReadUemTime(response, kNow), want) << text;
  }
}

TEST(RateLimits, RetryAfterIsSecondsOrADate) {
  const std::pair<std::string, absl::Time> kCases[] = {
      {"120", kNow + absl::Minutes(2)},
      {" 0 ", kNow},
      {"Fri, 15 Jan 2027 08:05:00 GMT", kNow + absl::Minutes(5)},
      {"99999999999", kNow + absl::Hours(24)},
      {"Fri, 15 Jan 2038 08:05:00 GMT", kNow + absl::Hours(24)},
  };
  for (const auto& [text, want] : kCases) {
    HttpResponse response = Answer(429);
    response.headers = {{"retry-after", text}};
    EXPECT_EQ(ReadRateLimit(response, kNow).retry_at, want) << text;
  }
}

}  // namespace
}  // namespace muster::bridge
