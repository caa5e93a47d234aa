#include "bridge/flow/memberships.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bridge/flow/rulings.h"
#include "common/bridge_limits.h"
#include "common/fleet_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

using Op = v1::BridgeOperation;
constexpr absl::Duration kFirstLook = absl::Seconds(5);
constexpr char kToldToAdd[] = "missing users were to be added";

}  // namespace

void Memberships::Start(absl::Time now) {
  for (const AppConfig& app : parts_->options.apps) {
    if (app.user_group.empty()) continue;
    copies_[app.user_group].apps.insert(app.app_id);
    ReadAt(app.user_group, Urgency::kSetUp, now);
  }
}

Memberships::Copy* Memberships::FindCopy(const std::string& app_id) {
  const AppConfig* app = parts_->options.Find(app_id);
  if (app == nullptr || app->user_group.empty()) return nullptr;
  const auto it = copies_.find(app->user_group);
  return it == copies_.end() ? nullptr : &it->second;
}

void Memberships::ReadAt(const std::string& uuid, Urgency urgency, absl::Time at) {
  parts_->agenda.Put(Item(kMembersItem, uuid), urgency, at);
}

void Memberships::Sync(const std::string& app_id, absl::Time now) {
  Copy* copy = FindCopy(app_id);
  if (copy != nullptr) QueueSync(parts_->options.Find(app_id)->user_group, *copy, now);
}

void Memberships::QueueSync(const std::string& uuid, Copy& copy, absl::Time now) {
  Op op = NewOperation(Op::SYNC_USER_GROUP, uuid, "", now);
  if (const Op* old = parts_->operations.Find(op.key()); old != nullptr) {
    // The one that is on its way may have read the directory before this change.
    if (parts_->InFlight(*old)) {
      copy.again = true;
      return;
    }
    if (old->state() == Op::QUEUED && old->attempts() > 0) op.set_attempts(old->attempts());
  }
  parts_->Queue(op, now);
}

void Memberships::Check(const std::string& app_id, const std::string& user, absl::Time now) {
  if (FindCopy(app_id) == nullptr || Has(app_id, user)) return;
  ReadAt(parts_->options.Find(app_id)->user_group, Urgency::kProof, now);
}

bool Memberships::Has(const std::string& app_id, const std::string& user) const {
  const AppConfig* app = parts_->options.Find(app_id);
  if (app == nullptr || app->user_group.empty()) return true;
  const auto it = copies_.find(app->user_group);
  return it != copies_.end() && it->second.read && it->second.members.count(user) > 0;
}

void Memberships::AwaitMember(const std::string& app_id, const std::string& operation_key) {
  if (Copy* copy = FindCopy(app_id); copy != nullptr) copy->waiting.insert(operation_key);
}

std::optional<UemCall> Memberships::Read(const std::string& uuid) const {
  const auto it = copies_.find(uuid);
  if (it == copies_.end()) return std::nullopt;
  UemCall call;
  call.kind = UemCall::Kind::kListMembers;
  call.group.uuid = uuid;
  call.page = it->second.page;
  return call;
}

void Memberships::OnRead(const UemCall& call, const UemAnswer& answer, absl::Time now) {
  const auto it = copies_.find(call.group.uuid);
  if (it == copies_.end()) return;
  Copy& copy = it->second;
  if (!answer.status.ok()) {
    // Pages of two readings do not fit together: it begins again.
    copy.page = 0;
    copy.reading.clear();
    if (!absl::IsResourceExhausted(answer.status)) ++copy.failures;
    return ReadAt(it->first, Urgency::kProof, now + BackOff(copy.failures));
  }
  copy.failures = 0;
  for (const std::string& member : answer.members) copy.reading.insert(UserKey(member));
  if (!answer.last_page && copy.page + 1 < limits::kMaxMemberPages) {
    ++copy.page;
    return ReadAt(it->first, Urgency::kProof, now);
  }
  copy.page = 0;
  copy.members = std::exchange(copy.reading, {});
  copy.read = true;
  Judge(it->first, copy, now);
}

void Memberships::Compare(Copy& copy) const {
  copy.missing.clear();
  copy.surplus.clear();
  for (const auto& [id, phone] : parts_->book.all()) {
    if (phone.policy == nullptr || phone.user.empty()) continue;
    const bool member = copy.members.count(phone.user) > 0;
    const bool granted = std::any_of(
        copy.apps.begin(), copy.apps.end(),
        [&phone = phone](const std::string& app) { return IsGranted(*phone.policy, app); });
    if (granted && !member) copy.missing.insert(phone.user);
    if (!granted && member) copy.surplus.insert(phone.user);
  }
}

void Memberships::Judge(const std::string& uuid, Copy& copy, absl::Time now) {
  Compare(copy);
  for (const std::string& key : std::exchange(copy.waiting, {})) {
    const Op* op = parts_->operations.Find(key);
    const Phone* phone = op == nullptr ? nullptr : parts_->book.Find(op->device_id());
    if (phone == nullptr) continue;
    if (copy.members.count(phone->user) == 0) {
      copy.waiting.insert(key);
    } else if (op->state() == Op::QUEUED) {
      parts_->Queue(*op, now);
    }
  }
  const Op* sync = parts_->operations.Find(OperationKey(Op::SYNC_USER_GROUP, uuid));
  const bool follows = copy.missing.empty() && copy.surplus.empty();
  if (follows && sync != nullptr && sync->state() == Op::ACCEPTED) {
    parts_->Close(std::string(sync->key()));
    sync = nullptr;
  }
  if (sync != nullptr) {
    if (sync->state() == Op::ACCEPTED) return Pursue(*sync, copy, now);
  } else if (!copy.missing.empty()) {
    QueueSync(uuid, copy, now);
  }
  ReadAt(uuid, Urgency::kSweep, now + parts_->options.sweep_every);
}

void Memberships::Pursue(Op sync, const Copy& copy, absl::Time now) {
  const absl::Time sent = FromProto(sync.sent_at());
  if (now >= sent + limits::kSyncAgain) {
    sync.clear_values();
    const char kWhy[] = "the UEM took the sync, and its copy still does not follow the directory";
    // Nobody waits for a removal here: the app is removed from phones without it.
    if (copy.missing.empty()) return parts_->Refuse(sync, kWhy, now);
    return parts_->Retry(sync, kWhy, now);
  }
  if (!copy.missing.empty() && sync.values_size() == 0) {
    // It may know the group's new member and not the person: then only this brings them in.
    sync.add_values(kToldToAdd);
    if (const absl::Status saved = parts_->operations.Save(sync); !saved.ok()) {
      return parts_->Note(saved);
    }
    parts_->Queue(NewOperation(Op::ADD_MISSING_USERS, sync.target(), "", now), now);
  }
  const absl::Duration wait = std::clamp(now - sent, kFirstLook, limits::kMaxUemBackoff);
  ReadAt(sync.target(), Urgency::kProof, now + wait);
}

std::optional<UemCall> Memberships::Carry(const Op& op) const {
  if (copies_.count(op.target()) == 0) return std::nullopt;
  UemCall call;
  call.kind = op.kind() == Op::SYNC_USER_GROUP ? UemCall::Kind::kSyncUserGroup
                                               : UemCall::Kind::kAddMissingUsers;
  call.operation = op.key();
  call.group.uuid = op.target();
  return call;
}

void Memberships::OnAccepted(Op op, absl::Time now) {
  const auto it = copies_.find(op.target());
  if (it == copies_.end() || op.kind() == Op::ADD_MISSING_USERS) {
    parts_->Close(std::string(op.key()));  // the sync stays open until the members were read
  } else if (std::exchange(it->second.again, false)) {
    return parts_->Queue(op, now);
  } else {
    op.set_state(Op::ACCEPTED);
    op.clear_values();
    if (const absl::Status saved = parts_->operations.Save(op); !saved.ok()) {
      return parts_->Note(saved);
    }
  }
  ReadAt(op.target(), Urgency::kProof, now + kFirstLook);
}

std::vector<std::string> Memberships::Problems() const {
  std::vector<std::string> out;
  for (const auto& [uuid, copy] : copies_) {
    const Op* sync = parts_->operations.Find(OperationKey(Op::SYNC_USER_GROUP, uuid));
    // While a first sync runs nothing is wrong yet.
    if (sync == nullptr || sync->last_error().empty()) continue;
    const std::string apps = absl::StrJoin(copy.apps, ", ");
    for (const std::string& user : copy.missing) {
      if (out.size() >= limits::kMaxGroupProblems) return out;
      out.push_back(absl::StrCat(apps, ": ", user,
                                 " is approved and not in the UEM's copy of the group: ",
                                 absl::string_view(sync->last_error())));
    }
    for (const std::string& user : copy.surplus) {
      if (out.size() >= limits::kMaxGroupProblems) return out;
      out.push_back(absl::StrCat(apps, ": ", user,
                                 " is not approved and still in the UEM's copy of the group: ",
                                 absl::string_view(sync->last_error())));
    }
    if (copy.missing.empty() && copy.surplus.empty() && out.size() < limits::kMaxGroupProblems) {
      out.push_back(absl::StrCat(apps, ": ", absl::string_view(sync->last_error())));
    }
  }
  return out;
}

}  // namespace muster::bridge
