// `musterctl audit prune`: what is asked, how often, and what is said of it.
#include "absl/strings/match.h"
#include "cli/errors.h"
#include "common/log_limits.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {
namespace {

constexpr uint64_t kOfOneCall = limits::kMaxPrunedEntries * limits::kMaxPruneBatches;

v1::PruneAuditResponse Answer(uint64_t below, uint64_t pruned, const std::string& held_by = "") {
  v1::PruneAuditResponse out;
  out.set_pruned_below(below);
  out.set_pruned(pruned);
  out.set_held_by(held_by);
  out.mutable_impact()->add_changes("what it does");
  return out;
}

TEST(AuditPrune, AsksUntilNothingMoreCanGo) {
  FakeController controller;
  controller.Answer(Answer(kOfOneCall, kOfOneCall));
  controller.Answer(Answer(kOfOneCall + 512, 512, "HOLD-1"));
  const Ran ran = RunCtl(
      &controller, {"audit", "prune", "--reason", "r", "--before", "2020-02-29", "-o", "json"});
  EXPECT_EQ(ran.code, kExitOk) << ran.err;
  const std::string call =
      R"(PruneAudit {"before":"2020-02-29T00:00:00Z","reason":"r","dry_run":false})";
  EXPECT_EQ(controller.calls, (std::vector<std::string>{call, call}));
  const auto said = Json::parse(ran.out);
  EXPECT_EQ(said, (Json{{"pruned", kOfOneCall + 512},
                        {"pruned_below", kOfOneCall + 512},
                        {"held_by", "HOLD-1"}}));
}

TEST(AuditPrune, ADryRunAsksOnceAndSaysWhatItWouldDo) {
  FakeController controller;
  controller.Answer(Answer(kOfOneCall, kOfOneCall));
  const Ran ran = RunCtl(&controller, {"audit", "prune", "--reason", "r", "--dry-run"});
  EXPECT_EQ(ran.code, kExitOk) << ran.err;
  EXPECT_EQ(controller.calls,
            std::vector<std::string>{R"(PruneAudit {"reason":"r","dry_run":true})"});
  EXPECT_TRUE(absl::StrContains(ran.out, "what it does")) << ran.out;
}

TEST(AuditPrune, AnErrorAfterSomeOfItSaysWhatIsDone) {
  FakeController controller;
  controller.Answer(Answer(kOfOneCall, kOfOneCall));
  controller.Refuse(absl::UnavailableError("gone"));
  const Ran ran = RunCtl(&controller, {"audit", "prune", "--reason", "r"});
  EXPECT_NE(ran.code, kExitOk);
  EXPECT_TRUE(absl::StrContains(ran.err, "262144 entries were pruned before this error"))
      << ran.err;
}

TEST(AuditPrune, BadArgumentsAreNotSent) {
  const std::vector<std::string> kCases[] = {
      {"audit", "prune"},
      {"audit", "prune", "--reason", ""},
      {"audit", "prune", "--reason", "r", "--before", "last year"},
      {"audit", "prune", "--reason", "r", "--before", "2020-02-31"},
  };
  for (const auto& args : kCases) {
    FakeController controller;
    EXPECT_EQ(RunCtl(&controller, args).code, kExitUsage);
    EXPECT_TRUE(controller.calls.empty());
  }
}

}  // namespace
}  // namespace muster::cli
