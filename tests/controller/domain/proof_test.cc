// What a report's probes prove.
#include "controller/domain/proof.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "common/limits.h"

namespace muster {
namespace {

using Tried = std::vector<std::tuple<const char*, v1::Canary::Result, const char*>>;

v1::PolicyReport Report(const Tried& tried) {
  v1::PolicyReport out;
  for (const auto& [filesystem, result, detail] : tried) {
    v1::Canary* canary = out.add_canaries();
    canary->set_filesystem(filesystem);
    canary->set_result(result);
    canary->set_detail(detail);
  }
  return out;
}

TEST(ProofOf, OneBlockedAndNoneRan) {
  using Mode = v1::StatusReport;
  using C = v1::Canary;
  const struct {
    Mode::Mode mode;
    Tried tried;
    bool enforced;
    const char *code, *detail;
  } kCases[] = {
      {Mode::ENFORCING, {{"/", C::BLOCKED, ""}}, true, "", ""},
      {Mode::UNSPECIFIED, {{"/", C::BLOCKED, ""}}, true, "", ""},
      {Mode::ENFORCING,
       {{"/", C::BLOCKED, ""}, {"/srv", C::NOT_TRIED, "read-only"}, {"/boot", C::NOT_RUNNABLE, ""}},
       true,
       "",
       "no probe was tried on /srv: read-only; nothing runs on /boot"},
      {Mode::ENFORCING,
       {{"/", C::BLOCKED, ""}, {"/home", C::RAN, ""}, {"/var", C::RAN, "exit 0"}},
       false,
       "NOT_ENFORCED",
       "the probe ran on /home, /var: exit 0"},
      {Mode::ENFORCING,
       {},
       false,
       "NOT_PROVEN",
       "the report brings no probe; is the agent older than this controller?"},
      {Mode::ENFORCING,
       {{"/", C::NOT_TRIED, "no space"}},
       false,
       "NOT_PROVEN",
       "no probe was blocked: no probe was tried on /: no space"},
      {Mode::ENFORCING,
       {{"/", C::UNSPECIFIED, ""}},
       false,
       "NOT_PROVEN",
       "the report brings no probe; is the agent older than this controller?"},
      {Mode::MONITORING,
       {{"/", C::BLOCKED, ""}},
       false,
       "MONITORING",
       "this device only monitors: it blocks nothing"},
      {Mode::REPORT_ONLY,
       {},
       false,
       "REPORT_ONLY",
       "this device cannot block: see what it cannot enforce"},
      {Mode::DISARMED,
       {{"/", C::RAN, ""}},
       false,
       "DISARMED",
       "this device is disarmed: it blocks nothing until it is armed again"},
  };
  for (const auto& c : kCases) {
    const Proof got = ProofOf(c.mode, Report(c.tried));
    EXPECT_EQ(got.enforced, c.enforced) << c.detail;
    EXPECT_EQ(got.code, c.code);
    EXPECT_EQ(got.detail, c.detail);
    EXPECT_EQ(CannotProve(c.mode), c.mode > Mode::ENFORCING);
  }
}

TEST(ProofOf, OneThatRanCountsWhereverItStandsAndWordsAreBounded) {
  const std::string deep(200, 'x');
  v1::PolicyReport report;
  for (int i = 0; i < 600; ++i) {
    report.add_canaries()->set_result(v1::Canary::BLOCKED);
    report.mutable_canaries(i)->set_filesystem(deep);
  }
  EXPECT_TRUE(ProofOf(v1::StatusReport::ENFORCING, report).enforced);
  report.mutable_canaries(599)->set_result(v1::Canary::RAN);
  EXPECT_EQ(ProofOf(v1::StatusReport::ENFORCING, report).code, kNotEnforced);
  for (v1::Canary& c : *report.mutable_canaries()) c.set_result(v1::Canary::RAN);
  const Proof got = ProofOf(v1::StatusReport::ENFORCING, report);
  EXPECT_LE(got.detail.size(), limits::kMaxReasonBytes);
  EXPECT_EQ(got.detail.substr(got.detail.size() - 5), ", …");
}

TEST(IsReported, TellsTheAgentsWordFromTheReports) {
  v1::DocumentState state;
  EXPECT_FALSE(IsReported(state));
  state.mutable_applied_at();
  EXPECT_FALSE(IsReported(state)) << "only an Ack";
  state.set_code(kNotProven);
  EXPECT_TRUE(IsReported(state));
  EXPECT_FALSE(CannotProve(state));
  state.set_code("MONITORING");
  EXPECT_TRUE(CannotProve(state));
  state.mutable_nacked_at();
  EXPECT_FALSE(IsReported(state)) << "a refusal";
  EXPECT_FALSE(CannotProve(state));
  state.mutable_verified_at();
  EXPECT_TRUE(IsReported(state));
  EXPECT_FALSE(CannotProve(state));
}

}  // namespace
}  // namespace muster
