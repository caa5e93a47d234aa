// Files that people hand over by their descriptor: `muster-agent archive submit`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/flow/archive_files.h"
#include "common/mutex.h"
#include "muster/v1/archive.pb.h"

namespace muster::agent {

struct Submission {
  uint32_t uid = 0;
  std::string app_id;  // empty: the one app of the person
  std::shared_ptr<HeldExport> file;
  // What came of it; empty: it waits to be read.
  std::optional<absl::StatusOr<v1::ExportSeen>> result;
};

// Thread-safe.
class Submissions {
 public:
  // Whoever asks again with the same file gets what came of it, once; empty: it waits.
  // RESOURCE_EXHAUSTED: limits::kMaxSubmissions wait.
  std::optional<absl::StatusOr<v1::ExportSeen>> Ask(Submission submission);
  // The first that waits; it stays until Finish.
  std::optional<Submission> Next() const;
  void Finish(const Submission& submission, absl::StatusOr<v1::ExportSeen> result);

 private:
  static bool Same(const Submission& a, const Submission& b);
  mutable Mutex mu_;
  std::vector<Submission> all_ ABSL_GUARDED_BY(mu_);  // oldest first
};

}  // namespace muster::agent
