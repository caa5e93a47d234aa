#include "bridge/adapters/http/hint_event.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"

namespace muster::bridge {
namespace {

constexpr char kId[] = "0a1b2c3d-0000-4000-8000-00000000002a";

TEST(HintEvent, OnlyTheIdOfThePhoneIsTaken) {
  const std::string nested = absl::StrCat(R"({"a":)", std::string(50, '['), std::string(50, ']'),
                                          R"(,"DeviceUUID":")", kId, "\"}");
  const std::pair<std::string, std::string> kCases[] = {
      {absl::StrCat(R"({"DeviceUUID":")", kId, "\"}"), kId},
      {R"({"DeviceUuid":"0A1B2C3D-0000-4000-8000-00000000002A","EventType":7})", kId},
      {"", ""},
      {"null", ""},
      {"[]", ""},
      {absl::StrCat("[\"", kId, "\"]"), ""},
      {R"({"DeviceUUID":7})", ""},
      {R"({"DeviceUUID":""})", ""},
      {R"({"DeviceUUID":"0a1b2c3d-0000-4000-8000-00000000002"})", ""},
      {R"({"DeviceUUID":"0a1b2c3d-0000-4000-8000-00000000002/"})", ""},
      {R"({"DeviceId":42})", ""},
      {absl::StrCat(R"({"DeviceUUID":")", kId, "\""), ""},
      {nested, ""},
      {absl::StrCat(R"({"DeviceUUID":")", kId, "\"}", std::string(limits::kMaxHintBytes, ' ')), ""},
  };
  for (const auto& [body, want] : kCases) {
    EXPECT_EQ(UemIdOfEvent(body).value_or(""), want) << body.substr(0, 60);
  }
}

TEST(HintEvent, BasicAuthIsExact) {
  const auto basic = [](const std::string& pair) { return "Basic " + absl::Base64Escape(pair); };
  const std::pair<std::string, bool> kCases[] = {
      {basic("uem:secret"), true},
      {"basic dWVtOnNlY3JldA==", true},
      {basic("uem:secret2"), false},
      {basic("uem:secre"), false},
      {basic("UEM:secret"), false},
      {basic("uem"), false},
      {basic(""), false},
      {"", false},
      {"Basic ", false},
      {"Basic ???", false},
      {"Bearer dWVtOnNlY3JldA==", false},
  };
  for (const auto& [header, want] : kCases) {
    EXPECT_EQ(IsBasicAuth(header, "uem", "secret"), want) << header;
  }
}

}  // namespace
}  // namespace muster::bridge
