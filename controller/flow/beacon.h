// The Beacon: one signed hash over every current document, so that a device that is kept from a
// newer one notices (freeze detection).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/merkle.h"
#include "controller/flow/publish.h"

namespace muster {

// One Beacon and the tree under it. Immutable; shared by all streams.
class Beacons {
 public:
  struct Leaf {
    v1::DocumentLeaf leaf;
    uint64_t index = 0;
  };
  Beacons(std::string signed_doc, MerkleTree tree, std::map<std::string, Leaf> leaves)
      : signed_doc_(std::move(signed_doc)), tree_(std::move(tree)), leaves_(std::move(leaves)) {}

  // A serialised ControllerMessage: the Beacon and a proof for each of the documents that this
  // device should have. A document newer than the tree gets the proof of its predecessor.
  std::string MessageFor(const std::vector<DocumentPtr>& own) const;

 private:
  const std::string signed_doc_;  // a serialised SignedDoc
  const MerkleTree tree_;
  const std::map<std::string, Leaf> leaves_;  // by leaf key
};
using BeaconsPtr = std::shared_ptr<const Beacons>;

// Makes Beacons. Keeps the head of the audit log's tree between two, so that each reads only
// what is new. Thread-compatible.
class BeaconMaker {
 public:
  // Signs the next Beacon over what is stored now and commits it. nullptr when no key may sign
  // one, or nothing is published yet.
  absl::StatusOr<BeaconsPtr> Make(const Services& services, const Signer& signer);

 private:
  absl::Status ReadAudit(const Snapshot& snapshot);
  MerkleHead audit_;
};

}  // namespace muster
