// The seam between the commands and the wire, so that every command can be tested without one.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace muster::cli {

// Thread-compatible.
class AdminClient {
 public:
  virtual ~AdminClient() = default;
  // One unary call of muster.v1.AdminService. `method` is its name ("GetApp"); the message
  // types must be the method's (checked). Returns the controller's status as it is;
  // UNAVAILABLE when it cannot be reached.
  virtual absl::Status Call(const std::string& method, const google::protobuf::Message& request,
                            google::protobuf::Message* response) = 0;
};

// INTERNAL when AdminService has no such method with these message types.
absl::Status CheckMethod(const std::string& method, const google::protobuf::Message& request,
                         const google::protobuf::Message& response);

}  // namespace muster::cli
