#include "controller/domain/log_retention.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/log_tiles.h"
#include "common/time_proto.h"
#include "controller/domain/hold.h"
#include "controller/domain/incident.h"
#include "controller/domain/request.h"

namespace muster {
namespace {

// Ids never hold one of these, and in JSON and in names of objects they stand between them.
bool IsBetweenIds(char c) {
  return c == '"' || c == '/' || c == ',' || c == '\\' || absl::ascii_isspace(c);
}

// Calls `each` with every part of the text that may be an id, until that says false.
template <typename F>
bool EachWord(absl::string_view text, F&& each) {
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && !IsBetweenIds(text[i])) continue;
    if (i > begin && !each(text.substr(begin, i - begin))) return false;
    begin = i + 1;
  }
  return true;
}

// 9999-12-31 as the end of all times would overflow; whatever is near it is never over.
constexpr int64_t kLastYear = 9'000;

}  // namespace

absl::Time LogKeptUntil(absl::Time at, uint32_t years, absl::TimeZone zone) {
  const absl::CivilSecond since = absl::ToCivilSecond(at, zone);
  if (since.year() > kLastYear) return absl::InfiniteFuture();
  const absl::CivilSecond until(since.year() + years, since.month(), since.day(), since.hour(),
                                since.minute(), since.second());
  const absl::TimeZone::TimeInfo info = zone.At(until);
  return std::max(info.pre, info.post);
}

void LogKeepers::Add(absl::string_view id, const std::string& why) {
  if (id.empty()) return;
  if (reasons_.empty() || reasons_.back() != why) reasons_.push_back(why);
  by_id_.emplace(absl::AsciiStrToLower(id), reasons_.size() - 1);
}

void LogKeepers::Add(const v1::Hold& hold) {
  if (!IsInForce(hold)) return;
  const std::string why = absl::StrCat(hold.hold_id(), " (", HoldWords(hold), ")");
  Add(hold.hold_id(), why);
  Add(hold.person_id(), why);
  Add(hold.chat_key(), why);
  for (const std::string& person : hold.person_ids()) Add(person, why);
}

void LogKeepers::Add(const v1::Request& request) {
  if (!IsOpen(request.state())) return;
  Add(request.request_id(),
      absl::StrCat("request ", request.request_id(), ", which is still open"));
}

void LogKeepers::Add(const v1::Grant& grant) {
  if (grant.state() == v1::Grant::REVOKED) return;
  const std::string why = absl::StrCat("grant ", grant.grant_id(), ", which has not ended");
  Add(grant.grant_id(), why);
  Add(grant.request_id(), why);
}

void LogKeepers::Add(const v1::Incident& incident) {
  if (!IsOpenIncident(incident.state())) return;
  const std::string why =
      absl::StrCat("incident ", incident.incident_id(), ", which is still open");
  Add(incident.incident_id(), why);
  Add(incident.grant_id(), why);
}

std::optional<std::string> LogKeepers::WhyKept(const v1::AuditEntry& entry) const {
  std::optional<std::string> out;
  std::string lower;
  const auto look = [&](absl::string_view word) {
    lower.assign(word.data(), word.size());
    absl::AsciiStrToLower(&lower);
    const auto found = by_id_.find(lower);
    if (found == by_id_.end()) return true;
    out = reasons_[found->second];
    return false;
  };
  for (const std::string* text :
       {&entry.object(), &entry.actor_id(), &entry.before(), &entry.after(), &entry.query()}) {
    if (!EachWord(*text, look)) return out;
  }
  for (const std::string& subject : entry.subjects()) {
    if (!EachWord(subject, look)) return out;
  }
  return std::nullopt;
}

absl::Status CheckBefore(const LogRetentionTerms& terms) {
  if (!terms.before || LogKeptUntil(*terms.before, terms.keep_years, terms.zone) <= terms.now) {
    return absl::OkStatus();
  }
  const absl::CivilSecond now = absl::ToCivilSecond(terms.now, terms.zone);
  const absl::CivilDay last(now.year() - terms.keep_years, now.month(), now.day());
  return absl::InvalidArgumentError(absl::StrCat("entries are kept for ", terms.keep_years,
                                                 " years (audit_log of "
                                                 "retention.yaml), and ",
                                                 TimeText(*terms.before),
                                                 " is not so long ago; name a time before ",
                                                 absl::FormatCivilTime(last)));
}

bool IsOver(absl::Time at, const LogRetentionTerms& terms) {
  if (terms.before && at >= *terms.before) return false;
  return LogKeptUntil(at, terms.keep_years, terms.zone) <= terms.now;
}

PruneWalk::PruneWalk(uint64_t from, const LogRetentionTerms& terms, const LogKeepers& keepers,
                     const std::vector<LogReaderPlace>& readers)
    : terms_(terms), keepers_(keepers), next_(from) {
  for (const LogReaderPlace& reader : readers) {
    if (slowest_ == nullptr || reader.next < slowest_->next) slowest_ = &reader;
  }
}

bool PruneWalk::Take(const v1::AuditEntry& entry) {
  if (!IsOver(FromProto(entry.at()), terms_)) return false;
  if (slowest_ != nullptr && next_ >= slowest_->next) {
    held_by_ = absl::StrCat(slowest_->who, " has not come to entry ", next_, " yet");
    return false;
  }
  if (const auto why = keepers_.WhyKept(entry)) {
    held_by_ = absl::StrCat(*why, ": entry ", next_, " is about it");
    return false;
  }
  ++next_;
  return true;
}

uint64_t PruneWalk::pruned_below() const { return next_ / kTileWidth * kTileWidth; }

}  // namespace muster
