#include "controller/flow/device_hub.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <utility>

#include "muster/v1/device_service.pb.h"

namespace muster {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr uint32_t LengthDelimited(int field) { return static_cast<uint32_t>(field << 3 | 2); }

// ControllerMessage{update{nonce, documents: [<body>]}} with the document's bytes left out: they
// are serialised once and shared, so only this head is made per stream.
std::string UpdateHead(uint64_t nonce, size_t body) {
  constexpr uint32_t kNonceTag = v1::Update::kNonceFieldNumber << 3;
  constexpr uint32_t kDocumentTag = LengthDelimited(v1::Update::kDocumentsFieldNumber);
  constexpr uint32_t kUpdateTag = LengthDelimited(v1::ControllerMessage::kUpdateFieldNumber);
  const size_t inner =
      CodedOutputStream::VarintSize32(kNonceTag) + CodedOutputStream::VarintSize64(nonce) +
      CodedOutputStream::VarintSize32(kDocumentTag) + CodedOutputStream::VarintSize64(body) + body;
  std::string head;
  {
    google::protobuf::io::StringOutputStream stream(&head);
    CodedOutputStream out(&stream);
    out.WriteVarint32(kUpdateTag);
    out.WriteVarint64(inner);
    out.WriteVarint32(kNonceTag);
    out.WriteVarint64(nonce);
    out.WriteVarint32(kDocumentTag);
    out.WriteVarint64(body);
  }
  return head;
}

std::string ReportAckMessage(uint64_t seq) {
  v1::ControllerMessage message;
  message.mutable_report_ack()->set_seq(seq);
  return message.SerializeAsString();
}

// Root first, then the cohort, then the assignment that names it.
int Order(const std::string& name) {
  if (name == kRootName) return 0;
  return name.rfind("cohort/", 0) == 0 ? 1 : 2;
}

}  // namespace

DeviceHub::StreamId DeviceHub::Open(const std::string& device_id,
                                    std::shared_ptr<DeviceSink> sink) {
  std::shared_ptr<DeviceSink> replaced;
  StreamId id;
  {
    MutexLock lock(&mu_);
    Stream& stream = streams_[device_id];
    replaced = std::move(stream.sink);
    stream = Stream();
    stream.id = id = ++last_id_;
    stream.sink = std::move(sink);
  }
  if (replaced != nullptr) {
    replaced->Close(absl::AbortedError("a newer stream of this device has taken over"));
  }
  return id;
}

void DeviceHub::Start(const std::string& device_id, StreamId stream_id, const std::string& cohort,
                      const std::map<std::string, std::string>& known,
                      const std::vector<DocumentPtr>& desired) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    Stream* stream = FindStream(device_id, stream_id);
    if (stream == nullptr) return;
    stream->started = true;
    stream->cohort = cohort;
    stream->last_sent.insert(known.begin(), known.end());
    // An offer that came between Open and Start is newer than what was loaded for the Hello.
    for (const DocumentPtr& doc : desired) stream->desired.emplace(doc->name, doc);
    out = Next(*stream);
  }
  if (out) out->sink->Write(std::move(out->frame));
}

void DeviceHub::Offer(const std::string& device_id, const DocumentPtr& document) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    const auto it = streams_.find(device_id);
    if (it == streams_.end()) return;
    DocumentPtr& slot = it->second.desired[document->name];
    if (slot != nullptr && slot->version > document->version) return;
    slot = document;
    out = Next(it->second);
  }
  if (out) out->sink->Write(std::move(out->frame));
}

void DeviceHub::OfferAll(const DocumentPtr& document) {
  std::vector<Outgoing> out;
  {
    MutexLock lock(&mu_);
    for (auto& [device, stream] : streams_) {
      // A stream that has not said Hello loads its documents from the store afterwards.
      if (!stream.started) continue;
      if (document->name != stream.cohort && document->name != kRootName) continue;
      DocumentPtr& slot = stream.desired[document->name];
      if (slot != nullptr && slot->version > document->version) continue;
      slot = document;
      if (auto next = Next(stream)) out.push_back(*std::move(next));
    }
  }
  for (Outgoing& o : out) o.sink->Write(std::move(o.frame));
}

void DeviceHub::AckReport(const std::string& device_id, StreamId stream_id, uint64_t seq) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    Stream* stream = FindStream(device_id, stream_id);
    if (stream == nullptr) return;
    stream->acked_report = std::max(stream->acked_report, seq);
    out = Next(*stream);
  }
  if (out) out->sink->Write(std::move(out->frame));
}

void DeviceHub::WriteDone(const std::string& device_id, StreamId stream_id) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    Stream* stream = FindStream(device_id, stream_id);
    if (stream == nullptr) return;
    stream->writing = false;
    out = Next(*stream);
  }
  if (out) out->sink->Write(std::move(out->frame));
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

void DeviceHub::DisconnectAll(const absl::Status& why) {
  std::vector<std::shared_ptr<DeviceSink>> sinks;
  {
    MutexLock lock(&mu_);
    for (const auto& [device, stream] : streams_) sinks.push_back(stream.sink);
  }
  for (const auto& sink : sinks) sink->Close(why);
}

bool DeviceHub::Connected(const std::string& device_id) const {
  MutexLock lock(&mu_);
  return streams_.contains(device_id);
}

size_t DeviceHub::size() const {
  MutexLock lock(&mu_);
  return streams_.size();
}

DeviceHub::Stream* DeviceHub::FindStream(const std::string& device_id, StreamId stream) {
  const auto it = streams_.find(device_id);
  return it == streams_.end() || it->second.id != stream ? nullptr : &it->second;
}

std::optional<DeviceHub::Outgoing> DeviceHub::Next(Stream& stream) {
  if (!stream.started || stream.writing) return std::nullopt;
  const Document* best = nullptr;
  for (const auto& [name, doc] : stream.desired) {
    const auto sent = stream.last_sent.find(name);
    if (sent != stream.last_sent.end() && sent->second == doc->sha256) continue;
    if (best == nullptr || Order(name) < Order(best->name)) best = doc.get();
  }
  if (best != nullptr) {
    stream.writing = true;
    stream.last_sent[best->name] = best->sha256;
    return Outgoing{stream.sink, {UpdateHead(++stream.nonce, best->bytes->size()), best->bytes}};
  }
  if (stream.acked_report > stream.sent_report_ack) {
    stream.writing = true;
    stream.sent_report_ack = stream.acked_report;
    return Outgoing{stream.sink, {ReportAckMessage(stream.acked_report), nullptr}};
  }
  return std::nullopt;
}

}  // namespace muster
