#include "controller/flow/device_hub.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "common/limits.h"
#include "controller/flow/device_frames.h"

namespace muster {
namespace {

// Where a document waits for its turn: latest wins within a slot. Roots are walked one by one,
// so each has its own. Slots sort in the order of sending: a root before what it vouches for,
// what denies before what allows, the assignment before the policy that it names.
std::string SlotOf(const std::string& name, uint64_t version) {
  if (name == kRootName) return absl::StrFormat("0/%016x", version);
  if (name == kEmergencyDenyName) return "1";
  return absl::StrCat(absl::StartsWith(name, "cohort/") ? "3/" : "2/", name);
}

}  // namespace

bool DeviceHub::IsPast(const Document& doc) const {
  // A root that has ended is still the step to the next.
  return doc.name != kRootName && (clock_.Now() >= doc.not_after || doc.epoch < epoch_);
}

DeviceHub::StreamId DeviceHub::Open(const std::string& device_id, std::shared_ptr<DeviceSink> sink,
                                    absl::Time certificate_not_after) {
  std::shared_ptr<DeviceSink> replaced;
  StreamId id;
  {
    MutexLock lock(&mu_);
    Stream& stream = streams_[device_id];
    replaced = std::move(stream.sink);
    stream = Stream();
    stream.id = id = ++last_id_;
    stream.sink = std::move(sink);
    stream.certificate_not_after = certificate_not_after;
    stream.moved_at = clock_.Now();
  }
  if (replaced != nullptr) {
    replaced->Close(absl::AbortedError("a newer stream of this device has taken over"));
  }
  return id;
}

void DeviceHub::Start(const std::string& device_id, StreamId stream_id, const std::string& cohort,
                      const std::map<std::string, KnownVersion>& known,
                      const std::vector<DocumentPtr>& desired, uint64_t log_seen) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    Stream* stream = FindStream(device_id, stream_id);
    if (stream == nullptr) return;
    stream->started = true;
    stream->moved_at = clock_.Now();
    stream->cohort = cohort;
    if (const auto it = known.find(cohort); it != known.end()) {
      stream->cohort_version = it->second.version;
    }
    for (const auto& [name, version] : known) {
      const absl::Time now = clock_.Now();
      stream->last_sent[SlotOf(name, version.version)] = {version.sha256, now, now};
    }
    // An offer that came between Open and Start is newer than what was loaded for the Hello.
    for (const DocumentPtr& doc : desired) {
      stream->desired.emplace(SlotOf(doc->name, doc->version), doc);
    }
    // So is what was offered to all: it may have been published while this was being loaded.
    for (const auto& [slot, doc] : for_all_) {
      const auto mine = known.find(doc->name);
      if (doc->name != kRootName || mine == known.end() || doc->version > mine->second.version) {
        SetDesired(*stream, doc);
      }
    }
    if (const auto it = cohorts_.find(cohort); it != cohorts_.end() && it->second.target) {
      SetDesired(*stream, it->second.For(device_id, stream->cohort_version));
    }
    stream->beacon = beacons_;
    stream->beacon_unanswered = nullptr;
    stream->log_seen = log_seen;
    stream->drain = drain_window_ > absl::ZeroDuration() && !stream->sink->IsPart();
    out = Next(*stream);
  }
  Send(std::move(out));
}

bool DeviceHub::SetDesired(Stream& stream, const DocumentPtr& document) {
  DocumentPtr& slot = stream.desired[SlotOf(document->name, document->version)];
  if (slot != nullptr && std::make_pair(slot->epoch, slot->version) >
                             std::make_pair(document->epoch, document->version)) {
    return false;
  }
  slot = document;
  return true;
}

void DeviceHub::Offer(const std::string& device_id, const DocumentPtr& document) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    const auto it = streams_.find(device_id);
    if (it == streams_.end() || !SetDesired(it->second, document)) return;
    out = Next(it->second);
  }
  Send(std::move(out));
}

void DeviceHub::OfferAll(const DocumentPtr& document) {
  std::vector<std::optional<Outgoing>> out;
  {
    MutexLock lock(&mu_);
    for_all_[SlotOf(document->name, document->version)] = document;
    if (document->name == kRootName) epoch_ = std::max(epoch_, document->epoch);
    for (auto& [device, stream] : streams_) {
      // A stream that has not said Hello gets it with its first documents.
      if (stream.started && SetDesired(stream, document)) out.push_back(Next(stream));
    }
  }
  for (std::optional<Outgoing>& o : out) Send(std::move(o));
}

void DeviceHub::Need(const std::string& device_id, StreamId stream_id,
                     const std::set<std::string>& chunks) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    Stream* stream = FindStream(device_id, stream_id);
    if (stream == nullptr) return;
    // A later list replaces an earlier one: it says what is missing now.
    stream->needed.clear();
    for (const auto& [slot, doc] : stream->desired) {
      for (const Chunk& chunk : doc->chunks) {
        if (chunks.contains(chunk.sha256)) stream->needed.push_back(chunk);
      }
    }
    out = Next(*stream);
  }
  Send(std::move(out));
}

void DeviceHub::CountReport(Stream& stream) {
  const absl::Time now = clock_.Now();
  if (now - stream.reports_since >= absl::Minutes(1)) {
    stream.throttle = stream.reports > limits::kReportsPerMinute;
    stream.reports_since = now;
    stream.reports = 0;
  }
  if (++stream.reports > limits::kReportsPerMinute) stream.throttle = true;
}

void DeviceHub::AckReport(const std::string& device_id, StreamId stream_id, uint64_t seq,
                          const std::string& sha256) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    Stream* stream = FindStream(device_id, stream_id);
    if (stream == nullptr) return;
    CountReport(*stream);
    if (seq > stream->acked_report) {
      stream->acked_report = seq;
      stream->acked_sha256 = sha256;
    }
    out = Next(*stream);
  }
  Send(std::move(out));
}

void DeviceHub::WriteDone(const std::string& device_id, StreamId stream_id) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    Stream* stream = FindStream(device_id, stream_id);
    if (stream == nullptr) return;
    stream->writing = false;
    stream->moved_at = clock_.Now();
    out = Next(*stream);
  }
  Send(std::move(out));
}

void DeviceHub::Closed(const std::string& device_id, StreamId stream_id) {
  std::shared_ptr<DeviceSink> released;  // Outside the lock: it may be the last reference.
  MutexLock lock(&mu_);
  Stream* stream = FindStream(device_id, stream_id);
  if (stream == nullptr) return;
  released = std::move(stream->sink);
  streams_.erase(device_id);
}

void DeviceHub::Disconnect(const std::string& device_id, const absl::Status& why) {
  std::shared_ptr<DeviceSink> sink;
  {
    MutexLock lock(&mu_);
    const auto it = streams_.find(device_id);
    if (it == streams_.end()) return;
    sink = it->second.sink;
  }
  sink->Close(why);
}

absl::Duration DeviceHub::Drain() {
  std::vector<std::optional<Outgoing>> out;
  absl::Duration window;
  {
    MutexLock lock(&mu_);
    window = std::clamp(
        absl::Seconds(1) * static_cast<double>(streams_.size()) / limits::kReconnectsPerSecond,
        limits::kMinDrainWindow, limits::kMaxDrainWindow);
    drain_window_ = window;
    for (auto& [device, stream] : streams_) {
      stream.drain = !stream.sink->IsPart();
      out.push_back(Next(stream));
    }
  }
  for (std::optional<Outgoing>& o : out) Send(std::move(o));
  return window;
}

void DeviceHub::DisconnectAll(const absl::Status& why) {
  std::vector<std::shared_ptr<DeviceSink>> sinks;
  {
    MutexLock lock(&mu_);
    for (const auto& [device, stream] : streams_) sinks.push_back(stream.sink);
  }
  for (const auto& sink : sinks) sink->Close(why);
}

void DeviceHub::Sweep() {
  std::vector<std::shared_ptr<DeviceSink>> stuck, ended;
  {
    MutexLock lock(&mu_);
    const absl::Time now = clock_.Now();
    for (auto& [device, stream] : streams_) {
      const bool waits = stream.writing || !stream.started;
      if (waits && now - stream.moved_at >= limits::kStuckStream) {
        stuck.push_back(stream.sink);
      } else if (now >= stream.certificate_not_after) {
        ended.push_back(stream.sink);
      }
    }
  }
  for (const auto& sink : stuck) {
    sink->Cancel(absl::DeadlineExceededError("the stream has not moved for a minute"));
  }
  for (const auto& sink : ended) {
    sink->Close(absl::UnauthenticatedError(
        "the certificate of this stream has ended; connect with the renewed one"));
  }
}

bool DeviceHub::Connected(const std::string& device_id) const {
  MutexLock lock(&mu_);
  return streams_.contains(device_id);
}

size_t DeviceHub::size() const {
  MutexLock lock(&mu_);
  return streams_.size();
}

std::map<std::string, Delivery> DeviceHub::DeliveriesOf(const std::string& device_id) const {
  std::map<std::string, Delivery> out;
  MutexLock lock(&mu_);
  const auto it = streams_.find(device_id);
  if (it == streams_.end()) return out;
  // Slots of roots ascend, so the newest is the one that stays.
  for (const auto& [slot, doc] : it->second.desired) {
    const auto sent = it->second.last_sent.find(slot);
    if (sent != it->second.last_sent.end()) out[doc->name] = sent->second;
  }
  return out;
}

DeviceHub::Stream* DeviceHub::FindStream(const std::string& device_id, StreamId stream) {
  const auto it = streams_.find(device_id);
  return it == streams_.end() || it->second.id != stream ? nullptr : &it->second;
}

std::optional<Frame> DeviceHub::NextDocument(Stream& stream) {
  for (const auto& [slot, doc] : stream.desired) {
    Delivery& sent = stream.last_sent[slot];
    if (sent.sha256 == doc->sha256 || IsPast(*doc)) continue;
    sent = {doc->sha256, clock_.Now(), absl::InfinitePast()};
    stream.sent_since_beacon = true;
    if (doc->name == stream.cohort) stream.cohort_version = doc->version;
    return UpdateFrame(++stream.nonce, doc->bytes);
  }
  return std::nullopt;
}

std::optional<Frame> DeviceHub::NextFrame(Stream& stream) {
  if (std::exchange(stream.drain, false)) return DrainFrame(drain_window_);
  if (std::optional<Frame> document = NextDocument(stream)) return document;
  if (!stream.needed.empty()) {
    const Chunk chunk = std::move(stream.needed.front());
    stream.needed.pop_front();
    return ChunkFrame(chunk);
  }
  if (stream.acked_report > stream.sent_report_ack) {
    stream.sent_report_ack = stream.acked_report;
    return ReportAckFrame(stream.acked_report, stream.acked_sha256);
  }
  if (stream.receipts != nullptr) {
    stream.sent_receipts = std::exchange(stream.receipts, nullptr);
    return Frame{*stream.sent_receipts, nullptr};
  }
  if (stream.throttle != stream.throttled) {
    stream.throttled = stream.throttle;
    return ThrottleFrame(stream.throttle ? limits::kThrottledInterval : absl::ZeroDuration());
  }
  return std::nullopt;
}

std::optional<DeviceHub::Outgoing> DeviceHub::Next(Stream& stream) {
  if (!stream.started || stream.writing) return std::nullopt;
  Outgoing out;
  if (std::optional<Frame> frame = NextFrame(stream)) {
    out.frame = *std::move(frame);
  } else if (!NextBeacon(stream, out)) {
    return std::nullopt;
  }
  stream.writing = true;
  stream.moved_at = clock_.Now();
  out.sink = stream.sink;
  return out;
}

void DeviceHub::Send(std::optional<Outgoing> out) {
  if (!out) return;
  if (out->beacon != nullptr) out->frame.head = out->beacon->MessageFor(out->own, out->log_seen);
  out->sink->Write(std::move(out->frame));
}

}  // namespace muster
