// Shows afterwards that the agent ended without having been stopped: from then until its next start
// nothing was blocked.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace muster::agent {

// Thread-compatible; one process at a time. The file says which boot and when it was last touched.
class AliveFile {
 public:
  explicit AliveFile(std::string path) : path_(std::move(path)) {}

  // When an earlier run was last alive that was not stopped in order, in this same boot. Empty:
  // it was stopped in order, or the machine went down with it.
  std::optional<absl::Time> LastSignOfLife() const;
  void Touch(absl::Time now) const;  // a failure is not worth stopping for
  void Remove() const;

 private:
  const std::string path_;
};

}  // namespace muster::agent
