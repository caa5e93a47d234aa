#include "controller/flow/device_frames.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <utility>

#include "common/limits.h"
#include "common/time_proto.h"
#include "controller/flow/device_alarms.h"
#include "muster/v1/device_service.pb.h"

namespace muster {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr uint32_t LengthDelimited(int field) { return static_cast<uint32_t>(field) << 3 | 2; }

}  // namespace

// ControllerMessage{update{nonce, documents: [<body>]}} with the document's bytes left out: they
// are serialised once and shared, so only this head is made per stream.
Frame UpdateFrame(uint64_t nonce, std::shared_ptr<const std::string> document) {
  const size_t body = document->size();
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
  return {std::move(head), std::move(document)};
}

// The same for ControllerMessage{chunk{sha256, data: <body>}}.
Frame ChunkFrame(const Chunk& chunk) {
  const std::string& sha256 = chunk.sha256;
  const size_t body = chunk.bytes->size();
  constexpr uint32_t kChunkTag = LengthDelimited(v1::ControllerMessage::kChunkFieldNumber);
  constexpr uint32_t kHashTag = LengthDelimited(v1::Chunk::kSha256FieldNumber);
  constexpr uint32_t kDataTag = LengthDelimited(v1::Chunk::kDataFieldNumber);
  const size_t inner = CodedOutputStream::VarintSize32(kHashTag) +
                       CodedOutputStream::VarintSize64(sha256.size()) + sha256.size() +
                       CodedOutputStream::VarintSize32(kDataTag) +
                       CodedOutputStream::VarintSize64(body) + body;
  std::string head;
  {
    google::protobuf::io::StringOutputStream stream(&head);
    CodedOutputStream out(&stream);
    out.WriteVarint32(kChunkTag);
    out.WriteVarint64(inner);
    out.WriteVarint32(kHashTag);
    out.WriteVarint64(sha256.size());
    out.WriteString(sha256);
    out.WriteVarint32(kDataTag);
    out.WriteVarint64(body);
  }
  return {std::move(head), chunk.bytes};
}

Frame ReportAckFrame(uint64_t seq, const std::string& sha256) {
  v1::ControllerMessage message;
  message.mutable_report_ack()->set_seq(seq);
  message.mutable_report_ack()->set_sha256(sha256);
  return {message.SerializeAsString(), nullptr};
}

Frame ThrottleFrame(absl::Duration interval) {
  v1::ControllerMessage message;
  *message.mutable_throttle()->mutable_report_interval() = ToProto(interval);
  return {message.SerializeAsString(), nullptr};
}

Frame DrainFrame(absl::Duration window) {
  v1::ControllerMessage message;
  *message.mutable_drain()->mutable_window() = ToProto(window);
  return {message.SerializeAsString(), nullptr};
}

Frame RefusalFrame(const absl::Status& why) {
  v1::ControllerMessage message;
  message.mutable_refusal()->set_code(static_cast<uint32_t>(why.raw_code()));
  message.mutable_refusal()->set_message(Shortened(why.message(), limits::kMaxReasonBytes));
  return {message.SerializeAsString(), nullptr};
}

Frame ForDevice(const std::string& device_id, Frame frame) {
  v1::ControllerMessage message;
  message.set_device_id(device_id);
  frame.head.insert(0, message.SerializeAsString());
  return frame;
}

}  // namespace muster
