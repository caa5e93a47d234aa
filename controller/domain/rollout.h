// How a new cohort policy reaches the fleet: which devices are in the wave, and when the next
// wave may begin. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/rollout.pb.h"

namespace muster {

struct RolloutOptions {
  // A wave is over when every connected device in it has answered, or after this long.
  absl::Duration soak = absl::Minutes(1);
  // More refusals than this share of the devices reached pause the rollout.
  uint32_t max_nack_percent = 2;
};

// A device's place in every rollout: the same for all versions, so that a device that was first
// once is first again and never has to go back.
uint64_t WaveHash(absl::string_view device_id);
bool InWave(const v1::Rollout& rollout, absl::string_view device_id);
uint64_t CutoffOf(const v1::Rollout& rollout);

inline constexpr uint32_t kLastWave = 3;

// Starts wave `wave` (1, 2, 3: 1 %, 10 %, all) for these devices; at least one is in it.
void BeginWave(v1::Rollout& rollout, uint32_t wave, const std::vector<std::string>& device_ids,
               absl::Time now);

// What is known of the devices in the wave.
struct WaveCounts {
  uint32_t reachable = 0;  // connected
  uint32_t verified = 0, nacked = 0;
  // A signed report names it, from a device that blocks nothing and so can prove nothing.
  uint32_t reported = 0;
};

enum class RolloutStep { kStay, kNextWave, kComplete, kPause };
// Only a RUNNING rollout takes a step.
RolloutStep NextStep(const v1::Rollout& rollout, const WaveCounts& counts,
                     const RolloutOptions& options, absl::Time now);

enum class RolloutAction { kPause, kResume, kAbort };
// FAILED_PRECONDITION when the action does not fit the state, with what does.
absl::Status CheckAction(const v1::Rollout& rollout, RolloutAction action);
absl::string_view RolloutActionName(RolloutAction action);  // "pause"

}  // namespace muster
