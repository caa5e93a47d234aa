// What comes to streams beside the documents of one device, and what agents say of what they got.
#include <utility>

#include "common/limits.h"
#include "controller/flow/device_hub.h"

namespace muster {

void DeviceHub::OfferCohort(const CohortPublication& publication) {
  if (publication.target == nullptr) return;
  std::vector<std::optional<Outgoing>> out;
  {
    MutexLock lock(&mu_);
    cohorts_[publication.name] = publication;
    for (auto& [device, stream] : streams_) {
      if (!stream.started || stream.cohort != publication.name) continue;
      if (SetDesired(stream, publication.For(device, stream.cohort_version)))
        out.push_back(Next(stream));
    }
  }
  for (std::optional<Outgoing>& o : out) Send(std::move(o));
}

void DeviceHub::OfferBeacon(const BeaconsPtr& beacons, bool to_all) {
  std::vector<std::optional<Outgoing>> out;
  {
    MutexLock lock(&mu_);
    beacons_ = beacons;
    for (auto& [device, stream] : streams_) {
      if (!stream.started || (!to_all && !stream.sent_since_beacon)) continue;
      stream.beacon = beacons;
      out.push_back(Next(stream));
    }
  }
  for (std::optional<Outgoing>& o : out) Send(std::move(o));
}

void DeviceHub::OfferReceipts(const std::string& device_id,
                              std::shared_ptr<const std::string> receipts) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    const auto it = streams_.find(device_id);
    if (it == streams_.end()) return;
    Stream& stream = it->second;
    const bool sent = receipts != nullptr && stream.sent_receipts != nullptr &&
                      *receipts == *stream.sent_receipts;
    stream.receipts = sent ? nullptr : std::move(receipts);
    out = Next(stream);
  }
  Send(std::move(out));
}

// The next Beacon proves that its audit log continues what the device has seen, so it waits for the
// word on the last one; not for good, as an agent may never give it.
bool DeviceHub::NextBeacon(Stream& stream, Outgoing& out) {
  if (stream.beacon == nullptr) return false;
  const absl::Time now = clock_.Now();
  if (stream.beacon_unanswered != nullptr && now - stream.beacon_sent_at < limits::kStuckStream) {
    return false;
  }
  out.beacon = std::exchange(stream.beacon, nullptr);
  out.log_seen = stream.log_seen;
  // Roots ascend: of several the newest is the one that is current.
  std::map<std::string, DocumentPtr> own;
  for (const auto& [slot, doc] : stream.desired) {
    if (!IsPast(*doc)) own[doc->name] = doc;
  }
  for (auto& [name, doc] : own) out.own.push_back(std::move(doc));
  stream.sent_since_beacon = false;
  stream.beacon_unanswered = out.beacon;
  stream.beacon_sent_at = now;
  return true;
}

void DeviceHub::BeaconAnswered(Stream& stream, const std::string& sha256, bool accepted) {
  if (stream.beacon_unanswered == nullptr || stream.beacon_unanswered->sha256() != sha256) return;
  if (accepted) stream.log_seen = stream.beacon_unanswered->log_size();
  stream.beacon_unanswered = nullptr;
}

void DeviceHub::Acked(const std::string& device_id, StreamId stream_id, const std::string& name,
                      const std::string& sha256) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    Stream* stream = FindStream(device_id, stream_id);
    if (stream == nullptr) return;
    if (name == kBeaconName) BeaconAnswered(*stream, sha256, true);
    for (auto& [slot, delivery] : stream->last_sent) {
      const auto desired = stream->desired.find(slot);
      if (desired != stream->desired.end() && desired->second->name == name &&
          delivery.sha256 == sha256 && delivery.applied_at == absl::InfinitePast()) {
        delivery.applied_at = clock_.Now();
      }
    }
    out = Next(*stream);
  }
  Send(std::move(out));
}

void DeviceHub::Nacked(const std::string& device_id, StreamId stream_id, const std::string& name,
                       const std::string& sha256) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    Stream* stream = FindStream(device_id, stream_id);
    if (stream == nullptr || name != kBeaconName) return;
    BeaconAnswered(*stream, sha256, false);
    out = Next(*stream);
  }
  Send(std::move(out));
}

}  // namespace muster
