#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/connection.h"
#include "cli/run.h"
#include "common/status_macros.h"
#include "google/protobuf/stubs/logging.h"

namespace muster::cli {
namespace {

absl::StatusOr<std::unique_ptr<AdminClient>> ConnectByProfile(const std::string& file,
                                                              absl::Duration timeout) {
  if (file.empty()) {
    return absl::InvalidArgumentError(
        "no profile: name one with --profile FILE or the environment variable MUSTER_PROFILE");
  }
  MUSTER_ASSIGN_OR_RETURN(const Profile profile, LoadProfile(file));
  return Connect(profile, timeout);
}

}  // namespace
}  // namespace muster::cli

int main(int argc, char** argv) {
  // gRPC 1.51 cannot set the lowest TLS version; with this one RSA suite and an ECDSA
  // certificate TLS 1.2 finds no common cipher, and only 1.3 is left.
  setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384", 1);
  setenv("GRPC_VERBOSITY", "NONE", 0);  // errors are ours to word
  google::protobuf::SetLogHandler(nullptr);
  const char* profile = std::getenv("MUSTER_PROFILE");
  return muster::cli::RunMusterctl(std::vector<std::string>(argv + 1, argv + argc),
                                   profile == nullptr ? "" : profile, muster::cli::ConnectByProfile,
                                   std::cout, std::cerr);
}
