#include "controller/domain/coverage.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/string_view.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"

namespace muster {
namespace {

// An export that proves something.
struct Proof {
  const v1::ExportSeen* seen = nullptr;
  absl::string_view device;
  absl::Time from, until;
  absl::Time seen_at;
  bool receipted = false;
  bool reached = false;  // contiguous with `began_at`

  bool Continues(const Proof& other) const {
    return !seen->continues().empty() && seen->continues() == other.seen->export_sha256();
  }
};
using Proofs = std::vector<Proof>;

struct Stretch {
  absl::Time from, until;
};

bool Proves(const v1::ExportSeen& seen) {
  return !seen.damaged() && !seen.ambiguous() && (seen.has_made_at() || seen.has_last_at());
}

// What was reported cannot show what came later, whatever the clock of the device said.
absl::Time EndOf(const v1::ExportRecord& record) {
  const v1::ExportSeen& seen = record.seen();
  absl::Time end = FromProto(seen.has_made_at() ? seen.made_at() : seen.last_at());
  if (seen.has_last_at()) end = std::max(end, FromProto(seen.last_at()));
  return record.has_reported_at() ? std::min(end, FromProto(record.reported_at())) : end;
}

// It says that it begins where the chat began, but another one shows only older messages: the chat
// was deleted in between, and nothing is known of its end.
bool BeganAnew(const v1::ExportSeen& seen, const std::vector<v1::ExportRecord>& all) {
  return std::any_of(all.begin(), all.end(), [&](const v1::ExportRecord& other) {
    return Proves(other.seen()) && other.seen().has_last_at() && seen.has_first_at() &&
           FromProto(other.seen().last_at()) < FromProto(seen.first_at());
  });
}

Proofs ProofsIn(const std::vector<v1::ExportRecord>& exports, absl::Time began_at) {
  Proofs out;
  for (const v1::ExportRecord& record : exports) {
    const v1::ExportSeen& seen = record.seen();
    if (!Proves(seen)) continue;
    Proof proof{&seen,         record.device_id(),        {},
                EndOf(record), FromProto(seen.seen_at()), !record.receipt_sha256().empty()};
    proof.from = seen.has_first_at() ? FromProto(seen.first_at()) : proof.until;
    if (seen.from_start() && !seen.truncation_suspected() && !BeganAnew(seen, exports)) {
      proof.from = std::min(proof.from, began_at);
    }
    proof.from = std::min(proof.from, proof.until);
    out.push_back(proof);
  }
  std::sort(out.begin(), out.end(), [](const Proof& a, const Proof& b) {
    return std::tie(a.until, a.from, a.seen->export_sha256()) <
           std::tie(b.until, b.from, b.seen->export_sha256());
  });
  return out;
}

// Time is enough where no device had the earlier one to compare with.
bool OverlapsUncompared(const Proof& earlier, const Proof& later) {
  return later.from <= earlier.until && earlier.until <= later.until &&
         (earlier.device != later.device || earlier.seen_at >= later.seen_at);
}

bool Reachable(const Proof& proof, const Proofs& all, absl::Time began_at, absl::Time frontier) {
  if (proof.from <= began_at || proof.until <= frontier) return true;
  return std::any_of(all.begin(), all.end(), [&](const Proof& other) {
    return other.reached && (proof.Continues(other) || OverlapsUncompared(other, proof));
  });
}

// Marks what is contiguous with `began_at`; the end of it.
absl::Time Reach(Proofs& proofs, absl::Time began_at) {
  absl::Time frontier = began_at;
  for (bool grows = true; grows;) {
    grows = false;
    for (Proof& proof : proofs) {
      if (proof.reached || !Reachable(proof, proofs, began_at, frontier)) continue;
      proof.reached = grows = true;
      frontier = std::max(frontier, proof.until);
    }
  }
  return frontier;
}

// That they are contiguous was seen; what is between them must be receipted itself.
absl::Time ReachReceipted(const Proofs& proofs, absl::Time began_at) {
  absl::Time frontier = began_at;
  std::vector<const Proof*> members;
  std::vector<bool> in(proofs.size());
  for (bool grows = true; grows;) {
    grows = false;
    for (size_t i = 0; i < proofs.size(); ++i) {
      const Proof& proof = proofs[i];
      if (in[i] || !proof.reached || !proof.receipted) continue;
      const bool joins = proof.from <= frontier ||
                         std::any_of(members.begin(), members.end(),
                                     [&](const Proof* m) { return proof.Continues(*m); });
      if (!joins) continue;
      in[i] = grows = true;
      members.push_back(&proof);
      frontier = std::max(frontier, proof.until);
    }
  }
  return frontier;
}

std::optional<std::pair<absl::Time, absl::Time>> GapIn(const Proofs& proofs, absl::Time frontier) {
  const Proof* next = nullptr;
  for (const Proof& proof : proofs) {
    if (!proof.reached && (next == nullptr || proof.from < next->from)) next = &proof;
  }
  if (next == nullptr) return std::nullopt;
  return std::minmax(frontier, next->from);
}

std::vector<Stretch> Union(const Proofs& proofs, bool only_receipted) {
  std::vector<Stretch> sorted;
  for (const Proof& p : proofs) {
    if (p.receipted || !only_receipted) sorted.push_back({p.from, p.until});
  }
  std::sort(sorted.begin(), sorted.end(), [](const Stretch& a, const Stretch& b) {
    return std::tie(a.from, a.until) < std::tie(b.from, b.until);
  });
  std::vector<Stretch> out;
  for (const Stretch& s : sorted) {
    if (out.empty() || out.back().until < s.from) {
      out.push_back(s);
    } else {
      out.back().until = std::max(out.back().until, s.until);
    }
  }
  return out;
}

bool Contains(const Proof& outer, const Proof& inner) {
  if (outer.from > inner.from || outer.until < inner.until) return false;
  if (outer.from < inner.from || outer.until > inner.until) return true;
  return std::make_tuple(outer.seen->messages(), outer.seen->export_sha256()) >
         std::make_tuple(inner.seen->messages(), inner.seen->export_sha256());
}

v1::CoveredInterval Interval(absl::Time from, absl::Time until, v1::Evidence::Level level) {
  v1::CoveredInterval out;
  *out.mutable_from() = ToProto(from);
  *out.mutable_until() = ToProto(until);
  out.set_level(level);
  return out;
}

// Each stretch that an export shows, cut where receipts begin and end.
std::vector<v1::CoveredInterval> Levels(const Proofs& proofs) {
  std::vector<v1::CoveredInterval> out;
  const std::vector<Stretch> receipted = Union(proofs, true);
  auto next = receipted.begin();
  for (const Stretch& seen : Union(proofs, false)) {
    absl::Time at = seen.from;
    bool ends_receipted = false;
    for (; next != receipted.end() && next->until <= seen.until; ++next) {
      if (at < next->from) out.push_back(Interval(at, next->from, v1::Evidence::E2_SEEN));
      out.push_back(Interval(next->from, next->until, v1::Evidence::E3_RECEIPTED));
      at = next->until;
      ends_receipted = true;
    }
    if (at < seen.until || !ends_receipted) {
      out.push_back(Interval(at, seen.until, v1::Evidence::E2_SEEN));
    }
  }
  return out;
}

// The oldest time after `began_at` that is seen and not receipted, else `newest_until`.
absl::Time UnreceiptedFrom(const std::vector<v1::CoveredInterval>& intervals, absl::Time began_at,
                           absl::Time newest_until) {
  for (const v1::CoveredInterval& i : intervals) {
    if (i.level() == v1::Evidence::E2_SEEN && FromProto(i.until()) > began_at) {
      return std::max(FromProto(i.from()), began_at);
    }
  }
  return newest_until;
}

// What it adds to the others: nothing when one of them holds all of its time; else what is not
// also in the export that it continues, unless that one adds nothing because of this one.
uint64_t NewMessages(const Proof& proof, const Proofs& proofs) {
  uint64_t overlap = 0;
  for (const Proof& other : proofs) {
    if (&other == &proof) continue;
    if (Contains(other, proof)) return 0;
    if (proof.Continues(other) && !Contains(proof, other)) overlap = proof.seen->overlap_messages();
  }
  return proof.seen->messages() - std::min<uint64_t>(overlap, proof.seen->messages());
}

uint64_t MessagesIn(const Proofs& proofs) {
  uint64_t sum = 0, largest = 0;
  for (const Proof& proof : proofs) {
    sum += NewMessages(proof, proofs);
    largest = std::max(largest, proof.seen->messages());
  }
  return std::max(sum, largest);
}

// It has no receipt, and its time after `began_at` is neither receipted by others nor all in one
// of them.
bool Lacks(const Proof& proof, const Proofs& proofs, const std::vector<Stretch>& receipted,
           absl::Time began_at) {
  if (proof.receipted || proof.until <= began_at) return false;
  const auto in_stretch = [&](const Stretch& s) {
    return s.from <= std::max(proof.from, began_at) && proof.until <= s.until;
  };
  const auto in_other = [&](const Proof& p) { return Contains(p, proof); };
  return std::none_of(receipted.begin(), receipted.end(), in_stretch) &&
         std::none_of(proofs.begin(), proofs.end(), in_other);
}

void TellNewest(const Proofs& proofs, absl::Time began_at, Coverage& out) {
  const std::vector<Stretch> receipted = Union(proofs, true);
  for (const Proof& proof : proofs) {
    if (proof.until < proofs.back().until) {
      out.earlier_unreceipted =
          out.earlier_unreceipted || Lacks(proof, proofs, receipted, began_at);
    } else if (out.newest_level != v1::Evidence::E3_RECEIPTED) {
      out.newest_level = proof.receipted ? v1::Evidence::E3_RECEIPTED : v1::Evidence::E2_SEEN;
    }
  }
}

}  // namespace

Coverage CoverageOf(const std::vector<v1::ExportRecord>& exports, absl::Time began_at) {
  Coverage out;
  out.exports = static_cast<uint32_t>(exports.size());
  for (const v1::ExportRecord& record : exports) {
    out.group = out.group || record.seen().group();
    out.mismatch =
        out.mismatch || (!record.mismatch_code().empty() && record.receipt_sha256().empty());
  }
  Proofs proofs = ProofsIn(exports, began_at);
  out.seen_until = Reach(proofs, began_at);
  out.gap = GapIn(proofs, out.seen_until);
  out.newest_until = proofs.empty() ? began_at : std::max(began_at, proofs.back().until);
  out.intervals = Levels(proofs);
  out.newest_receipted_until = UnreceiptedFrom(out.intervals, began_at, out.newest_until);
  out.receipted_until = ReachReceipted(proofs, began_at);
  if (out.intervals.size() > limits::kMaxIntervals) {
    out.intervals.erase(out.intervals.begin(), out.intervals.end() - limits::kMaxIntervals);
  }
  TellNewest(proofs, began_at, out);
  out.messages = MessagesIn(proofs);
  return out;
}

}  // namespace muster
