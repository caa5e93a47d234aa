#include "controller/domain/rollout.h"

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/crypto.h"
#include "common/time_proto.h"

namespace muster {
namespace {

constexpr uint32_t kPercents[] = {1, 10, 100};

}  // namespace

uint64_t WaveHash(absl::string_view device_id) {
  const std::string digest = Sha256(absl::StrCat("muster wave ", device_id));
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) out = out << 8 | static_cast<unsigned char>(digest[i]);
  return out;
}

uint64_t CutoffOf(const v1::Rollout& rollout) {
  uint64_t cutoff = 0;
  // A damaged cutoff holds the rollout where it is: nobody is in the wave.
  return absl::SimpleHexAtoi(rollout.cutoff(), &cutoff) ? cutoff : 0;
}

bool InWave(const v1::Rollout& rollout, absl::string_view device_id) {
  return WaveHash(device_id) <= CutoffOf(rollout);
}

void BeginWave(v1::Rollout& rollout, uint32_t wave, const std::vector<std::string>& device_ids,
               absl::Time now) {
  const uint32_t percent = kPercents[std::clamp(wave, 1u, kLastWave) - 1];
  uint64_t cutoff = std::numeric_limits<uint64_t>::max();
  if (percent < 100 && !device_ids.empty()) {
    std::vector<uint64_t> hashes;
    for (const std::string& id : device_ids) hashes.push_back(WaveHash(id));
    const size_t count = (hashes.size() * percent + 99) / 100;
    std::nth_element(hashes.begin(), hashes.begin() + static_cast<ptrdiff_t>(count - 1),
                     hashes.end());
    cutoff = hashes[count - 1];
  }
  // Who was in it stays in it, also when many devices have joined since.
  cutoff = std::max(cutoff, CutoffOf(rollout));
  rollout.set_wave(wave);
  rollout.set_percent(percent);
  rollout.set_cutoff(absl::StrFormat("%016x", cutoff));
  *rollout.mutable_wave_started_at() = ToProto(now);
}

RolloutStep NextStep(const v1::Rollout& rollout, const WaveCounts& counts,
                     const RolloutOptions& options, absl::Time now) {
  if (rollout.state() != v1::Rollout::RUNNING) return RolloutStep::kStay;
  const uint32_t answered = counts.verified + counts.reported + counts.nacked;
  const uint64_t reached = std::max({answered, counts.reachable, 1u});
  if (uint64_t{counts.nacked} * 100 > reached * options.max_nack_percent) {
    return RolloutStep::kPause;
  }
  const bool all_answered = counts.reachable > 0 && answered >= counts.reachable;
  const bool soaked = now - FromProto(rollout.wave_started_at()) >= options.soak;
  // Connected devices of which not one has answered are no proof that the policy is good.
  const bool silent = counts.reachable > 0 && answered == 0;
  if (!all_answered && (!soaked || silent)) return RolloutStep::kStay;
  return rollout.wave() < kLastWave ? RolloutStep::kNextWave : RolloutStep::kComplete;
}

absl::string_view RolloutActionName(RolloutAction action) {
  switch (action) {
    case RolloutAction::kPause:
      return "pause";
    case RolloutAction::kResume:
      return "resume";
    case RolloutAction::kAbort:
      return "abort";
  }
  return "";
}

absl::Status CheckAction(const v1::Rollout& rollout, RolloutAction action) {
  const bool running = rollout.state() == v1::Rollout::RUNNING;
  const bool paused = rollout.state() == v1::Rollout::PAUSED;
  const bool fits = action == RolloutAction::kPause    ? running
                    : action == RolloutAction::kResume ? paused
                                                       : running || paused;
  if (fits) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the rollout of ", rollout.name(), " version ", rollout.to_version(), " is ",
                   v1::Rollout::State_Name(rollout.state()), "; only a ",
                   action == RolloutAction::kPause    ? "RUNNING"
                   : action == RolloutAction::kResume ? "PAUSED"
                                                      : "RUNNING or PAUSED",
                   " one can be told to ", RolloutActionName(action)));
}

}  // namespace muster
