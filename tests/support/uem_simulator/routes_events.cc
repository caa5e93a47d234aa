// The rules by which events are posted.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/uem_simulator/routes.h"

namespace muster::uemsim {
namespace {

EventRule* RuleAt(World* world, const Call& call) {
  const auto it = world->rules.find(Lower(call.args[0]));
  return it == world->rules.end() ? nullptr : &it->second;
}

// A password is never given out again.
Json RuleJson(const EventRule& rule) {
  return {{"id", rule.number},       {"uuid", rule.uuid},         {"TargetName", rule.name},
          {"TargetUrl", rule.url},   {"Username", rule.username}, {"Format", rule.format},
          {"IsActive", rule.active}, {"organizationGroupId", 570}};
}

// Empty: done; else what is wrong.
std::string FillRule(const Call& call, EventRule* rule) {
  if (call.Text("TargetName").empty() || call.Text("TargetUrl").empty()) {
    return "TargetName and TargetUrl are needed";
  }
  const std::string format = call.Text("Format");
  if (!format.empty() && format != "Json" && format != "Xml") return "Format is Json or Xml";
  rule->name = call.Text("TargetName");
  rule->url = call.Text("TargetUrl");
  rule->username = call.Text("Username");
  rule->password = call.Text("Password");
  if (!format.empty()) rule->format = format;
  rule->active = call.json.value("IsActive", Json(true)) == Json(true);
  return "";
}

}  // namespace

Reply CreateEventRule(World* world, const Call& call) {
  EventRule rule = {.number = world->NextNumber(), .uuid = world->NewUuid("rule")};
  const std::string wrong = FillRule(call, &rule);
  if (!wrong.empty()) return Error(400, 0, wrong);
  Reply reply = Ok({{"id", rule.number}, {"uuid", rule.uuid}});
  reply.effect = absl::StrCat("create-event-rule '", rule.name, "'");
  world->rules[rule.uuid] = std::move(rule);
  return reply;
}

Reply SearchEventRules(World* world, const Call& call) {
  Json found = Json::array();
  for (const auto& [uuid, rule] : world->rules) {
    if (absl::StrContains(Lower(rule.name), Lower(call.Query("targetname")))) {
      found.push_back(RuleJson(rule));
    }
  }
  const size_t total = found.size();
  return Ok({{"EventNotifications", std::move(found)}, {"TotalResults", total}});
}

Reply GetEventRule(World* world, const Call& call) {
  const EventRule* rule = RuleAt(world, call);
  return rule == nullptr ? Error(404, 0, "no such rule") : Ok(RuleJson(*rule));
}

Reply PutEventRule(World* world, const Call& call) {
  EventRule* rule = RuleAt(world, call);
  if (rule == nullptr) return Error(404, 0, "no such rule");
  EventRule after = *rule;
  const std::string wrong = FillRule(call, &after);
  if (!wrong.empty()) return Error(400, 0, wrong);
  *rule = std::move(after);
  Reply reply = Empty(204);
  reply.effect = absl::StrCat("put-event-rule '", rule->name, "'");
  return reply;
}

Reply DeleteEventRule(World* world, const Call& call) {
  if (RuleAt(world, call) == nullptr) return Error(400, 0, "no such rule");
  world->rules.erase(Lower(call.args[0]));
  Reply reply = Empty(200);
  reply.effect = "delete-event-rule";
  return reply;
}

}  // namespace muster::uemsim
