// Which entry `musterctl audit prove --object` takes.
#include <gtest/gtest.h>

#include "cli/errors.h"
#include "muster/v1/audit_calls.pb.h"
#include "tests/cli/fake_controller.h"
#include "tests/support/log_folder.h"
#include "tests/support/temp_dir.h"

namespace muster::cli {
namespace {

v1::ListAuditResponse Page(uint64_t sequence, const std::string& outcome,
                           const std::string& cursor) {
  v1::ListAuditResponse out;
  out.add_items()->set_sequence(sequence);
  out.mutable_items(0)->set_outcome(outcome);
  out.set_next_cursor(cursor);
  return out;
}

TEST(AuditProve, ARefusedCallIsNotTakenForTheDecision) {
  LogFolder log;
  log.AddSome(8);
  const LogProof good = log.Proof(3, log.size());
  v1::AuditCheckpoint head;
  head.set_checkpoint(log.Note(log.size()));
  head.set_key(log.KeyText());
  head.set_size(log.size());
  v1::ProveAuditResponse proof;
  proof.set_entry(good.entry);
  for (const std::string& hash : good.path) proof.add_path(hash);
  proof.set_checkpoint(good.checkpoint);
  FakeController controller;
  controller.Answer(Page(6, "PERMISSION_DENIED: needs the role soc-approver", "..6"));
  controller.Answer(Page(3, "ok", ""));
  controller.Answer(head);
  controller.Answer(proof);
  const TempDir temp;
  const Ran ran = RunCtl(&controller, {"audit", "prove", "--object", "request/REQ-3", "--verb",
                                       "request.approve", "--out", temp.File("letter")});
  EXPECT_EQ(ran.code, kExitOk) << ran.err;
  ASSERT_EQ(controller.calls.size(), 4u);
  EXPECT_EQ(controller.calls[3], R"(ProveAudit {"sequence":3})");
}

TEST(AuditProve, NothingButRefusals) {
  FakeController controller;
  controller.Answer(Page(6, "PERMISSION_DENIED: needs the role soc-approver", ""));
  const TempDir temp;
  const Ran ran = RunCtl(
      &controller, {"audit", "prove", "--object", "request/REQ-3", "--out", temp.File("letter")});
  EXPECT_EQ(ran.code, kExitNotFound);
  EXPECT_EQ(
      ran.err,
      "musterctl: the audit log has no entry about request/REQ-3 that is no refusal; what was "
      "refused is proven by its number\n");
}

}  // namespace
}  // namespace muster::cli
