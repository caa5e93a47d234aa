#include "controller/flow/restore_proof.h"

#include "absl/strings/str_cat.h"
#include "common/checkpoint.h"
#include "common/log_tiles.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"
#include "controller/flow/records.h"
#include "muster/v1/document.pb.h"
#include "muster/v1/policy.pb.h"

namespace muster {

absl::StatusOr<std::vector<NoteVerifier>> LogKeysOfStore(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto doc, Find<v1::SignedDoc>(snapshot, DocumentKey(kRootName)));
  if (!doc) return std::vector<NoteVerifier>();
  v1::Root root;
  if (!root.ParseFromString(doc->value.payload())) {
    return absl::DataLossError("the root of trust in the store is damaged");
  }
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(root));
  return LogKeysOf(trust);
}

absl::StatusOr<RestoreProof> ProveRestored(const Snapshot& snapshot,
                                           const std::vector<NoteVerifier>& keys,
                                           const std::vector<WitnessNote>& notes) {
  RestoreProof out;
  out.size = snapshot.log_head().size;
  for (const WitnessNote& witness : notes) {
    const absl::StatusOr<Checkpoint> head = OpenCheckpoint(witness.note, keys, "");
    if (!head.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat(witness.from, ": ", head.status().message()));
    }
    if (head->size > out.seen_size) {
      out.seen_size = head->size;
      out.seen_from = witness.from;
    }
    // What lies beyond the end cannot be compared: it is missing.
    if (head->size > out.size) continue;
    MUSTER_ASSIGN_OR_RETURN(const std::string root, RootAt(snapshot, head->size));
    if (root != head->root) {
      return absl::FailedPreconditionError(absl::StrCat(
          witness.from, ": the log of this backup is not the one that was seen there: with ",
          head->size,
          " entries it had another root. Somebody rewrote one of them; keep both for "
          "the auditors"));
    }
  }
  return out;
}

}  // namespace muster
