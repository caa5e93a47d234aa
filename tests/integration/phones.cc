#include "tests/integration/phones.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bridge/adapters/http/curl_transport.h"

namespace muster {
namespace {

constexpr char kListening[] = "listening on ";

std::string World() {
  const auto phone = [](const char* uuid, const std::string& user, const char* management,
                        const Json& apps) {
    return Json({{"uuid", uuid}, {"user", user}, {"management", management}, {"apps", apps}});
  };
  const Json has = Json::array({kIosWhatsApp}), has_none = Json::array();
  const Json app = {{"id", 101}, {"bundle_id", kIosWhatsApp}, {"name", "WhatsApp"}};
  const Json group = {{"uuid", kUemGroup}, {"name", "app-whatsapp"}};
  return Json({{"managed_apps", Json::array({app})},
               {"users", Json::array({kAlice, kBob, CrewUpn(1)})},
               {"user_groups", Json::array({group})},
               {"phones", Json::array({phone(kAlicesPhone, kAlice, "SUPERVISED", has),
                                       phone(kBobsPhone, kBob, "UNSUPERVISED", has),
                                       phone(kCrewsPhone, CrewUpn(1), "SUPERVISED", has_none)})}})
      .dump();
}

absl::StatusOr<bridge::HttpResponse> Send(bridge::HttpRequest request) {
  request.timeout = absl::Seconds(10);
  return bridge::NewCurlTransport({})->Send(request);
}

}  // namespace

TestUem::TestUem(const std::string& folder) : folder_(folder) {
  mkdir(folder.c_str(), 0700);
  for (const char* name : {"client-id", "client-secret", "tenant-code", "hints-password"}) {
    WriteWhole(absl::StrCat(folder, "/", name), absl::StrCat("the-", name, "\n"), 0600);
  }
  WriteWhole(folder + "/world.json", World());
  auto started = Program::Start(
      {ProgramPath("muster-uem-simulator"), "--world", folder + "/world.json", "--client-id-file",
       folder + "/client-id", "--client-secret-file", folder + "/client-secret",
       "--tenant-code-file", folder + "/tenant-code", "--push-ms", "200", "--check-in-seconds", "1",
       "--sync-ms", "100", "--install-ms", "100"},
      log());
  EXPECT_TRUE(started.ok()) << started.status();
  if (!started.ok()) return;
  program_ = *std::move(started);
  EXPECT_TRUE(WaitUntil(absl::Seconds(150), [&] {
    const std::string said = ReadWhole(log());
    const size_t at = said.find(kListening);
    const size_t end = said.find('\n', at);
    if (at == std::string::npos || end == std::string::npos) return false;
    url_ = said.substr(at + sizeof(kListening) - 1, end - at - sizeof(kListening) + 1);
    return true;
  })) << ReadWhole(log());
}

Json TestUem::Call(const std::string& method, const std::string& path, const std::string& body) {
  const auto answer = Send({.method = method,
                            .url = absl::StrCat(url_, "/simulator/", path),
                            .headers = {{"Content-Type", "application/json"}},
                            .body = body});
  EXPECT_TRUE(answer.ok()) << path << ": " << answer.status();
  if (!answer.ok()) return {};
  EXPECT_EQ(answer->status, 200) << path << ": " << answer->body;
  return Json::parse(answer->body, nullptr, false);
}

std::string TestUem::WhatsAppOn(const std::string& phone) {
  const Json truth = Get("phones/" + phone);
  for (const Json& app : truth.at("apps")) {
    if (app.value("bundle_id", "") != kIosWhatsApp) continue;
    return absl::StrCat(app.value("managed", false) ? "managed" : "by-person",
                        app.value("hidden", false) ? " hidden" : "");
  }
  return "absent";
}

size_t TestUem::CallsTo(const std::string& path_end) {
  size_t out = 0;
  for (const Json& call : Get("calls")) out += absl::EndsWith(call.value("target", ""), path_end);
  return out;
}

TestBridge::TestBridge(TestTenant* tenant, TestUem* uem, const std::string& folder)
    : tenant_(tenant), uem_(uem), folder_(folder), hint_port_(FreePort()) {
  mkdir(folder.c_str(), 0700);
  WriteConfig(absl::StrCat("uem:\n", UemLines(), AppLines()));
}

std::string TestBridge::UemLines() const {
  return absl::StrCat("  kind: workspace-one\n  url: ", uem_->url(), "\n  token_url: ", uem_->url(),
                      "/connect/token\n  client_id_file: ", uem_->folder(),
                      "/client-id\n  client_secret_file: ", uem_->folder(),
                      "/client-secret\n  tenant_code_file: ", uem_->folder(),
                      "/tenant-code\n  organization_group: 570\n  per_minute: 6000\n");
}

std::string TestBridge::AppLines() const {
  return absl::StrCat("list_every: 5s\napps:\n  - app: whatsapp\n    ios: {kind: public, id: 101, ",
                      "bundle: ", kIosWhatsApp, "}\n    user_group: ", kUemGroup,
                      "\nhints:\n  listen: 127.0.0.1:", hint_port_,
                      "\n  user: uem\n  password_file: ", uem_->folder(), "/hints-password\n");
}

void TestBridge::WriteConfig(const std::string& text) { WriteWhole(config(), text, 0600); }

std::string TestBridge::NewToken() {
  const std::string file = folder_ + "/token";
  RunCommand({"rm", "-f", file});
  tenant_->Get(kAdmin, {"device", "token", "--bridge", "--owner", "admin@mdm.test", "--out", file});
  return file;
}

CommandResult TestBridge::Enroll(const std::string& token_file,
                                 const std::vector<std::string>& more) {
  std::vector<std::string> argv = {ProgramPath("muster-bridge"),
                                   "enroll",
                                   "--controller",
                                   tenant_->server(),
                                   "--ca",
                                   tenant_->ca(),
                                   "--token-file",
                                   token_file,
                                   "--state",
                                   state()};
  argv.insert(argv.end(), more.begin(), more.end());
  return RunCommand(argv);
}

CommandResult TestBridge::RunToEnd() {
  return RunCommand(
      {ProgramPath("muster-bridge"), "run", "--state", state(), "--config", config()});
}

CommandResult TestBridge::Status(const std::vector<std::string>& more) {
  std::vector<std::string> argv = {ProgramPath("muster-bridge"), "status", "--state", state()};
  argv.insert(argv.end(), more.begin(), more.end());
  return RunCommand(argv);
}

Json TestBridge::StatusJson() {
  const CommandResult said = Status({"-o", "json"});
  EXPECT_EQ(said.exit_code, 0) << said;
  return Json::parse(said.out, nullptr, false);
}

void TestBridge::Start() {
  auto started = Program::Start(
      {ProgramPath("muster-bridge"), "run", "--state", state(), "--config", config()}, log());
  ASSERT_TRUE(started.ok()) << started.status();
  program_ = *std::move(started);
}

bool TestBridge::Hint(const std::string& phone) {
  const auto answer =
      Send({.method = "POST",
            .url = absl::StrCat("http://127.0.0.1:", hint_port_, "/"),
            .headers = {{"Content-Type", "application/json"},
                        {"Authorization", "Basic " + absl::Base64Escape("uem:the-hints-password")}},
            .body = Json({{"DeviceUUID", phone}}).dump()});
  return answer.ok() && answer->status / 100 == 2;
}

}  // namespace muster
