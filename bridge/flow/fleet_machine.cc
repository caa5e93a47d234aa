#include "bridge/flow/fleet_machine.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/bridge_limits.h"
#include "common/fleet_limits.h"

namespace muster::bridge {

Fleet::Machine::Machine(FleetOptions options, BridgeStore* store, FleetEvents events)
    : parts(std::move(options), store, std::move(events)),
      judging(&parts),
      groups(&parts),
      memberships(&parts),
      sender(&parts, &groups, &memberships, &judging),
      lister(&parts, [this](Phone& phone, PhoneBook::Seen seen,
                            absl::Time now) { OnSeen(phone, seen, now); }),
      reader(&parts, {[this](Phone& phone, const PhoneReading& reading, absl::Time now) {
                        Judging::Occasion occasion;
                        occasion.reading = &reading;
                        judging.Run(phone, occasion, now);
                      },
                      [this](const UemPhone& found, absl::Time now) { lister.Take(found, now); },
                      [this](const std::string& id, absl::Time now) { OnGone(id, now); }}),
      pacer(parts.options.pace) {}

absl::StatusOr<std::optional<UemCall>> Fleet::Machine::CallFor(const Agenda::Taken& taken,
                                                               absl::Time now) {
  const size_t colon = taken.item.find(':') + 1;
  const absl::string_view kind = absl::string_view(taken.item).substr(0, colon);
  const std::string name = taken.item.substr(colon);
  if (kind == kOpItem) return sender.Send(name, now);
  if (kind == kListItem) return lister.Next();
  if (kind == kPhoneItem) return reader.Read(name, taken.urgency, now);
  if (kind == kGroupItem) return groups.Read(name);
  if (kind == kMembersItem) return memberships.Read(name);
  UemCall call;
  call.kind = UemCall::Kind::kGetPhone;
  call.phone.identity.set_uem_id(name);
  return call;
}

namespace {

// The agenda's item that the call was made for.
std::string ItemOf(const UemCall& call, const Phone* phone) {
  if (!call.operation.empty()) return Item(kOpItem, call.operation);
  switch (TraitsOf(call.kind).about) {
    case UemCallTraits::About::kPhones:
      return Item(kListItem, "");
    case UemCallTraits::About::kPhone:
      return phone != nullptr ? Item(kPhoneItem, phone->device_id)
                              : Item(kFindItem, call.phone.identity.uem_id());
    case UemCallTraits::About::kGroup:
      return Item(kGroupItem, call.group.name);
    case UemCallTraits::About::kMembers:
      return Item(kMembersItem, call.group.uuid);
  }
  return "";
}

}  // namespace

void Fleet::Machine::Dispatch(const UemCall& call, const UemAnswer& answer, absl::Time now) {
  const std::string& uem_id = call.phone.identity.uem_id();
  // A hint's phone may have come with the list meanwhile: then both items name it.
  const bool hinted = call.operation.empty() && unknown.erase(uem_id) > 0;
  if (hinted) parts.agenda.Done(Item(kFindItem, uem_id));
  const std::string item = ItemOf(call, parts.book.FindByUemId(uem_id));
  parts.agenda.Done(item);
  if (!call.operation.empty()) return sender.OnAnswer(call, answer, now);
  if (hinted) {
    for (const UemPhone& phone : answer.phones) lister.Take(phone, now);
    const bool settled = answer.status.ok() || absl::IsNotFound(answer.status);
    if (!settled) Hint(uem_id, now);
    return;
  }
  if (absl::StartsWith(item, kListItem)) return lister.OnAnswer(call, answer, now);
  if (absl::StartsWith(item, kPhoneItem)) return reader.OnAnswer(call, answer, now);
  if (absl::StartsWith(item, kGroupItem)) return groups.OnRead(call, answer, now);
  if (absl::StartsWith(item, kMembersItem)) return memberships.OnRead(call, answer, now);
}

void Fleet::Machine::OnSeen(Phone& phone, PhoneBook::Seen seen, absl::Time now) {
  switch (seen) {
    case PhoneBook::Seen::kSame:
      return;
    case PhoneBook::Seen::kContact:
      return OnContact(phone, now);
    case PhoneBook::Seen::kNew:
    case PhoneBook::Seen::kIdentity: {
      const absl::StatusOr<v1::PhoneRecord> record = parts.book.Read(phone);
      if (record.ok()) parts.events.appeared(*record);
      break;
    }
    case PhoneBook::Seen::kFacts:
      break;
  }
  parts.ReadPhone(phone.device_id, Urgency::kSeen, now);
  judging.Run(phone, {}, now);
}

// A phone that checked in may have done what it was told.
void Fleet::Machine::OnContact(Phone& phone, absl::Time now) {
  bool awaited = phone.distance > 0;
  for (const v1::BridgeOperation* op : parts.operations.OfPhone(phone.device_id)) {
    const bool sent = op->state() == v1::BridgeOperation::ACCEPTED;
    if (sent) parts.ReadPhone(phone.device_id, Urgency::kProof, now);
    awaited = awaited || sent;
  }
  if (awaited) judging.RunAt(phone.device_id, now);
  parts.ReadPhone(phone.device_id, Urgency::kSeen,
                  std::max(now, phone.apps_read_at + limits::kPhoneReadEvery));
}

void Fleet::Machine::OnGone(const std::string& device_id, absl::Time now) {
  std::vector<std::string> keys;
  for (const v1::BridgeOperation* op : parts.operations.OfPhone(device_id)) {
    keys.push_back(op->key());
  }
  for (const std::string& key : keys) parts.Close(key);
  if (const absl::Status removed = parts.book.Remove(device_id); !removed.ok()) {
    parts.Note(removed);
    return parts.ReadPhone(device_id, Urgency::kHint, now + limits::kUemCallTime);
  }
  parts.agenda.Drop(Item(kPhoneItem, device_id));
  reader.Forget(device_id);
  judging.Forget(device_id);
  parts.events.left(device_id);
}

void Fleet::Machine::Hint(const std::string& uem_id, absl::Time now) {
  if (Phone* phone = parts.book.FindByUemId(uem_id)) {
    return parts.ReadPhone(phone->device_id, Urgency::kHint, now);
  }
  if (uem_id.empty() || unknown.size() >= limits::kMaxHints) return;
  if (unknown.insert(uem_id).second) {
    parts.agenda.Put(Item(kFindItem, uem_id), Urgency::kHint, now);
  }
}

void Fleet::Machine::OnPolicy(Phone& phone, PhonePolicyPtr policy, absl::Time now) {
  const PhonePolicyPtr old = std::exchange(phone.policy, std::move(policy));
  if (phone.policy == nullptr) return;
  groups.OnPolicy(*phone.policy, now);
  if (old == nullptr) {
    // After a start nobody knows what was granted before: the members tell who is missing.
    for (const AppRuling& ruling : phone.policy->apps) {
      if (IsGranted(*phone.policy, ruling.app_id)) {
        memberships.Check(ruling.app_id, phone.user, now);
      }
    }
    return judging.RunAt(phone.device_id, now);
  }
  Judging::Occasion occasion;
  occasion.began = GrantedBeyond(*phone.policy, *old);
  occasion.ended = GrantedBeyond(*old, *phone.policy);
  for (const GrantChange& change : occasion.began) memberships.Sync(change.app_id, now);
  for (const GrantChange& change : occasion.ended) memberships.Sync(change.app_id, now);
  if (occasion.began.empty() && occasion.ended.empty()) {
    return judging.RunAt(phone.device_id, now);
  }
  judging.Run(phone, occasion, now);
}

absl::Time Fleet::Machine::NextCallAt(absl::Time now) const {
  if (!health.well() && in_flight > 0) return absl::InfiniteFuture();
  const absl::Time urgent = std::max(parts.agenda.NextAt(true), pacer.NextAt(/*urgent=*/true, now));
  const absl::Time other =
      std::max(parts.agenda.NextAt(false), pacer.NextAt(/*urgent=*/false, now));
  const absl::Time next = std::min(urgent, other);
  return health.well() ? next : std::max(next, health.not_before());
}

}  // namespace muster::bridge
