// The Beacon: one signed hash over every current document, so that a device that is kept from a
// newer one notices (freeze detection). It carries the signed head of the audit log, so that every
// device is a witness of that.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/merkle.h"
#include "controller/flow/log_continuity.h"
#include "controller/flow/publish.h"

namespace muster {

// One Beacon and the tree under it. Immutable; shared by all streams.
class Beacons {
 public:
  struct Leaf {
    v1::DocumentLeaf leaf;
    uint64_t index = 0;
  };
  // `log`: of the audit log that the Beacon names; nullptr: nothing is proven of it.
  Beacons(const v1::SignedDoc& doc, MerkleTree tree, std::map<std::string, Leaf> leaves,
          std::unique_ptr<const LogContinuity> log);

  // A serialised ControllerMessage: the Beacon and a proof for each of the documents that this
  // device should have. A document newer than the tree gets the proof of its predecessor. With the
  // proof that the audit log continues its first `log_seen` entries, which the device has seen; 0:
  // none. May read the store.
  std::string MessageFor(const std::vector<DocumentPtr>& own, uint64_t log_seen) const;

  const std::string& sha256() const { return sha256_; }  // of the payload, lowercase hex
  uint64_t log_size() const { return log_ == nullptr ? 0 : log_->size(); }

 private:
  const std::string signed_doc_;  // a serialised SignedDoc
  const std::string sha256_;
  const MerkleTree tree_;
  const std::map<std::string, Leaf> leaves_;  // by leaf key
  const std::unique_ptr<const LogContinuity> log_;
};
using BeaconsPtr = std::shared_ptr<const Beacons>;

// Signs the next Beacon over what is stored now and commits it. nullptr when no key may sign
// one, or nothing is published yet. DATA_LOSS: the audit log does not continue the one that the
// last Beacon of this epoch named; such a head is not signed. What is returned reads proofs from
// the store of `services`, which must outlive its use.
absl::StatusOr<BeaconsPtr> MakeBeacon(const Services& services, const Signer& signer);

}  // namespace muster
