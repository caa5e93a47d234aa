#include "agent/domain/archive_notice.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/domain/archive_plan.h"
#include "agent/domain/plain_text.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

constexpr char kGuide[] = " How: muster-agent archive guide";

Notice Fit(const std::string& title, const std::string& body) {
  Notice out;
  out.title = PlainText(title, limits::kMaxNoticeBytes / 4);
  out.body = PlainText(body, limits::kMaxNoticeBytes - out.title.size());
  return out;
}

std::string Name(absl::string_view text) { return PlainText(text, limits::kMaxNoticeNameBytes); }

}  // namespace

Notice ObligationNotice(absl::string_view app_name, v1::Obligation::State state, size_t chats,
                        absl::Time due, absl::TimeZone zone) {
  std::string body = absl::StrCat(chats == 1 ? "A chat" : absl::StrCat(chats, " chats"), " of ",
                                  Name(app_name), ": ", StateWords(state), ".");
  if (due != absl::InfiniteFuture()) {
    absl::StrAppend(&body, state == v1::Obligation::OVERDUE ? " It was due on " : " Due by ",
                    absl::FormatTime("%Y-%m-%d", due, zone), ".");
  }
  absl::StrAppend(&body, " The law asks for it within 20 days of each message.", kGuide);
  return Fit(absl::StrCat("Export your ", Name(app_name), " chats"), body);
}

Notice ExportOnlyNotice(absl::string_view app_name, absl::string_view app_id) {
  return Fit(absl::StrCat(Name(app_name), " is open for exports only"),
             absl::StrCat("Do not remove it: that would destroy records. Open it for 30 minutes: "
                          "muster-agent archive open ",
                          PlainText(app_id, limits::kMaxNoticeNameBytes), ".", kGuide));
}

Notice UnreadableNotice(absl::string_view file, absl::string_view why) {
  return Fit("An export was not taken",
             absl::StrCat("The file ", Name(file), ": ", PlainText(why, 200),
                          ". It was left where it is.", kGuide));
}

Notice AmbiguousNotice(absl::string_view file) {
  return Fit("An export proves nothing yet",
             absl::StrCat("In ", Name(file),
                          " day and month cannot be told apart, so it counts for no day. Export "
                          "the chat with more of its messages, or again after the 12th of the "
                          "month.",
                          kGuide));
}

Notice ReceiptNotice(absl::string_view app_name, size_t exports) {
  return Fit("The record repository has your export",
             absl::StrCat(exports == 1 ? "An export" : absl::StrCat(exports, " exports"), " of ",
                          Name(app_name),
                          " is confirmed. What is still owed: muster-agent archive status"));
}

}  // namespace muster::agent
