// absl::Time and absl::Duration to and from protobuf's well-known types. Pure.
#pragma once

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace muster {

google::protobuf::Timestamp ToProto(absl::Time t);
absl::Time FromProto(const google::protobuf::Timestamp& t);
google::protobuf::Duration ToProto(absl::Duration d);
absl::Duration FromProto(const google::protobuf::Duration& d);

// RFC 3339, UTC, whole seconds or milliseconds where there are any.
std::string TimeText(absl::Time t);

}  // namespace muster
