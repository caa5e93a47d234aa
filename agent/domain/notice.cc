#include "agent/domain/notice.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/domain/plain_text.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxCodeBytes = 48;
constexpr size_t kMaxVersionBytes = 80;
constexpr char kTerminalPrefix[] = "muster-agent: ";

// The codes of Decide() that stop something, in words. Another code stands for itself.
absl::string_view WordsOf(absl::string_view code) {
  constexpr std::pair<absl::string_view, absl::string_view> kWords[] = {
      {"EMERGENCY_DENY", "the agency has stopped it for everybody for now"},
      {"TRM_PROHIBITED_EXPORT", "it is prohibited, and only exports are still possible"},
      {"TRM_PROHIBITED", "it is prohibited here"},
      {"ARCHIVE_OVERDUE", "exports of its messages are overdue"},
      {"NO_GRANT", "you have no approval for it"},
      {"BLOCKLISTED", "it is on the blocklist"},
  };
  for (const auto& [known, words] : kWords) {
    if (code == known) return words;
  }
  return "";
}

// A sentence needs an end, and guidance that an officer wrote may come without.
std::string Sentence(std::string text) {
  if (!text.empty() && !absl::StrContains(".!?", text.substr(text.size() - 1))) text += ".";
  return text;
}

// A clock that was put back must not silence anybody until it has caught up.
bool IsOver(absl::Time told, absl::Time now) {
  return now - told >= limits::kNoticeInterval || told > now;
}

}  // namespace

Notice MakeNotice(const NoticeFacts& facts) {
  const std::string id = PlainText(facts.app_id, limits::kMaxAppIdBytes);
  std::string name = PlainText(facts.app_name, limits::kMaxNoticeNameBytes);
  if (name.empty()) name = id.empty() ? "A program" : id;
  Notice out;
  out.title = absl::StrCat(name, facts.ended ? " was ended" : " was blocked");

  const std::string code = PlainText(facts.reason, kMaxCodeBytes);
  // The next step of every other reason says itself what is wrong.
  const bool say_why = code == "NO_GRANT" || facts.next_step.empty();
  const absl::string_view words = say_why ? WordsOf(code) : "";
  std::string why = absl::StrCat("Reason ", code.empty() ? "unknown" : code);
  if (!words.empty()) absl::StrAppend(&why, ": ", words);
  const std::string version = PlainText(facts.policy_version, kMaxVersionBytes);
  std::string rest;
  if (!version.empty()) absl::StrAppend(&rest, " Policy ", version, ".");
  if (!id.empty()) absl::StrAppend(&rest, " Why in full: muster-agent explain ", id);

  const size_t taken = out.title.size() + why.size() + sizeof ". ." - 1 + rest.size();
  const size_t room = limits::kMaxNoticeBytes - std::min(taken, limits::kMaxNoticeBytes);
  std::string next = PlainText(facts.next_step, room);
  if (next.empty()) next = "Ask the service desk what to do";
  out.body = absl::StrCat(why, ". ", Sentence(std::move(next)), rest);
  return out;
}

std::string TerminalLine(const Notice& notice) {
  return absl::StrCat(kTerminalPrefix, notice.title, ". ", notice.body);
}

bool CallsForNotice(const ExecRecord& record) {
  return record.uid.has_value() && (record.denied || record.killed);
}

bool NoticeLimit::Allow(uint32_t uid, const std::string& app_id, absl::Time now) {
  // Most often by far: a program that tries again.
  const auto known = told_.find({uid, app_id});
  if (known != told_.end() && !IsOver(known->second, now)) return false;
  for (auto it = told_.begin(); it != told_.end();) {
    it = IsOver(it->second, now) ? told_.erase(it) : std::next(it);
  }
  if (told_.size() >= limits::kMaxNoticesPerInterval) return false;
  size_t own = 0;
  for (auto it = told_.lower_bound({uid, ""}); it != told_.end() && it->first.first == uid; ++it) {
    ++own;
  }
  if (own >= limits::kMaxNoticesPerPerson) return false;
  told_.emplace(std::make_pair(uid, app_id), now);
  return true;
}

}  // namespace muster::agent
