// A signed-in caller of a simulator, for tests.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/support/uem_simulator/message.h"
#include "tests/support/uem_simulator/simulator.h"

namespace muster::uemsim {

inline absl::Time TestStart() { return absl::FromUnixSeconds(1'800'000'000); }

// What came back, in short. `status` 0: no answer.
struct Got {
  int status = 0;
  Json json = {};
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};

  std::string Header(const std::string& name) const {
    for (const auto& [key, value] : headers) {
      if (Lower(key) == Lower(name)) return value;
    }
    return "";
  }
  int code() const { return json.is_object() ? json.value("errorCode", 0) : 0; }
};

class TestClient {
 public:
  explicit TestClient(Simulator* simulator, SimOptions options = {})
      : simulator_(simulator), options_(std::move(options)) {
    SignIn();
  }

  void SignIn() {
    bridge::HttpRequest request;
    request.method = "POST";
    request.url = "https://auth.example/connect/token";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = absl::StrCat("grant_type=client_credentials&client_id=", options_.client_id,
                                "&client_secret=", options_.client_secret);
    token_ = Take(simulator_->Send(request)).json.value("access_token", "");
  }

  Got Call(const std::string& method, const std::string& target, const Json& body = nullptr,
           int version = 1) {
    bridge::HttpRequest request;
    request.method = method;
    request.url = absl::StrCat("https://uem.example", target);
    request.headers = {{"Authorization", absl::StrCat("Bearer ", token_)},
                       {"aw-tenant-code", options_.tenant_code}};
    if (version != 0) {
      request.headers.push_back({"Accept", absl::StrCat("application/json;version=", version)});
    }
    if (!body.is_null()) request.body = body.dump();
    return Take(simulator_->Send(request));
  }
  Got Get(const std::string& target, int version = 1) {
    return Call("GET", target, nullptr, version);
  }

  static Got Take(const absl::StatusOr<bridge::HttpResponse>& response) {
    if (!response.ok()) return {};
    return {.status = response->status,
            .json = Json::parse(response->body, nullptr, false),
            .body = response->body,
            .headers = response->headers};
  }

  std::string token_;

 private:
  Simulator* const simulator_;
  const SimOptions options_;
};

// A restrictions profile as a bridge would send it.
inline std::string TestProfile(const std::string& blocked, const std::string& id = "org.muster") {
  return absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST "
      "1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">"
      "<dict><key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key>"
      "<integer>1</integer><key>PayloadIdentifier</key><string>",
      id,
      "</string><key>PayloadUUID</key><string>u</string><key>PayloadRemovalDisallowed</key><true/>"
      "<key>PayloadContent</key><array><dict><key>PayloadType</key>"
      "<string>com.apple.applicationaccess</string><key>blockedAppBundleIDs</key><array><string>",
      blocked, "</string></array></dict></array></dict></plist>\n");
}

inline Json ProfileCommand(const std::string& profile) {
  return {{"CommandXml", absl::StrCat("<dict><key>RequestType</key><string>InstallProfile</string>"
                                      "<key>Payload</key><data>",
                                      absl::Base64Escape(profile), "</data></dict>")}};
}

}  // namespace muster::uemsim
