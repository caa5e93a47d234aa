// Stored exports for tests, in days after kNow.
#pragma once

#include <string>

#include "common/time_proto.h"
#include "muster/v1/archive.pb.h"
#include "tests/support/now.h"

namespace muster {

inline absl::Time At(double days) { return kNow + days * absl::Hours(24); }

// One export, valid by default: shows messages up to the moment at which it was made.
struct ExportOf {
  std::string sha;
  double first = 0, made = 0;
  std::string continues = "";
  uint64_t messages = 10;
  uint32_t overlap = 0;
  std::string device = "laptop";
  bool receipted = false, from_start = false, truncated = false, damaged = false;
  bool ambiguous = false, group = false;
  std::string mismatch = "";
  double last = -1'000;  // as `made`
  double seen = -1'000;  // as `made`

  v1::ExportRecord Record() const {
    v1::ExportRecord out;
    out.set_device_id(device);
    if (receipted) out.set_receipt_sha256("receipt of " + sha);
    out.set_mismatch_code(mismatch);
    v1::ExportSeen& s = *out.mutable_seen();
    s.set_export_sha256(sha);
    s.set_continues(continues);
    s.set_messages(messages);
    s.set_overlap_messages(overlap);
    s.set_from_start(from_start);
    s.set_truncation_suspected(truncated);
    s.set_damaged(damaged);
    s.set_ambiguous(ambiguous);
    s.set_group(group);
    *s.mutable_first_at() = ToProto(At(first));
    *s.mutable_last_at() = ToProto(At(last == -1'000 ? made : last));
    *s.mutable_made_at() = ToProto(At(made));
    *s.mutable_seen_at() = ToProto(At(seen == -1'000 ? made : seen));
    return out;
  }
};

inline std::vector<v1::ExportRecord> Records(const std::vector<ExportOf>& exports) {
  std::vector<v1::ExportRecord> out;
  for (const ExportOf& e : exports) out.push_back(e.Record());
  return out;
}

}  // namespace muster
