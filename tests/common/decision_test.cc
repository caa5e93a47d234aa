#include "common/decision.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/now.h"

namespace muster {
namespace {

enum class Grant { kNone, kLive, kEnded, kEndsNow, kTrm, kTrmCovered, kTrmLate, kOverdue };

std::optional<EntitlementFacts> Make(Grant grant) {
  EntitlementFacts e{.grant_id = "GR-1", .not_after = kNow + absl::Hours(1)};
  switch (grant) {
    case Grant::kNone:
      return std::nullopt;
    case Grant::kLive:
      break;
    case Grant::kEnded:
      e.not_after = kNow - absl::Seconds(1);
      break;
    case Grant::kEndsNow:
      e.not_after = kNow;
      break;
    case Grant::kTrm:
      e.suspended_by_trm = true;
      e.export_until = kNow + absl::Hours(1);
      break;
    case Grant::kTrmCovered:
      e.suspended_by_trm = true;
      e.messages_covered = true;
      e.export_until = kNow + absl::Hours(1);
      break;
    case Grant::kTrmLate:
      e.suspended_by_trm = true;
      e.export_until = kNow;
      break;
    case Grant::kOverdue:
      e.suspended_archive_overdue = true;
      break;
  }
  return e;
}

struct Case {
  v1::Trm::Status trm;
  bool blocklisted;
  Grant grant;
  v1::Verdict::Kind verdict;
  const char* reason;
};

std::vector<Case> Table() {
  using enum Grant;
  const auto P = v1::Trm::PROHIBITED, R = v1::Trm::RESTRICTED, A = v1::Trm::PERMITTED,
             U = v1::Trm::UNLISTED;
  const auto kAllow = v1::Verdict::ALLOW, kBlock = v1::Verdict::BLOCK,
             kExport = v1::Verdict::ALLOW_EXPORT_ONLY, kReport = v1::Verdict::REPORT;
  std::vector<Case> out;
  for (const bool listed : {false, true}) {  // "any": the blocklist does not matter.
    out.insert(out.end(), {
                              {P, listed, kTrm, kExport, "TRM_PROHIBITED_EXPORT"},
                              {P, listed, kNone, kBlock, "TRM_PROHIBITED"},
                              {P, listed, kLive, kBlock, "TRM_PROHIBITED"},
                              {P, listed, kEnded, kBlock, "TRM_PROHIBITED"},
                              {P, listed, kTrmCovered, kBlock, "TRM_PROHIBITED"},
                              {P, listed, kTrmLate, kBlock, "TRM_PROHIBITED"},
                              {P, listed, kOverdue, kBlock, "TRM_PROHIBITED"},
                              {R, listed, kOverdue, kExport, "ARCHIVE_OVERDUE"},
                              {R, listed, kLive, kAllow, "GRANT GR-1"},
                              {R, listed, kNone, kBlock, "NO_GRANT"},
                              {R, listed, kEnded, kBlock, "NO_GRANT"},
                              {R, listed, kEndsNow, kBlock, "NO_GRANT"},
                              {R, listed, kTrm, kBlock, "NO_GRANT"},
                          });
  }
  for (const Grant grant : {kNone, kLive, kEnded, kTrm, kOverdue}) {
    out.insert(out.end(), {
                              {A, true, grant, kBlock, "BLOCKLISTED"},
                              {U, true, grant, kBlock, "BLOCKLISTED"},
                              {A, false, grant, kAllow, "TRM_PERMITTED"},
                              {U, false, grant, kReport, "UNLISTED"},
                          });
  }
  return out;
}

TEST(Decide, EveryRowOfTheTable) {
  for (const Case& c : Table()) {
    const auto entitlement = Make(c.grant);
    const std::string name = absl::StrCat(v1::Trm::Status_Name(c.trm), " listed ", c.blocklisted,
                                          " grant ", static_cast<int>(c.grant));
    const v1::Explanation got = Decide({.app_id = "x",
                                        .app_name = "X",
                                        .trm = c.trm,
                                        .trm_decision_id = "",
                                        .blocklisted = c.blocklisted,
                                        .entitlement = entitlement,
                                        .no_entitlement_because = "",
                                        .how_to_ask = "",
                                        .now = kNow});
    EXPECT_EQ(got.verdict(), c.verdict) << name;
    EXPECT_EQ(got.reason(), c.reason) << name;
    EXPECT_FALSE(got.next_step().empty()) << name;
    EXPECT_GT(got.chain_size(), 0) << name;
    const EntitlementFacts* e = entitlement ? &*entitlement : nullptr;
    EXPECT_EQ(DecideVerdict(false, c.trm, c.blocklisted, e, kNow), c.verdict) << name;
    // The first row: whatever else holds.
    EXPECT_EQ(DecideVerdict(true, c.trm, c.blocklisted, e, kNow), v1::Verdict::BLOCK) << name;
  }
}

std::string Chain(const v1::Explanation& e) {
  std::string out;
  for (const auto& link : e.chain()) {
    absl::StrAppend(&out, link.holds() ? "+ " : "- ", link.condition(), " | ", link.detail(), "\n");
  }
  return out;
}

TEST(Decide, ChainSaysWhatWasLookedAtInOrder) {
  const v1::Explanation blocked = Decide({.app_id = "whatsapp",
                                          .app_name = "WhatsApp",
                                          .trm = v1::Trm::RESTRICTED,
                                          .trm_decision_id = "TRM-1",
                                          .blocklisted = true,
                                          .entitlement = std::nullopt,
                                          .no_entitlement_because = "request REQ-1 is DENIED",
                                          .how_to_ask = "Call the desk.",
                                          .now = kNow});
  EXPECT_EQ(Chain(blocked),
            "- TRM status is PROHIBITED | TRM decision TRM-1\n"
            "+ TRM status is RESTRICTED | TRM decision TRM-1\n"
            "- the person has a live entitlement | request REQ-1 is DENIED\n");
  EXPECT_EQ(blocked.next_step(), "Call the desk.");

  const v1::Explanation unlisted = Decide({.app_id = "x",
                                           .app_name = "X",
                                           .trm = v1::Trm::UNLISTED,
                                           .trm_decision_id = "",
                                           .blocklisted = false,
                                           .entitlement = std::nullopt,
                                           .no_entitlement_because = "",
                                           .how_to_ask = "",
                                           .now = kNow});
  EXPECT_EQ(Chain(unlisted),
            "- TRM status is PROHIBITED | no TRM decision is recorded\n"
            "- TRM status is RESTRICTED | no TRM decision is recorded\n"
            "- the app is on the blocklist | not listed in blocklist.yaml\n"
            "- TRM status is PERMITTED | no TRM decision is recorded\n");
}

TEST(Decide, AnEmergencyDenyIsTheWholeChain) {
  DecisionInputs in;
  in.app_id = "whatsapp";
  in.trm = v1::Trm::RESTRICTED;
  in.trm_decision_id = "TRM-1";
  in.entitlement = Make(Grant::kLive);
  in.emergency_denied = true;
  in.now = kNow;
  EXPECT_EQ(Chain(Decide(in)), "+ an emergency deny names the app | no reason was given\n");
  in.emergency_reason = "a worm spreads through it";
  const v1::Explanation got = Decide(in);
  EXPECT_EQ(got.verdict(), v1::Verdict::BLOCK);
  EXPECT_EQ(got.reason(), "EMERGENCY_DENY");
  EXPECT_EQ(Chain(got), "+ an emergency deny names the app | a worm spreads through it\n");
  EXPECT_EQ(got.next_step(),
            "The agency has stopped whatsapp for everybody for now; no approval lifts that. Ask "
            "the service desk what to use instead.");
}

}  // namespace
}  // namespace muster
