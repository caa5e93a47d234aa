#include "common/decision.h"

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"

namespace muster {
namespace {

enum class Row {
  kEmergencyDeny,
  kProhibitedExport,
  kProhibited,
  kArchiveOverdue,
  kGrant,
  kNoGrant,
  kBlocklisted,
  kPermitted,
  kUnlisted,
};

bool ExportWindowOpen(const EntitlementFacts* e, absl::Time now) {
  return e != nullptr && e->suspended_by_trm && !e->messages_covered && now < e->export_until;
}

bool Live(const EntitlementFacts* e, absl::Time now) {
  return e != nullptr && !e->suspended_by_trm && !e->suspended_archive_overdue &&
         now < e->not_after;
}

Row FindRow(bool emergency_denied, v1::Trm::Status trm, bool blocklisted, const EntitlementFacts* e,
            absl::Time now) {
  if (emergency_denied) return Row::kEmergencyDeny;
  if (trm == v1::Trm::PROHIBITED) {
    return ExportWindowOpen(e, now) ? Row::kProhibitedExport : Row::kProhibited;
  }
  if (trm == v1::Trm::RESTRICTED) {
    if (e != nullptr && e->suspended_archive_overdue) return Row::kArchiveOverdue;
    return Live(e, now) ? Row::kGrant : Row::kNoGrant;
  }
  if (blocklisted) return Row::kBlocklisted;
  return trm == v1::Trm::PERMITTED ? Row::kPermitted : Row::kUnlisted;
}

v1::Verdict::Kind VerdictOf(Row row) {
  switch (row) {
    case Row::kProhibitedExport:
    case Row::kArchiveOverdue:
      return v1::Verdict::ALLOW_EXPORT_ONLY;
    case Row::kGrant:
    case Row::kPermitted:
      return v1::Verdict::ALLOW;
    case Row::kEmergencyDeny:
    case Row::kProhibited:
    case Row::kNoGrant:
    case Row::kBlocklisted:
      return v1::Verdict::BLOCK;
    case Row::kUnlisted:
      return v1::Verdict::REPORT;
  }
  return v1::Verdict::BLOCK;
}

std::string ReasonOf(Row row, const DecisionInputs& in) {
  switch (row) {
    case Row::kEmergencyDeny:
      return "EMERGENCY_DENY";
    case Row::kProhibitedExport:
      return "TRM_PROHIBITED_EXPORT";
    case Row::kProhibited:
      return "TRM_PROHIBITED";
    case Row::kArchiveOverdue:
      return "ARCHIVE_OVERDUE";
    case Row::kGrant:
      return absl::StrCat("GRANT ", in.entitlement->grant_id);
    case Row::kNoGrant:
      return "NO_GRANT";
    case Row::kBlocklisted:
      return "BLOCKLISTED";
    case Row::kPermitted:
      return "TRM_PERMITTED";
    case Row::kUnlisted:
      return "UNLISTED";
  }
  return "";
}

std::string NextStep(Row row, const DecisionInputs& in) {
  switch (row) {
    case Row::kEmergencyDeny:
      return absl::StrCat("The agency has stopped ", in.app_id,
                          " for everybody for now; no approval lifts that. Ask the service desk "
                          "what to use instead.");
    case Row::kProhibitedExport:
      return absl::StrCat("Chats may still be exported until ",
                          TimeText(in.entitlement->export_until),
                          ": ask the records officer to have ", in.app_id, " opened for that.");
    case Row::kProhibited:
      return "The TRM office prohibits this app; no request can be approved. Ask the TRM office "
             "about alternatives.";
    case Row::kArchiveOverdue:
      return absl::StrCat("Exports are overdue: ask the records officer to have ", in.app_id,
                          " opened for the export. Full use returns when it is receipted.");
    case Row::kNoGrant:
      return in.how_to_ask.empty()
                 ? absl::StrCat("Ask the service desk to file a request for ", in.app_id, ".")
                 : in.how_to_ask;
    case Row::kBlocklisted:
      return "The app is on the blocklist. Ask the TRM office whether it can be restricted "
             "instead.";
    case Row::kGrant:
      return absl::StrCat("Nothing to do. The grant ends ", TimeText(in.entitlement->not_after),
                          ".");
    case Row::kPermitted:
    case Row::kUnlisted:
      return "Nothing to do.";
  }
  return "";
}

void Add(v1::Explanation& out, absl::string_view condition, bool holds, std::string detail) {
  v1::Explanation::Link* link = out.add_chain();
  link->set_condition(std::string(condition));
  link->set_holds(holds);
  link->set_detail(std::move(detail));
}

std::string EntitlementDetail(const DecisionInputs& in) {
  if (!in.entitlement) {
    return in.no_entitlement_because.empty() ? "no approved request for this person and app"
                                             : in.no_entitlement_because;
  }
  const EntitlementFacts& e = *in.entitlement;
  if (e.suspended_by_trm) return absl::StrCat("grant ", e.grant_id, " is suspended by the TRM");
  if (e.suspended_archive_overdue) {
    return absl::StrCat("grant ", e.grant_id, " is suspended: exports are overdue");
  }
  return absl::StrCat("grant ", e.grant_id, in.now < e.not_after ? " until " : " ended ",
                      TimeText(e.not_after));
}

}  // namespace

v1::Verdict::Kind DecideVerdict(bool emergency_denied, v1::Trm::Status trm, bool blocklisted,
                                const EntitlementFacts* entitlement, absl::Time now) {
  return VerdictOf(FindRow(emergency_denied, trm, blocklisted, entitlement, now));
}

v1::Explanation Decide(const DecisionInputs& in) {
  const EntitlementFacts* e = in.entitlement ? &*in.entitlement : nullptr;
  const Row row = FindRow(in.emergency_denied, in.trm, in.blocklisted, e, in.now);
  v1::Explanation out;
  out.set_verdict(VerdictOf(row));
  out.set_reason(ReasonOf(row, in));
  out.set_next_step(NextStep(row, in));
  if (row == Row::kEmergencyDeny) {
    Add(out, "an emergency deny names the app", true,
        in.emergency_reason.empty() ? std::string("no reason was given") : in.emergency_reason);
    return out;
  }
  const std::string decided = in.trm_decision_id.empty()
                                  ? std::string("no TRM decision is recorded")
                                  : absl::StrCat("TRM decision ", in.trm_decision_id);
  Add(out, "TRM status is PROHIBITED", in.trm == v1::Trm::PROHIBITED, decided);
  if (in.trm == v1::Trm::PROHIBITED) {
    Add(out, "grant suspended by the TRM change, messages uncovered, before the export deadline",
        row == Row::kProhibitedExport, EntitlementDetail(in));
  } else {
    Add(out, "TRM status is RESTRICTED", in.trm == v1::Trm::RESTRICTED, decided);
    if (in.trm == v1::Trm::RESTRICTED) {
      if (row == Row::kArchiveOverdue) {
        Add(out, "exports are overdue", true, EntitlementDetail(in));
      } else {
        Add(out, "the person has a live entitlement", row == Row::kGrant, EntitlementDetail(in));
      }
    } else {
      Add(out, "the app is on the blocklist", in.blocklisted,
          in.blocklisted ? "listed in blocklist.yaml" : "not listed in blocklist.yaml");
      if (!in.blocklisted) {
        Add(out, "TRM status is PERMITTED", in.trm == v1::Trm::PERMITTED, decided);
      }
    }
  }
  return out;
}

}  // namespace muster
