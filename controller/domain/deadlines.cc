#include "controller/domain/deadlines.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"
#include "controller/domain/grant.h"

namespace muster {
namespace {

constexpr char kMuster[] = "muster";

using GrantStep = DueStep<v1::Grant>;
using RequestStep = DueStep<v1::Request>;

RequestStep Expired(const v1::Request& request, absl::Time now) {
  RequestStep out{request, "request.expire", "nobody decided it in time", "UNDECIDED"};
  const auto next = NextRequestState(request.state(), RequestEvent::kExpire);
  if (next.ok()) MoveTo(out.after, *next, now);
  *out.after.mutable_decided_at() = ToProto(now);
  out.after.set_decided_by_upn(kMuster);
  out.after.set_decision_reason(out.reason);
  out.after.set_reason_code(out.reason_code);
  out.after.clear_detail();
  return out;
}

std::optional<GrantStep> Ended(const v1::Grant& grant, std::string reason, std::string code,
                               absl::Time now) {
  absl::StatusOr<v1::Grant> after = Revoke(grant, kMuster, reason, now);
  if (!after.ok()) return std::nullopt;
  return GrantStep{*std::move(after), "grant.revoke", std::move(reason), std::move(code)};
}

std::optional<GrantStep> BecomesDue(const v1::Grant& grant, absl::Time now) {
  const std::string until = TimeText(FromProto(grant.not_after()));
  absl::StatusOr<v1::Grant> due =
      MakeRecertDue(grant, absl::StrCat("recertify before ", until, " or it lapses"), now);
  if (!due.ok()) return std::nullopt;
  return GrantStep{*std::move(due), "grant.recert-due", absl::StrCat("its term ends ", until),
                   "RECERTIFICATION"};
}

std::optional<GrantStep> Reminder(const v1::Grant& grant, absl::Time now) {
  const absl::Time end = FromProto(grant.not_after());
  const absl::Duration notice = end - RecertDueAt(grant);
  const std::array left = {notice / 2, notice / 4, notice / 30};
  uint32_t due = 0;
  while (due < left.size() && now >= end - left[due]) ++due;
  if (due <= grant.reminders()) return std::nullopt;
  GrantStep out{grant, "grant.recert-reminder",
                absl::StrCat("recertify before ", TimeText(end), " or it lapses"),
                "RECERTIFICATION"};
  out.after.set_reminders(due);
  return out;
}

std::optional<GrantStep> ReviewReminder(const v1::Grant& grant, absl::Time now) {
  if (!grant.has_review_due_at() || now < FromProto(grant.review_due_at()) ||
      grant.reminders() != 0) {
    return std::nullopt;
  }
  GrantStep out{grant, "grant.review-due", "a break-glass grant waits for its review",
                "REVIEW_DUE"};
  out.after.set_reminders(1);
  return out;
}

std::optional<GrantStep> Lapses(const v1::Grant& grant) {
  const auto lapsed = NextGrantState(grant.state(), GrantEvent::kLapse);
  if (!lapsed.ok()) return std::nullopt;
  GrantStep out{grant, "grant.lapse", "nobody recertified it before its term ended", "LAPSED"};
  out.after.set_state(*lapsed);
  out.after.set_detail(out.reason);
  return out;
}

std::optional<GrantStep> SuspensionEnds(const v1::Grant& grant, absl::Time now) {
  if (grant.suspended_for() == v1::Grant::Suspension::ARCHIVE_OVERDUE) return std::nullopt;
  absl::Time end = FromProto(grant.not_after());
  if (grant.has_export_until()) end = std::max(end, FromProto(grant.export_until()));
  if (now < end) return std::nullopt;
  return Ended(grant, "its term ended while it was suspended", "TERM_ENDED", now);
}

}  // namespace

std::optional<RequestStep> NextDue(const v1::Request& request, const DecisionTimes& times,
                                   absl::Time now) {
  if (!IsUndecided(request.state())) return std::nullopt;
  if (request.has_expires_at() && now >= FromProto(request.expires_at())) {
    return Expired(request, now);
  }
  // Who has to answer is whoever filed it; no approver is late.
  if (request.state() == v1::Request::MORE_INFO) return std::nullopt;
  const size_t level = request.escalations();
  if (!request.has_due_at() || now < FromProto(request.due_at()) ||
      level >= times.escalate_to.size()) {
    return std::nullopt;
  }
  const std::string& role = times.escalate_to[level];
  absl::StatusOr<v1::Request> after = Escalate(request, role, times, now);
  if (!after.ok()) return std::nullopt;
  return RequestStep{
      *std::move(after), "request.escalate",
      absl::StrCat("not decided by ", TimeText(FromProto(request.due_at())), "; told to ", role),
      "SLA"};
}

std::optional<GrantStep> NextDue(const v1::Grant& grant, const v1::Person& person, absl::Time now) {
  if (Holds(grant.state()) && person.deleted()) {
    return Ended(grant, "the person was deleted from the directory", "PERSON_LEFT", now);
  }
  const bool over = now >= FromProto(grant.not_after());
  switch (grant.state()) {
    case v1::Grant::ACTIVE:
      return now >= RecertDueAt(grant) ? BecomesDue(grant, now) : std::nullopt;
    case v1::Grant::RECERT_DUE:
      return over ? Lapses(grant) : Reminder(grant, now);
    case v1::Grant::LAPSED:
      return Ended(grant, "lapsed: nobody recertified it before its term ended", "LAPSED", now);
    case v1::Grant::BREAK_GLASS:
      if (!over) return ReviewReminder(grant, now);
      return Ended(grant, "break-glass ended without a review; the review is still owed",
                   "BREAK_GLASS_ENDED", now);
    case v1::Grant::SUSPENDED:
      return SuspensionEnds(grant, now);
    default:
      return std::nullopt;
  }
}

}  // namespace muster
