#include "common/log_proof.h"

#include <gtest/gtest.h>

#include "tests/support/log_folder.h"

namespace muster {
namespace {

TEST(LogProof, LeadsFromTheEntryToTheSignedHead) {
  LogFolder log;
  log.AddSome(300);
  const LogProof proof = log.Proof(7, 300);
  const absl::StatusOr<Checkpoint> got = VerifyLogProof(proof, {log.Key()});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, (Checkpoint{"agency/audit", 300, log.Root(300)}));
}

}  // namespace
}  // namespace muster
