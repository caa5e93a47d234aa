#include "controller/domain/messages.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace muster {

const std::vector<absl::string_view>& Topics() {
  static const auto& kTopics = *new std::vector<absl::string_view>{
      "request.submit",
      "request.approve-first",
      "request.approve",
      "request.deny",
      "request.cancel",
      "request.more-info",
      "request.answer",
      "request.duplicate",
      "request.escalate",
      "request.expire",
      "request.training",
      "request.member-seen",
      "request.provision-failed",
      "request.active",
      "grant.activate",
      "grant.break-glass",
      "grant.unsanctioned",
      "grant.adopt",
      "grant.training",
      "grant.recert-due",
      "grant.recert-reminder",
      "grant.recertify",
      "grant.lapse",
      "grant.suspend",
      "grant.resume",
      "grant.review-due",
      "grant.review",
      "grant.revoke",
      "grant.absent-from-group",
      "grant.still-in-group",
      "grant.revoked",
      "archive.due-soon",
      "archive.urgent",
      "archive.overdue",
      "archive.export-only",
      "archive.resumed",
      "archive.gap",
      "archive.loss",
      "archive.unknown",
      "archive.receipted",
      "trm.set",
      "trm.add",
      "trm.change",
      "trm.remove",
      "blocklist.add",
      "blocklist.remove",
  };
  return kTopics;
}

bool IsTopic(absl::string_view topic) {
  const auto& all = Topics();
  return std::find(all.begin(), all.end(), topic) != all.end();
}

bool TopicMatches(absl::string_view pattern, absl::string_view topic) {
  if (absl::ConsumeSuffix(&pattern, ".*")) {
    return absl::ConsumePrefix(&topic, pattern) && absl::StartsWith(topic, ".");
  }
  return pattern == topic;
}

const std::vector<absl::string_view>& MessageValues() {
  static const auto& kValues = *new std::vector<absl::string_view>{
      "app",   "person", "requester", "ticket", "request",        "grant",
      "state", "reason", "until",     "detail", "how_to_archive", "how_to_ask"};
  return kValues;
}

absl::StatusOr<std::string> FillMessage(absl::string_view text,
                                        const std::map<std::string, std::string>& values) {
  std::string out;
  while (true) {
    const size_t open = text.find("{{");
    absl::StrAppend(&out, text.substr(0, open));
    if (open == absl::string_view::npos) return out;
    text.remove_prefix(open + 2);
    const size_t close = text.find("}}");
    if (close == absl::string_view::npos) {
      return absl::InvalidArgumentError("'{{' is not closed by '}}'");
    }
    const std::string name(text.substr(0, close));
    const auto& known = MessageValues();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'{{", name, "}}' is no value; use one of ", absl::StrJoin(known, ", ")));
    }
    const auto value = values.find(name);
    const bool given = value != values.end() && !value->second.empty();
    out.append(given ? value->second : "-");
    text.remove_prefix(close + 2);
  }
}

}  // namespace muster
