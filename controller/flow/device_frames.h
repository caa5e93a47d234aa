// The messages to agents, in parts: what all streams share is serialised once. Pure.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/flow/publish.h"

namespace muster {

// One message to write: a short head of its own and a body shared by every stream.
struct Frame {
  std::string head;
  std::shared_ptr<const std::string> body;  // may be null
};

// ControllerMessage{update{nonce, documents: [<document>]}}; the body is a serialised SignedDoc.
Frame UpdateFrame(uint64_t nonce, std::shared_ptr<const std::string> document);
Frame ChunkFrame(const Chunk& chunk);
Frame ReportAckFrame(uint64_t seq, const std::string& sha256);
Frame ThrottleFrame(absl::Duration interval);
Frame DrainFrame(absl::Duration window);
Frame RefusalFrame(const absl::Status& why);
// The same message, for a phone that a bridge speaks for. Fields of protobuf come in any order, so
// that the body stays shared.
Frame ForDevice(const std::string& device_id, Frame frame);

}  // namespace muster
