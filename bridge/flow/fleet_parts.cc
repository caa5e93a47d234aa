#include "bridge/flow/fleet_parts.h"

#include "absl/strings/str_cat.h"
#include "agent/domain/text.h"
#include "common/bridge_limits.h"
#include "common/fleet_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

using Op = v1::BridgeOperation;

Urgency UrgencyOf(const Op& op) {
  if (IsUrgent(op)) return Urgency::kApproval;
  return ChangesGroup(op.kind()) || op.kind() == Op::ASSIGN_APP ? Urgency::kSetUp
                                                                : Urgency::kChange;
}

}  // namespace

std::string Item(absl::string_view kind, const std::string& name) {
  return absl::StrCat(kind, name);
}

std::string Words(absl::string_view text) {
  return agent::CleanText(text, limits::kMaxUemTextBytes);
}

std::string Words(const absl::Status& status) {
  return Words(absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                            absl::string_view(status.message())));
}

Op NewOperation(Op::Kind kind, const std::string& target, const std::string& detail,
                absl::Time now) {
  Op op;
  op.set_key(OperationKey(kind, target, detail));
  op.set_kind(kind);
  op.set_target(target);
  *op.mutable_created_at() = ToProto(now);
  return op;
}

void FleetParts::Queue(Op op, absl::Time at) {
  op.set_state(Op::QUEUED);
  *op.mutable_next_at() = ToProto(at);
  if (const absl::Status saved = operations.Save(op); !saved.ok()) return Note(saved);
  agenda.Put(Item(kOpItem, op.key()), UrgencyOf(op), at);
}

void FleetParts::Wake(const Op& op) {
  agenda.Put(Item(kOpItem, op.key()), UrgencyOf(op), FromProto(op.next_at()));
}

void FleetParts::ReadPhone(const std::string& device_id, Urgency urgency, absl::Time at) {
  agenda.Put(Item(kPhoneItem, device_id), urgency, at);
}

void FleetParts::Retry(Op op, const std::string& why, absl::Time now) {
  if (op.attempts() >= limits::kMaxUemAttempts) {
    return Refuse(op, absl::StrCat("gave up after ", op.attempts(), " attempts; the last: ", why),
                  now);
  }
  op.set_last_error(Words(why));
  Queue(op, now + BackOff(op.attempts()));
}

void FleetParts::Refuse(Op op, const std::string& why, absl::Time now) {
  op.set_state(Op::REFUSED);
  op.set_last_error(Words(why));
  const absl::Time again = now + limits::kRefusedAgain;
  *op.mutable_next_at() = ToProto(again);
  if (const absl::Status saved = operations.Save(op); !saved.ok()) return Note(saved);
  agenda.Put(Item(kOpItem, op.key()), Urgency::kSweep, again);
}

void FleetParts::Close(const std::string& key) {
  const std::string item = Item(kOpItem, key);
  if (const absl::Status removed = operations.Remove(key); !removed.ok()) return Note(removed);
  agenda.Drop(item);
}

bool FleetParts::InFlight(const Op& op) const { return agenda.IsTaken(Item(kOpItem, op.key())); }

}  // namespace muster::bridge
