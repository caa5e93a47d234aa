#include "agent/flow/submissions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"

namespace muster::agent {

bool Submissions::Same(const Submission& a, const Submission& b) {
  return a.uid == b.uid && a.app_id == b.app_id && a.file->stamp() == b.file->stamp();
}

std::optional<absl::StatusOr<v1::ExportSeen>> Submissions::Ask(Submission submission) {
  MutexLock lock(&mu_);
  const auto known = std::find_if(all_.begin(), all_.end(),
                                  [&](const Submission& s) { return Same(s, submission); });
  if (known != all_.end()) {
    if (!known->result) return std::nullopt;
    absl::StatusOr<v1::ExportSeen> out = *std::move(known->result);
    all_.erase(known);
    return out;
  }
  if (all_.size() >= limits::kMaxSubmissions) {
    // Somebody who did not come back for the answer.
    const auto done = std::find_if(all_.begin(), all_.end(),
                                   [](const Submission& s) { return s.result.has_value(); });
    if (done == all_.end()) {
      return absl::ResourceExhaustedError(
          absl::StrCat(all_.size(), " files wait to be read already; try again later"));
    }
    all_.erase(done);
  }
  all_.push_back(std::move(submission));
  return std::nullopt;
}

std::optional<Submission> Submissions::Next() const {
  MutexLock lock(&mu_);
  for (const Submission& s : all_) {
    if (!s.result) return s;
  }
  return std::nullopt;
}

void Submissions::Finish(const Submission& submission, absl::StatusOr<v1::ExportSeen> result) {
  MutexLock lock(&mu_);
  for (Submission& s : all_) {
    if (!s.result && Same(s, submission)) {
      s.result = std::move(result);
      return;
    }
  }
}

}  // namespace muster::agent
