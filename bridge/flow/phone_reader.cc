#include "bridge/flow/phone_reader.h"

#include <optional>
#include <utility>

#include "bridge/flow/rulings.h"
#include "common/bridge_limits.h"
#include "common/fleet_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

constexpr absl::Time kNever = absl::InfinitePast();

}  // namespace

using Kind = UemCall::Kind;

std::optional<UemCall> PhoneReader::Read(const std::string& device_id, Urgency urgency,
                                         absl::Time now) {
  const Phone* phone = parts_->book.Find(device_id);
  if (phone == nullptr) return std::nullopt;
  auto [it, fresh] = jobs_.try_emplace(device_id);
  Job& job = it->second;
  if (fresh) {
    job.urgency = urgency;
    job.reading.began = now;
    // The list is recent enough for a sweep; a proof needs to know when the phone was seen.
    job.step = urgency <= Urgency::kHint || !phone->enrolled ? Step::kPhone : Step::kApps;
  }
  UemCall call;
  call.phone.identity.set_uem_id(phone->uem_id);
  call.phone.identity.set_platform(phone->platform);
  switch (job.step) {
    case Step::kPhone:
      call.kind = Kind::kGetPhone;
      break;
    case Step::kApps:
      call.kind = Kind::kListApps;
      call.page = job.page;
      break;
    case Step::kReasons:
      call.kind = Kind::kGetApp;
      call.app.bundle_id = job.reading.apps[job.unexplained.back()].bundle_id;
      break;
  }
  return call;
}

void PhoneReader::OnAnswer(const UemCall& call, const UemAnswer& answer, absl::Time now) {
  Phone* phone = parts_->book.FindByUemId(call.phone.identity.uem_id());
  if (phone == nullptr) return;
  const std::string device_id = phone->device_id;
  const auto it = jobs_.find(device_id);
  if (it == jobs_.end()) return;
  Job& job = it->second;
  const bool absent_app = job.step == Step::kReasons && absl::IsNotFound(answer.status);
  if (!answer.status.ok() && !absent_app) return OnFailed(*phone, job, answer.status, now);
  failures_.erase(device_id);
  bool done = false;
  switch (job.step) {
    case Step::kPhone:
      for (const UemPhone& found : answer.phones) events_.found(found, now);
      phone = parts_->book.Find(device_id);
      if (phone == nullptr) return;
      job.step = Step::kApps;
      done = !phone->enrolled;  // a UEM knows nothing of the apps of a phone that left it
      if (done) {
        jobs_.erase(device_id);
        return parts_->ReadPhone(device_id, Urgency::kSweep, now + parts_->options.sweep_every);
      }
      break;
    case Step::kApps:
      OnApps(*phone, job, answer);
      break;
    case Step::kReasons:
      OnReason(job, answer);
      break;
  }
  if (job.step != Step::kReasons || !job.unexplained.empty()) {
    return parts_->ReadPhone(device_id, job.urgency, now);
  }
  const PhoneReading reading = std::move(job.reading);
  jobs_.erase(device_id);
  parts_->ReadPhone(device_id, Urgency::kSweep, now + parts_->options.sweep_every);
  events_.read(*phone, reading, now);
}

void PhoneReader::OnFailed(Phone& phone, Job& job, const absl::Status& status, absl::Time now) {
  const std::string device_id = phone.device_id;
  const Urgency urgency = job.urgency;
  const bool lost = absl::IsNotFound(status);
  const bool looked = job.step == Step::kPhone;
  jobs_.erase(device_id);  // pages of two readings do not fit together
  if (lost && looked) {
    if (phone.missing >= 2) return events_.gone(device_id, now);
    return parts_->ReadPhone(device_id, Urgency::kSweep, now + parts_->options.sweep_every);
  }
  if (lost) return parts_->ReadPhone(device_id, Urgency::kHint, now);
  if (absl::IsResourceExhausted(status)) return parts_->ReadPhone(device_id, urgency, now);
  const uint32_t failures = ++failures_[device_id];
  parts_->ReadPhone(device_id, urgency, now + BackOff(failures));
}

void PhoneReader::OnApps(const Phone& phone, Job& job, const UemAnswer& answer) {
  std::vector<UemApp>& apps = job.reading.apps;
  for (const UemApp& app : answer.apps) {
    if (apps.size() < limits::kMaxSampledApps) apps.push_back(app);
  }
  ++job.page;
  if (!answer.last_page && job.page < limits::kMaxAppPages) return;
  job.step = Step::kReasons;
  const absl::StatusOr<v1::PhoneRecord> record = parts_->book.Read(phone);
  for (size_t i = 0; i < apps.size(); ++i) {
    if (NeedsReason(phone, record.ok() ? *record : v1::PhoneRecord(), apps[i])) {
      job.unexplained.push_back(i);
    }
  }
}

// A list does not say who installed an app. That is asked for where it decides what can be done
// about it, and once for what is still the same.
bool PhoneReader::NeedsReason(const Phone& phone, const v1::PhoneRecord& record,
                              UemApp& app) const {
  if (phone.policy == nullptr || !app.installed || !app.reason.empty()) return false;
  const AppRuling* ruling = phone.policy->FindByBundle(app.bundle_id);
  if (ruling == nullptr) return false;
  if (ruling->verdict == v1::Verdict::ALLOW && !ruling->granted) return false;
  if (ruling->verdict == v1::Verdict::REPORT) return false;
  for (const v1::SampledApp& old : record.apps()) {
    const bool same =
        old.bundle_id() == app.bundle_id && old.installed() && old.version() == app.version &&
        old.assigned() == app.assigned && old.latest_action() == app.latest_action &&
        old.has_latest_action_at() == (app.latest_action_at > kNever) &&
        (!old.has_latest_action_at() || FromProto(old.latest_action_at()) == app.latest_action_at);
    if (same) app.reason = old.reason();
  }
  return app.reason.empty();
}

void PhoneReader::OnReason(Job& job, const UemAnswer& answer) {
  UemApp& app = job.reading.apps[job.unexplained.back()];
  job.unexplained.pop_back();
  // Why it is there, and nothing else: only a list shows that an app is absent, and only a list has
  // the last action's time. Without a reason it counts as the person's own.
  if (!answer.status.ok()) return;
  for (const UemApp& one : answer.apps) {
    if (one.bundle_id == app.bundle_id) app.reason = one.reason;
  }
}

}  // namespace muster::bridge
