#include "bridge/flow/judging.h"

#include <algorithm>
#include <optional>

#include "bridge/domain/phone_reports.h"
#include "bridge/flow/app_changes.h"
#include "bridge/flow/first_sample.h"
#include "bridge/flow/phone_samples.h"
#include "bridge/flow/restrictions.h"
#include "common/bridge_limits.h"
#include "common/fleet_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "common/version.h"
#include "google/protobuf/util/message_differencer.h"

namespace muster::bridge {
namespace {

using Op = v1::BridgeOperation;

// Times of contact alone are worth a report only now and then.
bool IsNews(const v1::PhoneReport& old, v1::PhoneReport now) {
  if (!old.has_identity()) return true;
  const absl::Time seen = FromProto(now.facts().last_seen_at());
  const absl::Time read = FromProto(now.facts().apps_read_at());
  const v1::PhoneFacts& before = old.facts();
  if (before.has_apps_read_at() != now.facts().has_apps_read_at() ||
      seen >= FromProto(before.last_seen_at()) + limits::kPhoneReportEvery ||
      read >= FromProto(before.apps_read_at()) + limits::kPhoneReportEvery) {
    return true;
  }
  v1::PhoneFacts& facts = *now.mutable_facts();
  facts.clear_last_seen_at();
  facts.clear_apps_read_at();
  if (before.has_last_seen_at()) *facts.mutable_last_seen_at() = before.last_seen_at();
  if (before.has_apps_read_at()) *facts.mutable_apps_read_at() = before.apps_read_at();
  return !google::protobuf::util::MessageDifferencer::Equals(old, now);
}

std::vector<GrantChange> Both(std::vector<GrantChange> a, const std::vector<GrantChange>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

Judging::Judging(FleetParts* parts) : parts_(parts) {
  for (const AppConfig& app : parts->options.apps) {
    ios_.push_back({app.app_id, {app.ios}});
    android_.push_back({app.app_id, {app.android}});
  }
}

PhoneView Judging::View(const v1::PhoneRecord& record, const PhonePolicy& policy,
                        bool all_operations, absl::Time now) const {
  std::vector<Op> operations;
  for (const Op* op : parts_->operations.OfPhone(record.device_id())) {
    const bool sent = op->state() == Op::SENT || op->state() == Op::ACCEPTED;
    if (sent || all_operations) operations.push_back(*op);
  }
  const auto& setup = record.identity().platform() == v1::Platform::IOS ? ios_ : android_;
  return JudgePhone(record, policy, setup, operations, now);
}

void Judging::Run(Phone& phone, const Occasion& occasion, absl::Time now) {
  due_.Drop(phone.device_id);
  RunAt(phone.device_id, now + limits::kPhoneJudgeEvery);
  absl::StatusOr<v1::PhoneRecord> loaded = parts_->book.Read(phone);
  if (!loaded.ok()) {
    if (!absl::IsDataLoss(loaded.status())) parts_->Note(loaded.status());
    return parts_->ReadPhone(phone.device_id, Urgency::kHint, now);
  }
  v1::PhoneRecord record = *std::move(loaded);
  if (occasion.reading != nullptr) {
    if (TakeFirstSample(*parts_, record, *occasion.reading, now)) {
      KeepReading(*occasion.reading, record);
      SettleApps(*parts_, record, occasion.reading->began, now);
    } else {
      KeepUnsampled(record);
    }
  }
  // What it was asked before it left says nothing of what comes.
  if (record.facts().enrolment() != v1::PhoneFacts::ENROLLED) {
    parts_->Close(FirstSampleKey(record.device_id()));
  }
  PhoneView view;
  std::optional<v1::InventoryReport> inventory;
  if (const PhonePolicyPtr policy = phone.policy; policy != nullptr) {
    if (HoldsWholeReading(record)) inventory = TakeInventory(*policy, record);
    if (ForgetOtherCatalogue(*policy, record)) {
      parts_->ReadPhone(phone.device_id, Urgency::kSeen, now);
    }
    // What was not sent is decided anew each time: the policy or the phone may be another.
    view = View(record, *policy, /*all_operations=*/false, now);
    QueueActions(*parts_, record, *policy, view.actions, occasion.ended, now);
    if (phone.platform == v1::Platform::IOS) {
      QueueProfile(*parts_, record, *policy, view.hides ? view.hidden_sha256 : "",
                   Both(occasion.began, occasion.ended), now);
    }
    view = View(record, *policy, /*all_operations=*/true, now);
    phone.distance = view.distance;
    if (view.read_again) {
      // Never before the UEM's own word on when it was seen, or it would be too old again.
      parts_->ReadPhone(phone.device_id, Urgency::kSeen, std::max(now, phone.last_seen));
    }
    if (policy->next_change > now) {
      RunAt(phone.device_id, std::min(policy->next_change, now + limits::kPhoneJudgeEvery));
    }
  }
  Report(record, phone.policy.get(), view, std::move(inventory), now);
}

void Judging::Report(v1::PhoneRecord& record, const PhonePolicy* policy, const PhoneView& view,
                     std::optional<v1::InventoryReport> inventory, absl::Time now) {
  PhoneChange change;
  change.report = MakePhoneReport(record, view);
  const bool news = inventory.has_value() || IsNews(record.reported(), change.report);
  if (news) *record.mutable_reported() = change.report;
  if (const absl::Status saved = parts_->book.Write(record); !saved.ok()) {
    // Nothing was lost that the UEM does not say again.
    parts_->Note(saved);
    return parts_->ReadPhone(record.device_id(), Urgency::kSeen, now + limits::kUemCallTime);
  }
  if (!news) return;
  change.device_id = record.device_id();
  change.inventory = std::move(inventory);
  if (policy != nullptr) {
    change.status = MakeStatusReport(record, *policy, view, kVersion, now);
    change.canaries = MakeCanaries(record, view, now);
  }
  parts_->events.changed(change);
}

std::vector<v1::Canary> Judging::CanariesOf(const Phone& phone, absl::Time now) const {
  if (phone.policy == nullptr) return {};
  const absl::StatusOr<v1::PhoneRecord> record = parts_->book.Read(phone);
  if (!record.ok()) return {};
  return MakeCanaries(*record, View(*record, *phone.policy, /*all_operations=*/true, now), now);
}

void Judging::ReportAnew(Phone& phone, absl::Time now) {
  absl::StatusOr<v1::PhoneRecord> record = parts_->book.Read(phone);
  if (!record.ok()) return parts_->ReadPhone(phone.device_id, Urgency::kSeen, now);
  record->clear_reported();
  record->clear_inventory_sha256();
  if (const absl::Status saved = parts_->book.Write(*record); !saved.ok()) parts_->Note(saved);
  // The inventory is whole only right after a reading.
  parts_->ReadPhone(phone.device_id, Urgency::kSeen, now);
  RunAt(phone.device_id, now);
}

void Judging::RunDue(absl::Time now) {
  for (size_t i = 0; i < limits::kMaxJudgedAtOnce; ++i) {
    const std::optional<Agenda::Taken> taken = due_.Take(/*urgent_only=*/false, now);
    if (!taken) return;
    due_.Done(taken->item);
    if (Phone* phone = parts_->book.Find(taken->item)) Run(*phone, {}, now);
  }
}

absl::StatusOr<Judging::Profile> Judging::MakeProfileOf(const Phone& phone, absl::Time now) const {
  if (phone.policy == nullptr) return absl::FailedPreconditionError("its policy is not known");
  MUSTER_ASSIGN_OR_RETURN(const v1::PhoneRecord record, parts_->book.Read(phone));
  const PhoneView view = View(record, *phone.policy, /*all_operations=*/false, now);
  Profile out;
  if (view.hides) out.hash = view.hidden_sha256;
  if (out.hash.empty()) return absl::FailedPreconditionError("nothing is hidden on this phone");
  MUSTER_ASSIGN_OR_RETURN(out.bytes, MakeProfile(parts_->options, record.identity().user_name(),
                                                 *phone.policy, view, now));
  return out;
}

}  // namespace muster::bridge
