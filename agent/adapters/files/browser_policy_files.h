// The browsers' policy directories on disk. A path is walked part by part from the root, and a
// part that is a symbolic link, or that somebody else than root could change, ends the walk:
// nothing is read or written through what a person without root could have put there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/adapters/files/file_io.h"
#include "agent/flow/browser_policies.h"

namespace muster::agent {

// Thread-safe: holds no state. `root` stands before every path ("/" is the machine's own).
class BrowserPolicyFiles final : public BrowserPolicies {
 public:
  explicit BrowserPolicyFiles(std::string root) : root_(std::move(root)) {}

  absl::StatusOr<PolicyDirectory> Read(const std::string& dir) override;
  absl::Status Write(const std::string& dir, const std::string& name,
                     absl::string_view text) override;
  absl::Status Remove(const std::string& dir, const std::string& name) override;

  // Directories whose changes call for WebClients::Check, with the name in them that matters
  // (empty: any), from the top down: a directory that is moved away raises an event only in the
  // one above it.
  std::vector<std::pair<std::string, std::string>> Watches() const;

 private:
  // NOT_FOUND: it does not exist and `create` is false. `above` gets the directory that holds it.
  absl::StatusOr<Fd> Open(const std::string& dir, bool create, Fd* above) const;

  const std::string root_;
};

}  // namespace muster::agent
