// A profile says where the controller is and who the operator is. It holds paths, no secrets.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster::cli {

struct Profile {
  std::string server;       // host:port
  std::string ca;           // PEM file: who may have signed the controller's certificate
  std::string certificate;  // PEM file: the operator's
  std::string key;          // PEM file: the operator's, 0600
  std::string token;        // instead of the two: file with the token of a sign-in, 0600
  std::string server_name;  // the name in the controller's certificate, where it is not the host
};

// YAML with exactly these keys: server_name optional, and either certificate and key or token;
// relative paths are relative to `folder`. INVALID_ARGUMENT, naming `file`, the key and what is
// wrong with it.
absl::StatusOr<Profile> ParseProfile(const std::string& file, const std::string& folder,
                                     absl::string_view text);

// Reads at most `max_bytes`. INVALID_ARGUMENT with `what` and the path when it cannot be read
// or is larger.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, absl::string_view what,
                                          size_t max_bytes);

absl::StatusOr<Profile> LoadProfile(const std::string& file);

}  // namespace muster::cli
