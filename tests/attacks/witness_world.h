// A device that has seen more of the audit log than it is shown next.
#pragma once

#include <string>
#include <utility>

#include "tests/attacks/world.h"

namespace muster::attacks {

using Head = std::pair<uint64_t, std::string>;  // size, root

// The device has seen 9 entries in an honest log, version 6 of the Beacon.
class WitnessWorld : public World {
 public:
  WitnessWorld() {
    tenant.log.AddSome(4);
    TakeBeacon(Honest(5));
  }
  // Version 6 from here on: what the device would take next.
  v1::BeaconUpdate Honest(uint64_t from, const Edit<v1::Beacon>& edit = nullptr) {
    return tenant.Continuing(from, tenant.Beacon(++version, Leaves(), edit));
  }
  // The same of another log, with the log's own key and the proof that it would have.
  v1::BeaconUpdate Of(const LogFolder& log, uint64_t from = 9) {
    Tenant theirs = tenant;
    theirs.log = log;
    const v1::BeaconUpdate beacon = theirs.Beacon(++version, Leaves());
    return log.size() < from ? beacon : theirs.Continuing(from, beacon);
  }
  // After twelve entries, of which one that this device saw is another now.
  LogFolder Rewritten(uint64_t index = 7) const {
    LogFolder out = tenant.log;
    out.Replace(index, "nothing happened");
    out.AddSome(12 - out.size());
    return out;
  }
  // After three more honest entries.
  v1::BeaconUpdate Grown(const Edit<v1::BeaconUpdate>& edit) {
    tenant.log.AddSome(3);
    v1::BeaconUpdate out = Honest(9);
    edit(out);
    return out;
  }
  // Honest but for the checkpoint, which is signed into it.
  v1::BeaconUpdate WithNote(const std::string& note) {
    tenant.log.AddSome(3);
    return Honest(9, [&](v1::Beacon& b) { b.set_audit_checkpoint(note); });
  }
  std::string Offer(const v1::BeaconUpdate& beacon) {
    last = beacon;
    return Texts(acceptor->AcceptBeacon(beacon));
  }
  Head Seen() const { return {acceptor->seen_log().size(), acceptor->seen_log().root()}; }

  uint64_t version = 5;
  v1::BeaconUpdate last;
};

}  // namespace muster::attacks
