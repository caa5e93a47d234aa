// What an incident knows of each chat, and what it does to the report when that changes.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/incident.h"

namespace muster {
namespace {

v1::Incident::Chat* FindChat(v1::Incident& incident, const std::string& chat_key) {
  for (v1::Incident::Chat& chat : *incident.mutable_chats()) {
    if (chat.chat_key() == chat_key) return &chat;
  }
  return nullptr;
}

// A tick that looks again a moment later says the same; a day more is news.
constexpr absl::Duration kNews = absl::Hours(24);

bool Widen(v1::Incident::Chat& chat, const v1::Incident::Chat& seen) {
  const absl::Time from =
      std::min(FromProto(chat.uncovered_from()), FromProto(seen.uncovered_from()));
  const absl::Time until =
      std::max(FromProto(chat.uncovered_until()), FromProto(seen.uncovered_until()));
  if (from == FromProto(chat.uncovered_from()) &&
      until < FromProto(chat.uncovered_until()) + kNews) {
    return false;
  }
  const bool apart = FromProto(seen.uncovered_from()) > FromProto(chat.uncovered_until()) ||
                     FromProto(seen.uncovered_until()) < FromProto(chat.uncovered_from());
  const uint64_t estimated = apart ? chat.messages_estimated() + seen.messages_estimated()
                                   : std::max(chat.messages_estimated(), seen.messages_estimated());
  chat.set_messages_estimated(estimated);
  chat.set_messages_kept(std::max(chat.messages_kept(), seen.messages_kept()));
  chat.set_level(std::max(chat.level(), seen.level()));
  *chat.mutable_uncovered_from() = ToProto(from);
  *chat.mutable_uncovered_until() = ToProto(until);
  return true;
}

// The incident says something else than before: what that does to its report.
void ChangeReport(v1::Incident& incident, absl::string_view why, absl::Time now) {
  v1::Incident::State to = incident.state();
  if (to == v1::Incident::SIGNED) {
    to = v1::Incident::REPORT_DRAFT;
    incident.clear_signature();
    incident.clear_signed_by_upn();
    incident.clear_signed_at();
  } else if (to == v1::Incident::REPORTED || to == v1::Incident::UPDATED) {
    to = v1::Incident::UPDATE_DUE;
    *incident.mutable_update_due_at() = ToProto(now);
  }
  TakeStep(incident, to, "", why, now);
}

}  // namespace

uint64_t EstimatedMessages(const v1::Obligation& obligation, absl::Time from, absl::Time until) {
  if (obligation.exports() == 0 || until <= from) return 0;
  absl::Duration covered;
  for (const v1::CoveredInterval& interval : obligation.covered()) {
    if (interval.level() < v1::Evidence::E2_SEEN) continue;
    covered += FromProto(interval.until()) - FromProto(interval.from());
  }
  covered = std::max(covered, absl::Hours(24));
  const double share = absl::FDivDuration(until - from, covered);
  const double estimate = std::round(static_cast<double>(obligation.messages()) * share);
  constexpr double kMost = 1e15;  // beyond any phone; keeps the conversion defined
  return static_cast<uint64_t>(std::min(estimate, kMost));
}

v1::Incident::Chat LostChat(const v1::Obligation& obligation, v1::Incident::Cause cause,
                            absl::Time until) {
  const bool gap = cause == v1::Incident::GAP && obligation.has_gap_from();
  absl::Time from = FromProto(obligation.has_uncovered_since() ? obligation.uncovered_since()
                                                               : obligation.began_at());
  if (gap) from = FromProto(obligation.gap_from());
  if (gap && obligation.has_gap_until()) {
    until = FromProto(obligation.gap_until());
  } else if (obligation.has_ended_at()) {
    until = FromProto(obligation.ended_at());
  }
  until = std::max(from, until);
  v1::Incident::Chat chat;
  chat.set_chat_key(obligation.chat_key());
  *chat.mutable_uncovered_from() = ToProto(from);
  *chat.mutable_uncovered_until() = ToProto(until);
  chat.set_messages_kept(obligation.messages());
  chat.set_messages_estimated(EstimatedMessages(obligation, from, until));
  chat.set_level(obligation.level());
  chat.set_group(obligation.group());
  return chat;
}

bool AddChats(v1::Incident& incident, const std::vector<v1::Incident::Chat>& chats,
              absl::Time now) {
  int added = 0, widened = 0, left_out = 0;
  for (const v1::Incident::Chat& chat : chats) {
    if (v1::Incident::Chat* known = FindChat(incident, chat.chat_key()); known != nullptr) {
      if (Widen(*known, chat)) ++widened;
    } else if (static_cast<size_t>(incident.chats_size()) >= limits::kMaxIncidentChats) {
      ++left_out;
    } else {
      *incident.add_chats() = chat;
      ++added;
    }
  }
  if (added + widened == 0) return false;
  incident.clear_covered_at();
  std::string why = absl::StrCat(added, " more chats, ", widened, " with more uncovered time");
  if (left_out > 0) absl::StrAppend(&why, "; ", left_out, " found no place in this incident");
  ChangeReport(incident, why, now);
  return true;
}

bool MarkCovered(v1::Incident& incident, absl::Time now) {
  if (incident.has_covered_at() || !IsOpenIncident(incident.state())) return false;
  *incident.mutable_covered_at() = ToProto(now);
  ChangeReport(incident, "exports that came later cover the time it is about", now);
  return true;
}

}  // namespace muster
