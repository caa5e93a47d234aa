#include "bridge/flow/first_sample.h"

#include <algorithm>

#include "bridge/domain/phone_reading.h"
#include "common/fleet_limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

using Op = v1::BridgeOperation;
constexpr char kSeen[] = "seen";  // in Op.values

bool WasSampled(const v1::PhoneRecord& record) {
  const v1::PhoneFacts& facts = record.facts();
  if (facts.has_apps_read_at()) return !EnrolledAfter(facts, FromProto(facts.apps_read_at()));
  return !record.inventory_sha256().empty() && record.inventory_sha256() != kUnsampled;
}

// Refused a day ago, or of before the phone enrolled anew. A time that is still to come says
// nothing.
bool IsOver(const Op& query, const v1::PhoneFacts& facts, absl::Time now) {
  if (query.state() == Op::REFUSED && now >= FromProto(query.next_at())) return true;
  return EnrolledAfter(facts, FromProto(query.created_at())) &&
         FromProto(facts.enrolled_at()) <= now;
}

// A UEM that will not ask the phone still gets what the phone tells by itself when it connects.
bool IsSeenSince(const Op& query, const v1::PhoneFacts& facts) {
  const absl::Time asked = FromProto(query.created_at());
  return !EnrolledAfter(facts, asked) && facts.has_last_seen_at() &&
         FromProto(facts.last_seen_at()) > asked + limits::kFirstProof;
}

void Ask(FleetParts& parts, const std::string& device_id, absl::Time now) {
  Op query = NewOperation(Op::QUERY_PHONE, device_id, kFirstSample, now);
  query.set_device_id(device_id);
  parts.Queue(std::move(query), now);
}

}  // namespace

std::string FirstSampleKey(const std::string& device_id) {
  return OperationKey(Op::QUERY_PHONE, device_id, kFirstSample);
}

bool TakeFirstSample(FleetParts& parts, const v1::PhoneRecord& record, const PhoneReading& reading,
                     absl::Time now) {
  const std::string& id = record.device_id();
  const Op* known = parts.operations.Find(FirstSampleKey(id));
  const bool shows = std::any_of(reading.apps.begin(), reading.apps.end(),
                                 [](const UemApp& app) { return app.installed; });
  if (shows || WasSampled(record)) {
    if (known != nullptr) parts.Close(known->key());
    return true;
  }
  if (record.facts().enrolment() != v1::PhoneFacts::ENROLLED) return false;
  if (known != nullptr && known->state() == Op::REFUSED && IsSeenSince(*known, record.facts())) {
    parts.Close(known->key());
    return true;
  }
  if (known == nullptr || IsOver(*known, record.facts(), now)) {
    Ask(parts, id, now);
    return false;
  }
  if (known->state() == Op::QUEUED) parts.Wake(*known);
  if (known->state() != Op::ACCEPTED) return false;
  // From here on next_at is when the UEM took it; then from when on a reading shows its effect.
  Op query = *known;
  const absl::Time at = FromProto(query.next_at());
  if (query.values_size() > 0 && reading.began >= at) {
    parts.Close(query.key());
    return true;
  }
  const v1::PhoneFacts& facts = record.facts();
  if (query.values_size() == 0 && facts.has_last_seen_at() &&
      FromProto(facts.last_seen_at()) > at) {
    // A phone that has just checked in has not answered yet.
    query.add_values(kSeen);
    *query.mutable_next_at() = ToProto(now + limits::kFirstProof);
    if (const absl::Status saved = parts.operations.Save(query); !saved.ok()) parts.Note(saved);
    parts.ReadPhone(id, Urgency::kProof, now + limits::kFirstProof);
    return false;
  }
  // One that is off is read when the UEM's list shows that it was seen.
  if (query.values_size() > 0) parts.ReadPhone(id, Urgency::kProof, now + limits::kFirstProof);
  return false;
}

void OnFirstSampleAsked(FleetParts& parts, Op query, absl::Time now) {
  query.set_state(Op::ACCEPTED);
  *query.mutable_next_at() = ToProto(now);
  if (const absl::Status saved = parts.operations.Save(query); !saved.ok()) parts.Note(saved);
  parts.ReadPhone(query.device_id(), Urgency::kProof, now + limits::kFirstProof);
}

}  // namespace muster::bridge
