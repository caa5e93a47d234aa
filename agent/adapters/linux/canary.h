// The proof of a block: a process of ours tries to run a file that the gate knows it must not,
// on one filesystem, and must be refused.
#pragma once

#include <functional>

#include "agent/adapters/linux/gate_state.h"
#include "agent/adapters/linux/mount_marks.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// Takes moments, a try at most limits::kCanaryTime. The file is an unnamed one of ours, or where
// none can be made any program that is there; nothing is left behind, and nothing ever runs: the
// process is traced and ended before its first instruction. One that is not stopped is tried again,
// thrice in all: RAN means that it never was. One at a time.
v1::Canary TryCanary(const MountMarks::Marked& where, GateState& shared);

}  // namespace muster::agent
