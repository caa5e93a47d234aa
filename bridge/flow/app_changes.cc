#include "bridge/flow/app_changes.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "common/crypto.h"
#include "common/fleet_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

using Op = v1::BridgeOperation;

const v1::SampledApp* FindApp(const v1::PhoneRecord& record, const std::string& bundle_id) {
  for (const v1::SampledApp& app : record.apps()) {
    if (app.bundle_id() == bundle_id) return &app;
  }
  return nullptr;
}

// The UEM's own clock says when its last action on an app was: kept from before ours is sent, so
// that a later one is known as ours whatever the two clocks say.
std::string ActionMark(const v1::SampledApp* app) {
  if (app == nullptr || !app->has_latest_action_at()) return "";
  return absl::StrCat(app->latest_action_at().seconds(), ".", app->latest_action_at().nanos());
}

bool Took(const Op& op, const v1::SampledApp* app) {
  if (app == nullptr) return false;
  const std::string said = absl::AsciiStrToLower(app->latest_action());
  const char* word = op.kind() == Op::INSTALL_APP ? "install" : "remov";
  const std::string before = op.values_size() > 0 ? op.values(0) : "";
  return absl::StrContains(said, word) && ActionMark(app) != before;
}

bool SaysFailed(const Op& op, const v1::SampledApp* app) {
  if (!Took(op, app)) return false;
  const std::string said = absl::AsciiStrToLower(app->latest_action());
  return absl::StrContains(said, "fail") || absl::StrContains(said, "reject") ||
         absl::StrContains(said, "error");
}

// What a refused operation was refused with; another one is worth another try.
std::string Circumstances(const v1::PhoneRecord& record, const PhonePolicy& policy,
                          const ManagedApp& app) {
  const v1::SampledApp* has = FindApp(record, app.bundle_id);
  const v1::PhoneFacts& facts = record.facts();
  return Sha256Hex(absl::StrCat(
      policy.cohort_sha256, "|", facts.management(), "|", facts.enrolment(), "|", facts.os(), "|",
      facts.enrolled_at().seconds(), "|", app.uem_id, "|", has != nullptr && has->installed(), "|",
      has != nullptr && has->assigned(), "|", has != nullptr ? has->reason() : ""));
}

void SettleOne(FleetParts& parts, const v1::PhoneRecord& record, Op op, absl::Time began,
               absl::Time now) {
  const AppConfig* config = parts.options.Find(op.app_id());
  if (config == nullptr || !config->managed(record.identity().platform())) {
    return parts.Close(op.key());
  }
  const absl::Time sent = FromProto(op.sent_at());
  const v1::SampledApp* app =
      FindApp(record, config->managed(record.identity().platform())->bundle_id);
  const bool installed = app != nullptr && app->installed();
  if (installed == (op.kind() == Op::INSTALL_APP)) return parts.Close(op.key());
  if (SaysFailed(op, app)) {
    return parts.Refuse(op, absl::StrCat("the UEM says: ", app->latest_action()), now);
  }
  if (op.state() == Op::SENT && !Took(op, app)) {
    // Its answer was lost. What is still under way somewhere could arrive after this reading.
    if (began < sent + limits::kUemCallTime) {
      return parts.ReadPhone(record.device_id(), Urgency::kProof, sent + limits::kUemCallTime);
    }
    return parts.Retry(op, "its answer was lost, and the UEM does not show it", now);
  }
  if (op.state() == Op::SENT) {
    op.set_state(Op::ACCEPTED);
    if (const absl::Status saved = parts.operations.Save(op); !saved.ok()) parts.Note(saved);
  }
  const absl::Time seen = FromProto(record.facts().last_seen_at());
  if (seen >= sent + limits::kCommandAgain) {
    return parts.Retry(op, "the phone was seen since, and did not do it", now);
  }
  const absl::Duration wait = std::clamp(now - sent, limits::kFirstProof, limits::kLongestProof);
  parts.ReadPhone(record.device_id(), Urgency::kProof, now + wait);
}

std::string TransactionOf(const std::vector<GrantChange>& changes, const std::string& app_id) {
  for (const GrantChange& change : changes) {
    if (change.app_id == app_id) return change.transaction_id;
  }
  return "";
}

// Puts a wanted operation into the outbox unless it is there.
void WantOne(FleetParts& parts, Op op, absl::Time now) {
  const Op* old = parts.operations.Find(op.key());
  if (old == nullptr) {
    parts.Queue(op, now);
    return;
  }
  if (old->state() == Op::SENT || old->state() == Op::ACCEPTED) return;
  if (old->state() == Op::REFUSED) {
    const bool same = old->payload_sha256() == op.payload_sha256();
    if (!same || now >= FromProto(old->next_at())) parts.Queue(op, now);
    return;
  }
  const bool hastened = old->transaction_id().empty() && !op.transaction_id().empty();
  if (old->payload_sha256() == op.payload_sha256() && !hastened) {
    return parts.Wake(*old);
  }
  op.set_attempts(old->attempts());
  parts.Queue(op, hastened ? now : FromProto(old->next_at()));
}

void DropUnsent(FleetParts& parts, const std::string& device_id, bool profiles,
                const std::set<std::string>& wanted) {
  std::vector<std::string> unsent;
  for (const Op* op : parts.operations.OfPhone(device_id)) {
    const bool ours = profiles ? op->kind() == Op::INSTALL_PROFILE
                               : op->kind() == Op::INSTALL_APP || op->kind() == Op::REMOVE_APP;
    const bool sent = op->state() == Op::SENT || op->state() == Op::ACCEPTED;
    if (ours && !sent && wanted.count(op->key()) == 0) unsent.push_back(op->key());
  }
  for (const std::string& key : unsent) parts.Close(key);
}

}  // namespace

void SettleApps(FleetParts& parts, const v1::PhoneRecord& record, absl::Time began,
                absl::Time now) {
  std::vector<Op> sent;
  for (const Op* op : parts.operations.OfPhone(record.device_id())) {
    const bool app = op->kind() == Op::INSTALL_APP || op->kind() == Op::REMOVE_APP;
    const bool open = op->state() == Op::SENT || op->state() == Op::ACCEPTED;
    if (app && open && !parts.InFlight(*op) && FromProto(op->sent_at()) < began) {
      sent.push_back(*op);
    }
  }
  for (const Op& op : sent) SettleOne(parts, record, op, began, now);
}

void QueueActions(FleetParts& parts, const v1::PhoneRecord& record, const PhonePolicy& policy,
                  const std::vector<WantedAction>& actions, const std::vector<GrantChange>& ended,
                  absl::Time now) {
  std::set<std::string> wanted;
  for (const WantedAction& action : actions) {
    const bool install = action.kind == WantedAction::Kind::kInstall;
    Op op = NewOperation(install ? Op::INSTALL_APP : Op::REMOVE_APP, record.device_id(),
                         action.app_id, now);
    op.set_device_id(record.device_id());
    op.set_app_id(action.app_id);
    op.set_transaction_id(install ? action.transaction_id : TransactionOf(ended, action.app_id));
    op.set_payload_sha256(Circumstances(record, policy, action.app));
    op.add_values(ActionMark(FindApp(record, action.app.bundle_id)));
    wanted.insert(op.key());
    WantOne(parts, std::move(op), now);
  }
  DropUnsent(parts, record.device_id(), /*profiles=*/false, wanted);
}

void QueueProfile(FleetParts& parts, const v1::PhoneRecord& record, const PhonePolicy& policy,
                  const std::string& hash, const std::vector<GrantChange>& changed,
                  absl::Time now) {
  std::set<std::string> wanted;
  const bool anew = record.facts().has_enrolled_at() && record.has_profile_at() &&
                    FromProto(record.facts().enrolled_at()) > FromProto(record.profile_at());
  if (!hash.empty() && (hash != record.profile_sha256() || anew)) {
    Op op = NewOperation(Op::INSTALL_PROFILE, record.device_id(), "", now);
    op.set_device_id(record.device_id());
    op.set_payload_sha256(hash);
    if (!changed.empty()) op.set_transaction_id(changed[0].transaction_id);
    wanted.insert(op.key());
    WantOne(parts, std::move(op), now);
  }
  DropUnsent(parts, record.device_id(), /*profiles=*/true, wanted);
}

}  // namespace muster::bridge
