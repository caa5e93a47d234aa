#include "controller/flow/rollout.h"

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "common/time_proto.h"
#include "controller/domain/proof.h"
#include "controller/flow/audit.h"
#include "controller/flow/device_documents.h"
#include "controller/flow/lookup.h"
#include "controller/flow/publish_cohort.h"
#include "controller/flow/requests.h"

namespace muster {
namespace {

std::string FullName(const std::string& name) {
  return absl::StartsWith(name, "cohort/") ? name : CohortName(absl::string_view(name));
}

// What the devices in the wave have said of the target's hash. Only what is stored counts: the
// signed report, and the refusal.
absl::StatusOr<WaveCounts> CountWave(const Snapshot& snapshot, const DeviceHub& hub,
                                     const v1::Rollout& rollout) {
  WaveCounts counts;
  MUSTER_RETURN_IF_ERROR(
      ForDevicesOf(snapshot, rollout.name(), [&](const v1::Device& device) -> absl::Status {
        if (!InWave(rollout, device.device_id())) return absl::OkStatus();
        if (hub.Connected(device.device_id())) ++counts.reachable;
        MUSTER_ASSIGN_OR_RETURN(
            const auto state, Find<v1::DocumentState>(
                                  snapshot, DocumentStateKey(device.device_id(), rollout.name())));
        if (!state || state->value.sha256() != rollout.to_sha256()) return absl::OkStatus();
        if (state->value.has_verified_at()) {
          ++counts.verified;
        } else if (state->value.has_nacked_at()) {
          ++counts.nacked;
        } else if (CannotProve(state->value)) {
          ++counts.reported;
        }
        return absl::OkStatus();
      }));
  return counts;
}

absl::Status TakeStep(const Services& services, const Snapshot& snapshot, RolloutStep step,
                      const WaveCounts& counts, v1::Rollout& rollout, Mutation& mutation) {
  const absl::Time now = services.clock.Now();
  switch (step) {
    case RolloutStep::kStay:
      return absl::OkStatus();
    case RolloutStep::kNextWave: {
      MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOf(snapshot, rollout.name()));
      BeginWave(rollout, rollout.wave() + 1, devices, now);
      return absl::OkStatus();
    }
    case RolloutStep::kComplete:
      rollout.set_state(v1::Rollout::COMPLETE);
      *rollout.mutable_ended_at() = ToProto(now);
      return EndRollout(snapshot, rollout.name(), mutation);
    case RolloutStep::kPause:
      rollout.set_state(v1::Rollout::PAUSED);
      rollout.set_reason(absl::StrCat(counts.nacked, " of ",
                                      counts.nacked + counts.verified + counts.reported,
                                      " devices that answered refused it; `device show` says why"));
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> TryAdvance(const Services& services, const DeviceHub& hub,
                                const std::string& key, const RolloutOptions& options) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(auto rollout, Load<v1::Rollout>(*snapshot, key, "no such rollout"));
  if (rollout.value.state() != v1::Rollout::RUNNING) return false;
  const v1::Rollout before = rollout.value;
  MUSTER_ASSIGN_OR_RETURN(const WaveCounts counts, CountWave(*snapshot, hub, rollout.value));
  const RolloutStep step = NextStep(rollout.value, counts, options, services.clock.Now());
  if (step == RolloutStep::kStay) return false;
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(TakeStep(services, *snapshot, step, counts, rollout.value, mutation));
  mutation.expects.push_back({key, rollout.revision});
  Put(mutation, key, rollout.value);
  mutation.audit.push_back(MakeAuditEntry(
      services, MusterItself(),
      {.verb = "rollout.step",
       .object = absl::StrCat("rollout/", rollout.value.name(), "@", rollout.value.to_version()),
       .before = &before,
       .after = &rollout.value,
       .reason = rollout.value.reason()}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return true;
}

absl::Status Count(const Snapshot& snapshot, const DeviceHub& hub, absl::Time now,
                   bool with_devices, v1::RolloutView& view) {
  const v1::Rollout& rollout = view.rollout();
  v1::RolloutCounts& counts = *view.mutable_counts();
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr target,
                          FindDocument(snapshot, DocumentKey(rollout.name())));
  if (target == nullptr) return absl::OkStatus();
  using State = v1::DocumentState;
  std::map<State::State, uint32_t> in;
  MUSTER_RETURN_IF_ERROR(
      ForDevicesOf(snapshot, rollout.name(), [&](const v1::Device& device) -> absl::Status {
        const std::string& id = device.device_id();
        counts.set_devices(counts.devices() + 1);
        if (InWave(rollout, id)) counts.set_in_wave(counts.in_wave() + 1);
        MUSTER_ASSIGN_OR_RETURN(State state,
                                StateOf(snapshot, device, *target, hub.DeliveriesOf(id), now));
        ++in[state.state()];
        if (with_devices) *view.add_documents() = std::move(state);
        return absl::OkStatus();
      }));
  counts.set_queued(in[State::QUEUED]);
  counts.set_sent(in[State::SENT]);
  counts.set_applied(in[State::APPLIED]);
  counts.set_verified(in[State::VERIFIED]);
  counts.set_nacked(in[State::NACKED]);
  counts.set_stale(in[State::STALE]);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> AdvanceRollouts(const Services& services, const DeviceHub& hub,
                                     const RolloutOptions& options) {
  bool changed = false;
  for (const v1::Platform::Id platform : kPlatforms) {
    const std::string key = RolloutKey(CohortName(platform));
    const absl::StatusOr<bool> step =
        RetryAborted([&] { return TryAdvance(services, hub, key, options); });
    if (absl::IsNotFound(step.status())) continue;
    MUSTER_RETURN_IF_ERROR(step.status());
    changed = changed || *step;
  }
  return changed;
}

absl::StatusOr<RolloutOutcome> DecideRollout(const Services& services, const Actor& actor,
                                             RolloutAction action, const std::string& name,
                                             const std::string& reason, bool dry_run) {
  MUSTER_RETURN_IF_ERROR(CheckReason(reason));
  return RetryAborted([&]() -> absl::StatusOr<RolloutOutcome> {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    const std::string key = RolloutKey(FullName(name));
    MUSTER_ASSIGN_OR_RETURN(
        const auto before,
        Load<v1::Rollout>(*snapshot, key,
                          absl::StrCat("there is no rollout of '", name,
                                       "'; `musterctl rollout status` lists them")));
    MUSTER_RETURN_IF_ERROR(CheckAction(before.value, action));
    RolloutOutcome out{before.value, {}};
    out.rollout.set_reason(reason);
    out.rollout.set_decided_by_upn(actor.who.upn);
    out.rollout.set_state(action == RolloutAction::kPause    ? v1::Rollout::PAUSED
                          : action == RolloutAction::kResume ? v1::Rollout::RUNNING
                                                             : v1::Rollout::ABORTED);
    if (action == RolloutAction::kAbort) {
      MUSTER_ASSIGN_OR_RETURN(const std::string refused, ContentOf(*snapshot, out.rollout.name()));
      out.rollout.set_refused_content_sha256(refused);
      *out.rollout.mutable_ended_at() = ToProto(services.clock.Now());
    } else if (action == RolloutAction::kResume) {
      *out.rollout.mutable_wave_started_at() = ToProto(services.clock.Now());
    }
    out.touched.changes = {absl::StrCat(out.rollout.name(), " version ", out.rollout.to_version(),
                                        ": ", v1::Rollout::State_Name(before.value.state()), " -> ",
                                        v1::Rollout::State_Name(out.rollout.state()))};
    MUSTER_RETURN_IF_ERROR(ForDevicesOf(*snapshot, out.rollout.name(), [&](const v1::Device& d) {
      const bool inside = InWave(before.value, d.device_id());
      if (inside == (action == RolloutAction::kAbort)) ++out.touched.devices;
      return absl::OkStatus();
    }));
    if (dry_run) return out;
    Mutation mutation;
    mutation.expects.push_back({key, before.revision});
    Put(mutation, key, out.rollout);
    mutation.audit.push_back(MakeAuditEntry(
        services, actor,
        {.verb = absl::StrCat("rollout.", RolloutActionName(action)),
         .object = absl::StrCat("rollout/", out.rollout.name(), "@", out.rollout.to_version()),
         .before = &before.value,
         .after = &out.rollout,
         .reason = reason}));
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
    services.work.WakeAll();
    return out;
  });
}

absl::Status ListRollouts(const Services& services, const DeviceHub& hub,
                          const v1::ListRolloutsRequest& in, v1::ListRolloutsResponse& out) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  for (const v1::Platform::Id platform : kPlatforms) {
    const std::string name = CohortName(platform);
    if (!in.name().empty() && FullName(in.name()) != name) continue;
    MUSTER_ASSIGN_OR_RETURN(auto rollout, Find<v1::Rollout>(*snapshot, RolloutKey(name)));
    if (!rollout) continue;
    v1::RolloutView* view = out.add_items();
    *view->mutable_rollout() = std::move(rollout->value);
    MUSTER_RETURN_IF_ERROR(Count(*snapshot, hub, services.clock.Now(), in.with_devices(), *view));
  }
  if (!in.name().empty() && out.items().empty()) {
    return absl::NotFoundError(absl::StrCat("there is no rollout of '", in.name(),
                                            "'; `musterctl rollout status` lists them"));
  }
  return absl::OkStatus();
}

}  // namespace muster
