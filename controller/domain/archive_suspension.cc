#include "controller/domain/archive_suspension.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/domain/obligation.h"

namespace muster {
namespace {

bool Suspended(const v1::Grant& grant, v1::Grant::Suspension::Reason reason) {
  return grant.state() == v1::Grant::SUSPENDED && grant.suspended_for() == reason;
}

}  // namespace

std::optional<v1::Grant> SuspendForArchive(const v1::Grant& grant,
                                           const std::vector<v1::Obligation>& obligations,
                                           absl::Time now) {
  const auto late =
      std::count_if(obligations.begin(), obligations.end(), [&](const v1::Obligation& obligation) {
        return obligation.grant_id() == grant.grant_id() && ForcesExportOnly(obligation, now);
      });
  const auto next = NextGrantState(grant.state(), GrantEvent::kSuspend);
  if (late == 0 || !next.ok()) return std::nullopt;
  v1::Grant out = grant;
  out.set_state(*next);
  out.set_suspended_for(v1::Grant::Suspension::ARCHIVE_OVERDUE);
  out.set_suspend_reason(absl::StrCat(late, late == 1 ? " chat is" : " chats are",
                                      " overdue to be exported (44 U.S.C. 2911)"));
  out.set_suspended_by_upn("muster");
  *out.mutable_suspended_at() = ToProto(now);
  out.set_detail("export only; it resumes by itself once the chats are exported");
  return out;
}

std::optional<v1::Grant> ResumeFromArchive(const v1::Grant& grant,
                                           const std::vector<v1::Obligation>& obligations,
                                           absl::Time now) {
  if (!Suspended(grant, v1::Grant::Suspension::ARCHIVE_OVERDUE)) return std::nullopt;
  const bool late =
      std::any_of(obligations.begin(), obligations.end(), [&](const v1::Obligation& obligation) {
        // What ended can no longer be exported: that is an incident's matter.
        return obligation.grant_id() == grant.grant_id() && !obligation.has_ended_at() &&
               IsOverdue(obligation, now);
      });
  const auto next = NextGrantState(grant.state(), GrantEvent::kResume);
  if (late || !next.ok()) return std::nullopt;
  v1::Grant out = grant;
  out.set_state(*next);
  out.clear_suspended_for();
  out.clear_suspend_reason();
  out.clear_suspended_by_upn();
  out.clear_suspended_at();
  out.clear_detail();
  return out;
}

bool MessagesCovered(const std::vector<v1::Obligation>& obligations, absl::Time since) {
  if (obligations.empty()) return false;
  return std::all_of(obligations.begin(), obligations.end(), [&](const v1::Obligation& o) {
    // On the day of an export it is CLEAR, although something was written since.
    return (o.state() == v1::Obligation::CLEAR && !o.has_uncovered_since()) ||
           (o.level() >= v1::Evidence::E2_SEEN && o.has_uncovered_since() && !o.has_gap_from() &&
            FromProto(o.uncovered_since()) >= since);
  });
}

}  // namespace muster
