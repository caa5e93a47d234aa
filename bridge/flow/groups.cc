#include "bridge/flow/groups.h"

#include <optional>
#include <utility>

#include "common/bridge_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

using Op = v1::BridgeOperation;
using Kind = UemCall::Kind;

constexpr Op::Kind kChanges[] = {Op::CREATE_APP_GROUP, Op::ADD_TO_APP_GROUP,
                                 Op::REMOVE_FROM_APP_GROUP, Op::CREATE_SMART_GROUP,
                                 Op::CHANGE_SMART_GROUP};

std::vector<std::string> ValuesOf(const Op& op) { return {op.values().begin(), op.values().end()}; }

}  // namespace

void Groups::Start(absl::Time now) {
  std::vector<std::string> unsent;
  for (const auto& [key, op] : parts_->operations.all()) {
    // What was not sent is found again by reading. An assignment cannot be read back; the UEM
    // takes it again, so it is sent again.
    const bool again = op.kind() == Op::ASSIGN_APP && op.state() != Op::DONE;
    if (again || (ChangesGroup(op.kind()) && op.state() == Op::QUEUED)) unsent.push_back(key);
  }
  for (const std::string& key : unsent) parts_->Close(key);
  for (WantedGroup& group : SmartGroups(parts_->options.apps)) Want(std::move(group), now);
}

void Groups::OnPolicy(const PhonePolicy& policy, absl::Time now) {
  if (policy.stale) return;  // What it says then is not what the agency decided.
  PlatformRules rules = RulesOf(policy);
  PlatformRules& last = rules_[policy.platform];
  if (rules == last || rules.version < last.version) return;
  last = std::move(rules);
  for (WantedGroup& group : AppGroups(last, policy.platform)) Want(std::move(group), now);
}

void Groups::Want(WantedGroup group, absl::Time now) {
  const std::string name = group.group.name;
  Known& known = known_[name];
  const bool same = known.wanted.group.name == name &&
                    known.wanted.group.bundle_ids == group.group.bundle_ids &&
                    known.wanted.group.user_groups == group.group.user_groups;
  known.wanted = std::move(group);
  if (!same) ReadAt(name, now);
}

void Groups::ReadAt(const std::string& name, absl::Time at) {
  if (known_.count(name) > 0) parts_->agenda.Put(Item(kGroupItem, name), Urgency::kSetUp, at);
}

std::optional<UemCall> Groups::Read(const std::string& name) const {
  const auto it = known_.find(name);
  if (it == known_.end()) return std::nullopt;
  const Known& known = it->second;
  // A reading beside a change could show what was before; the change's answer asks for another.
  for (const Op::Kind kind : kChanges) {
    const Op* change = parts_->operations.Find(OperationKey(kind, name));
    if (change != nullptr && parts_->InFlight(*change)) return std::nullopt;
  }
  UemCall call;
  call.group.name = name;
  call.group.platform = known.wanted.group.platform;
  call.group.id = known.id;
  if (known.wanted.smart) {
    call.kind = known.id.empty() ? Kind::kFindSmartGroup : Kind::kGetSmartGroup;
  } else {
    call.kind = known.id.empty() ? Kind::kFindAppGroup : Kind::kGetAppGroup;
  }
  return call;
}

void Groups::OnRead(const UemCall& call, const UemAnswer& answer, absl::Time now) {
  const auto it = known_.find(call.group.name);
  if (it == known_.end()) return;
  Known& known = it->second;
  const bool found_by_name = call.group.id.empty();
  if (!answer.status.ok() && !absl::IsNotFound(answer.status)) {
    if (!absl::IsResourceExhausted(answer.status)) ++known.failures;
    return ReadAt(call.group.name, now + BackOff(known.failures));
  }
  known.failures = 0;
  if (answer.status.ok() && answer.group && !answer.group->id.empty()) {
    known.id = answer.group->id;
    if (!answer.group->uuid.empty()) known.uuid = answer.group->uuid;
    // A search names it; only reading it says what it holds.
    if (found_by_name) return ReadAt(call.group.name, now);
    Compare(known, *answer.group, now);
  } else if (found_by_name) {
    OnMissing(known, now);
  } else {
    known.id.clear();  // it was there, and is not any more: look for it by name
    known.uuid.clear();
    return ReadAt(call.group.name, now);
  }
  parts_->agenda.Put(Item(kGroupItem, call.group.name), Urgency::kSweep,
                     now + parts_->options.sweep_every);
}

void Groups::OnMissing(const Known& known, absl::Time now) {
  if (known.wanted.smart) {
    Settle(Op::CREATE_SMART_GROUP, known, known.wanted.group.user_groups, now);
  } else {
    Settle(Op::CREATE_APP_GROUP, known, known.wanted.group.bundle_ids, now);
  }
}

void Groups::Compare(const Known& known, const UemGroup& has, absl::Time now) {
  const UemGroup& wanted = known.wanted.group;
  if (known.wanted.smart) {
    Settle(Op::CREATE_SMART_GROUP, known, {}, now);
    Settle(Op::CHANGE_SMART_GROUP, known, Missing(wanted.user_groups, has.user_groups), now);
    return Assign(known, now);
  }
  Settle(Op::CREATE_APP_GROUP, known, {}, now);
  Settle(Op::ADD_TO_APP_GROUP, known, Missing(wanted.bundle_ids, has.bundle_ids), now);
  Settle(Op::REMOVE_FROM_APP_GROUP, known, Missing(has.bundle_ids, wanted.bundle_ids), now);
}

void Groups::Settle(Op::Kind kind, const Known& known, const std::vector<std::string>& values,
                    absl::Time now) {
  const std::string& name = known.wanted.group.name;
  const Op* old = parts_->operations.Find(OperationKey(kind, name));
  if (old != nullptr && parts_->InFlight(*old)) return;  // its answer makes us read again
  if (values.empty()) {
    if (old != nullptr) parts_->Close(std::string(old->key()));
    return;
  }
  Op op = old != nullptr ? *old : NewOperation(kind, name, "", now);
  const bool same = ValuesOf(op) == values;
  op.mutable_values()->Assign(values.begin(), values.end());
  if (op.state() == Op::SENT || op.state() == Op::ACCEPTED) {
    const absl::Time settled = FromProto(op.sent_at()) + limits::kUemCallTime;
    if (op.state() == Op::SENT && now < settled) return ReadAt(name, settled);
    return parts_->Retry(op, "it was sent, and the group was read without it", now);
  }
  if (op.state() == Op::REFUSED) {
    if (same && now < FromProto(op.next_at())) return;
    op.set_attempts(0);
  }
  parts_->Queue(op, old != nullptr && old->state() == Op::QUEUED ? FromProto(op.next_at()) : now);
}

void Groups::Assign(const Known& known, absl::Time now) {
  for (const ManagedApp& app : known.wanted.apps) {
    Op op = NewOperation(Op::ASSIGN_APP, known.wanted.group.name, known.id + ":" + app.uem_id, now);
    // DONE stays in the store: no call says what is assigned.
    if (const Op* old = parts_->operations.Find(op.key()); old != nullptr) {
      if (old->state() == Op::QUEUED) parts_->Queue(*old, FromProto(old->next_at()));
      continue;
    }
    op.set_app_id(app.app_id);
    op.add_values(v1::Platform::Id_Name(app.platform));
    parts_->Queue(op, now);
  }
}

std::optional<UemCall> Groups::Carry(const Op& op) const {
  const auto it = known_.find(op.target());
  if (it == known_.end()) return std::nullopt;
  const Known& known = it->second;
  UemCall call;
  call.operation = op.key();
  call.group.name = op.target();
  call.group.platform = known.wanted.group.platform;
  call.group.id = known.id;
  call.group.uuid = known.uuid;
  const bool creates = op.kind() == Op::CREATE_APP_GROUP || op.kind() == Op::CREATE_SMART_GROUP;
  if (known.id.empty() != creates) return std::nullopt;
  if (parts_->agenda.IsTaken(Item(kGroupItem, op.target()))) return std::nullopt;
  if (op.kind() == Op::ASSIGN_APP) {
    call.kind = Kind::kAssignApp;
    for (const ManagedApp& app : known.wanted.apps) {
      const bool this_one =
          op.key() == OperationKey(Op::ASSIGN_APP, op.target(), known.id + ":" + app.uem_id);
      if (this_one) call.app = app;
    }
    return call.app.uem_id.empty() ? std::nullopt : std::optional(call);
  }
  if (known.wanted.smart) {
    call.kind = creates ? Kind::kCreateSmartGroup : Kind::kChangeSmartGroup;
    call.group.user_groups = ValuesOf(op);
  } else {
    call.group.bundle_ids = ValuesOf(op);
    call.kind = creates                             ? Kind::kCreateAppGroup
                : op.kind() == Op::ADD_TO_APP_GROUP ? Kind::kAddToAppGroup
                                                    : Kind::kRemoveFromAppGroup;
  }
  return call;
}

}  // namespace muster::bridge
