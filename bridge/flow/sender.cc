#include "bridge/flow/sender.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bridge/domain/phone_reading.h"
#include "bridge/flow/first_sample.h"
#include "bridge/flow/rulings.h"
#include "common/bridge_limits.h"
#include "common/fleet_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

using Op = v1::BridgeOperation;
using Kind = UemCall::Kind;

bool ChangesApp(Op::Kind kind) { return kind == Op::INSTALL_APP || kind == Op::REMOVE_APP; }

// What is refused for itself, and not for a moment or for the bridge.
bool IsRefusal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ||
         absl::IsNotFound(status) || absl::IsOutOfRange(status) || absl::IsUnimplemented(status);
}

bool ShowsViolation(const v1::PhoneRecord& record) {
  const auto& apps = record.reported().apps();
  return std::any_of(apps.begin(), apps.end(), [](const v1::PhoneApp& app) {
    return app.state() == v1::PhoneApp::VIOLATION;
  });
}

}  // namespace

void Sender::Start(absl::Time now) {
  std::vector<Op> all;
  for (const auto& [key, op] : parts_->operations.all()) all.push_back(op);
  for (const Op& op : all) {
    if (op.state() == Op::SENT) {
      Resolve(op, "the bridge ended before its answer", now);
    } else if (op.state() == Op::ACCEPTED && ChangesApp(op.kind())) {
      parts_->ReadPhone(op.device_id(), Urgency::kProof, now);
    } else if (absl::StartsWith(op.last_error(), kProfileNotMade)) {
      // The UEM never heard of it, and whoever starts the bridge may have mended what was wrong.
      parts_->Queue(op, now);
    } else if (op.state() == Op::QUEUED || op.state() == Op::REFUSED) {
      parts_->Wake(op);
    }
  }
}

void Sender::Judge(const std::string& device_id, absl::Time now) {
  if (Phone* phone = parts_->book.Find(device_id)) judging_->Run(*phone, {}, now);
}

absl::StatusOr<std::optional<UemCall>> Sender::Send(const std::string& key, absl::Time now) {
  const Op* found = parts_->operations.Find(key);
  if (found == nullptr) return std::nullopt;
  Op op = *found;
  if (op.state() == Op::REFUSED && now >= FromProto(op.next_at())) TryAgain(op, now);
  if (op.state() != Op::QUEUED) return std::nullopt;
  if (now < FromProto(op.next_at())) {
    parts_->Wake(op);
    return std::nullopt;
  }
  std::optional<UemCall> call = Carry(op, now);
  if (!call) return std::nullopt;
  if (const absl::Status sent = MarkSent(op, now); !sent.ok()) {
    // Not sent: it goes when the store takes it.
    parts_->Queue(op, now + absl::Seconds(1));
    return sent;
  }
  return call;
}

absl::Status Sender::MarkSent(Op op, absl::Time now) {
  op.set_state(Op::SENT);
  op.set_attempts(op.attempts() + 1);
  *op.mutable_sent_at() = ToProto(now);
  MUSTER_RETURN_IF_ERROR(parts_->operations.Save(op));
  return parts_->store->Commit();
}

void Sender::TryAgain(const Op& op, absl::Time now) {
  if (!op.device_id().empty()) return Judge(op.device_id(), now);
  if (ChangesGroup(op.kind())) return groups_->ReadAt(op.target(), now);
  Op fresh = op;
  fresh.set_attempts(0);
  parts_->Queue(fresh, now);
}

std::optional<UemCall> Sender::Carry(Op& op, absl::Time now) {
  if (!op.device_id().empty()) return CarryToPhone(op, now);
  if (ChangesGroup(op.kind()) || op.kind() == Op::ASSIGN_APP) return groups_->Carry(op);
  return memberships_->Carry(op);
}

// A phone without a policy may have lost its grant meanwhile, and what became of an earlier change
// of the same app must be known first. Each of these wakes the operation when it is over.
bool Sender::MustWait(const Op& op, const Phone& phone, absl::Time now) {
  if (op.kind() == Op::QUERY_PHONE) return false;  // changes nothing
  if (phone.policy == nullptr) return true;
  if (op.kind() == Op::INSTALL_APP && !memberships_->Has(op.app_id(), phone.user)) {
    memberships_->AwaitMember(op.app_id(), op.key());
    memberships_->Check(op.app_id(), phone.user, now);
    return true;
  }
  if (!ChangesApp(op.kind())) return false;
  const Op::Kind other = op.kind() == Op::INSTALL_APP ? Op::REMOVE_APP : Op::INSTALL_APP;
  const Op* before = parts_->operations.Find(OperationKey(other, op.device_id(), op.app_id()));
  return before != nullptr && before->state() == Op::SENT;
}

std::optional<UemCall> Sender::CarryToPhone(Op& op, absl::Time now) {
  const Phone* phone = parts_->book.Find(op.device_id());
  if (phone == nullptr || MustWait(op, *phone, now)) return std::nullopt;
  const absl::StatusOr<v1::PhoneRecord> record = parts_->book.Read(*phone);
  if (!record.ok()) {
    parts_->ReadPhone(op.device_id(), Urgency::kHint, now);
    return std::nullopt;
  }
  UemCall call;
  call.operation = op.key();
  call.phone = ToUemPhone(*record);
  if (op.kind() == Op::QUERY_PHONE) {
    call.kind = Kind::kQueryPhone;
  } else if (op.kind() == Op::INSTALL_PROFILE) {
    absl::StatusOr<Judging::Profile> profile = judging_->MakeProfileOf(*phone, now);
    if (!profile.ok()) {
      parts_->Refuse(op, absl::StrCat(kProfileNotMade, ": ", profile.status().message()), now);
      Judge(op.device_id(), now);  // its state says so
      return std::nullopt;
    }
    call.kind = Kind::kInstallProfile;
    call.payload = std::move(profile->bytes);
    op.set_payload_sha256(profile->hash);
  } else {
    call.kind = op.kind() == Op::INSTALL_APP ? Kind::kInstallApp : Kind::kRemoveApp;
    const AppConfig* app = parts_->options.Find(op.app_id());
    if (app == nullptr || !app->managed(phone->platform)) {
      parts_->Close(op.key());  // the agency has taken it out of its setup
      return std::nullopt;
    }
    // What was queued may be wrong by now: messages may have come that are not saved.
    const AppRuling* ruling =
        phone->policy == nullptr ? nullptr : FindRuling(*phone->policy, op.app_id());
    if (op.kind() == Op::REMOVE_APP &&
        (ruling == nullptr || ruling->verdict != v1::Verdict::BLOCK || ruling->holds_records ||
         ruling->only_reports)) {
      parts_->Close(op.key());
      return std::nullopt;
    }
    call.app = *app->managed(phone->platform);
  }
  return call;
}

void Sender::OnAnswer(const UemCall& call, const UemAnswer& answer, absl::Time now) {
  const Op* found = parts_->operations.Find(call.operation);
  if (found == nullptr || found->state() != Op::SENT) return;
  Op op = *found;
  const absl::Status& status = answer.status;
  if (status.ok() || absl::IsAlreadyExists(status)) return OnAccepted(std::move(op), answer, now);
  const std::string why = Words(status);
  if (absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status)) {
    return OnDenied(std::move(op), status, now);
  }
  if (absl::IsResourceExhausted(status)) {
    op.set_attempts(op.attempts() - 1);
    return parts_->Queue(op, now);  // the pacer says when
  }
  if (IsRefusal(status)) {
    parts_->Refuse(op, why, now);
    if (!op.device_id().empty()) {
      if (absl::IsNotFound(status)) parts_->ReadPhone(op.device_id(), Urgency::kHint, now);
      Judge(op.device_id(), now);
    }
    return;
  }
  if (absl::IsUnavailable(status) && !answer.effect_unknown) return parts_->Retry(op, why, now);
  op.set_last_error(Words(why));
  if (const absl::Status saved = parts_->operations.Save(op); !saved.ok()) parts_->Note(saved);
  Resolve(op, why, now);
}

// Which profile is on the phone is not known any more, whatever is wanted next.
void Sender::ForgetProfile(const std::string& device_id) {
  const Phone* phone = parts_->book.Find(device_id);
  if (phone == nullptr) return;
  absl::StatusOr<v1::PhoneRecord> record = parts_->book.Read(*phone);
  if (!record.ok()) return;
  record->set_profile_sha256(kUnknownProfile);
  if (const absl::Status saved = parts_->book.Write(*record); !saved.ok()) parts_->Note(saved);
}

void Sender::Resolve(const Op& op, const std::string& why, absl::Time now) {
  if (ChangesApp(op.kind())) {
    // Read when nothing of it can be under way any more.
    return parts_->ReadPhone(op.device_id(), Urgency::kProof,
                             std::max(now, FromProto(op.sent_at()) + limits::kUemCallTime));
  }
  if (ChangesGroup(op.kind())) {
    return groups_->ReadAt(op.target(),
                           std::max(now, FromProto(op.sent_at()) + limits::kUemCallTime));
  }
  if (op.kind() == Op::INSTALL_PROFILE) ForgetProfile(op.device_id());
  // No reading tells whether the UEM took these, and twice is as good as once: a profile replaces
  // the one of its name, an assignment and a sync that are there are no error, a phone that is
  // asked twice answers twice.
  parts_->Retry(op, why, now);
}

void Sender::OnDenied(Op op, const absl::Status& status, absl::Time now) {
  const std::string why = Words(status);
  const std::string code = absl::StatusCodeToString(status.code());
  // Other calls were answered since the first denial: it is this one that the UEM denies.
  if (absl::StartsWith(op.last_error(), code)) {
    parts_->Refuse(op, why, now);
    if (!op.device_id().empty()) Judge(op.device_id(), now);
    return;
  }
  op.set_last_error(Words(why));
  parts_->Queue(op, now);
}

void Sender::OnAccepted(Op op, const UemAnswer& answer, absl::Time now) {
  op.clear_last_error();
  if (!op.device_id().empty()) return OnPhoneAccepted(std::move(op), answer, now);
  if (op.kind() == Op::SYNC_USER_GROUP || op.kind() == Op::ADD_MISSING_USERS) {
    return memberships_->OnAccepted(std::move(op), now);
  }
  op.set_state(op.kind() == Op::ASSIGN_APP ? Op::DONE : Op::ACCEPTED);
  if (const absl::Status saved = parts_->operations.Save(op); !saved.ok()) parts_->Note(saved);
  if (ChangesGroup(op.kind())) groups_->ReadAt(op.target(), now);
}

// A phone that checks in for the profile itself is too early to prove it; the next time could be
// hours away. Where somebody waits for the proof, one more call is worth it.
void Sender::AskWhenItProves(const Op& profile, absl::Time now) {
  Op query = NewOperation(Op::QUERY_PHONE, profile.device_id(), "profile", now);
  query.set_device_id(profile.device_id());
  query.set_transaction_id(profile.transaction_id());
  parts_->Queue(query, now + limits::kProfileProof + absl::Seconds(1));
}

void Sender::OnPhoneAccepted(Op op, const UemAnswer& answer, absl::Time now) {
  if (op.kind() == Op::QUERY_PHONE) {
    if (op.key() == FirstSampleKey(op.device_id())) return OnFirstSampleAsked(*parts_, op, now);
    parts_->Close(op.key());
    return parts_->ReadPhone(op.device_id(), IsUrgent(op) ? Urgency::kProof : Urgency::kSeen,
                             now + limits::kFirstProof);
  }
  Phone* phone = parts_->book.Find(op.device_id());
  if (op.kind() == Op::INSTALL_PROFILE) {
    parts_->Close(op.key());
    if (phone == nullptr) return;
    absl::StatusOr<v1::PhoneRecord> record = parts_->book.Read(*phone);
    if (!record.ok()) return parts_->ReadPhone(op.device_id(), Urgency::kHint, now);
    // A phone that left the UEM meanwhile, or enrolled anew, takes nothing of before.
    if (record->facts().enrolment() == v1::PhoneFacts::ENROLLED &&
        !EnrolledAfter(record->facts(), FromProto(op.sent_at()))) {
      record->set_profile_sha256(op.payload_sha256());
      // The UEM's clock says when the phone is seen since: where it is ahead, it counts.
      *record->mutable_profile_at() = ToProto(std::max(now, answer.uem_now.value_or(now)));
    }
    if (const absl::Status saved = parts_->book.Write(*record); !saved.ok()) parts_->Note(saved);
    if (IsUrgent(op) || ShowsViolation(*record)) AskWhenItProves(op, now);
  } else {
    op.set_state(Op::ACCEPTED);
    if (const absl::Status saved = parts_->operations.Save(op); !saved.ok()) parts_->Note(saved);
    // A phone tells what it has done when it is asked; then there is something to read.
    Op query = NewOperation(Op::QUERY_PHONE, op.device_id(), "", now);
    query.set_device_id(op.device_id());
    query.set_transaction_id(op.transaction_id());
    parts_->Queue(query, now);
  }
  const bool prove = ChangesApp(op.kind()) || IsUrgent(op);
  if (prove) parts_->ReadPhone(op.device_id(), Urgency::kProof, now + limits::kFirstProof);
  if (phone != nullptr) judging_->Run(*phone, {}, now);
}

}  // namespace muster::bridge
