// Whatever a policy file of a browser holds, a plan keeps the agency's entries, says the same a
// second time, and takes away what it brought.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agent/domain/browser_policy.h"

namespace {

using muster::agent::FirefoxPlan;
using muster::agent::PlanChromium;
using muster::agent::PlanFirefox;
using nlohmann::json;

void Require(bool holds) {
  if (!holds) abort();
}

void CheckFirefox(const std::string& text) {
  const std::vector<std::string> hosts = {"web.a.example", "b.example"};
  const FirefoxPlan plan = PlanFirefox(hosts, text, {});
  const json root = json::parse(plan.text, nullptr, false);
  Require(root.is_object());
  const json& block = root["policies"]["WebsiteFilter"]["Block"];
  Require(block.is_array());
  for (const std::string& host : hosts) {
    Require(std::find(block.begin(), block.end(), json("*://*." + host + "/*")) != block.end());
  }
  const FirefoxPlan again = PlanFirefox(hosts, plan.text, plan.ours);
  Require(again.text == plan.text && again.ours == plan.ours && !again.broken && !again.missing);
  const FirefoxPlan lifted = PlanFirefox({}, plan.text, plan.ours);
  Require(lifted.ours.empty() && !lifted.broken && !lifted.missing);
  if (!lifted.text.empty()) Require(json::parse(lifted.text, nullptr, false).is_object());
  if (plan.broken) {
    Require(lifted.text.empty());
    return;
  }
  // What is left is the agency's: taking nothing out of it changes nothing, to the byte.
  if (!lifted.text.empty()) Require(PlanFirefox({}, lifted.text, {}).text == lifted.text);
  Require(PlanFirefox({}, text, {}).text == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  CheckFirefox(text);
  const auto plan = PlanChromium({"web.a.example"}, {{"a.json", text}, {"zzz.json", text}});
  const json root = json::parse(plan.text, nullptr, false);
  Require(root.is_object() && root["URLBlocklist"].is_array());
  Require(root["URLBlocklist"][0] == "web.a.example");
  return 0;
}
