// Messages over a stream socket of ours: 4 bytes of length in network order, then the message.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace muster::agent {

// UNAVAILABLE: the other end is gone; DEADLINE_EXCEEDED; RESOURCE_EXHAUSTED: longer than
// limits::kMaxGateFrameBytes. After an error the socket is of no more use. Thread-compatible.
absl::Status SendFrame(int fd, const google::protobuf::Message& message, absl::Duration timeout);
absl::Status ReceiveFrame(int fd, google::protobuf::Message* message, absl::Duration timeout);

}  // namespace muster::agent
