#include "agent/domain/freshness.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

std::pair<uint32_t, uint64_t> VersionOf(const OwnDocument& d) { return {d.epoch, d.version}; }
std::pair<uint32_t, uint64_t> VersionOf(const v1::DocumentLeaf& d) {
  return {d.epoch(), d.version()};
}

std::string VersionText(uint32_t epoch, uint64_t version) {
  return absl::StrCat("version ", epoch, ".", version);
}

// Why the Beacon does not prove `own`, in words; empty: it does.
std::string Unproven(const OwnDocument& own, const std::vector<v1::DocumentLeaf>& leaves,
                     bool lapsed) {
  bool named = false;
  for (const v1::DocumentLeaf& leaf : leaves) {
    if (leaf.name() != own.name) continue;
    named = true;
    if (VersionOf(leaf) > VersionOf(own)) {
      return absl::StrCat("behind: the beacon names ", own.name, " ",
                          VersionText(leaf.epoch(), leaf.version()), ", this device has ",
                          own.version == 0 ? "none" : VersionText(own.epoch, own.version));
    }
    if (VersionOf(leaf) == VersionOf(own) && leaf.sha256() != own.sha256) {
      return absl::StrCat("the beacon names other contents for ", own.name, " ",
                          VersionText(own.epoch, own.version));
    }
  }
  if (named || (own.optional && (own.version == 0 || lapsed))) return "";
  return absl::StrCat("the beacon proves nothing about ", own.name);
}

}  // namespace

Freshness CheckFreshness(const std::vector<OwnDocument>& own,
                         const std::optional<ProvenBeacon>& beacon, absl::Time now) {
  Freshness out;
  if (!beacon) {
    out.stale_because.push_back("no beacon has reached this device yet");
  } else {
    uint32_t epoch = 0;  // the root's, which is the latest
    for (const OwnDocument& d : own) epoch = std::max(epoch, d.epoch);
    for (const OwnDocument& d : own) {
      // Of an epoch before, a deny is taken by nobody any more; here it still denies.
      const bool lapsed = now >= d.not_after || d.epoch < epoch;
      std::string why = Unproven(d, beacon->leaves, lapsed);
      if (!why.empty()) out.stale_because.push_back(std::move(why));
    }
    if (out.stale_because.empty()) out.fresh_until = beacon->not_after;
    if (now >= beacon->not_after) {
      out.stale_because.push_back(absl::StrCat("the beacon ended ", TimeText(beacon->not_after)));
    }
  }
  for (const OwnDocument& d : own) {
    if (d.version == 0 || d.optional || now < d.not_after) continue;
    out.ended = true;
    out.stale_because.push_back(absl::StrCat(d.name, " ended ", TimeText(d.not_after)));
  }
  return out;
}

std::vector<std::string> FindContradictions(const std::vector<OwnDocument>& own,
                                            const std::vector<v1::DocumentLeaf>& leaves) {
  std::vector<std::string> out;
  for (const OwnDocument& d : own) {
    for (const v1::DocumentLeaf& leaf : leaves) {
      if (leaf.name() != d.name || d.version == 0 || VersionOf(leaf) != VersionOf(d) ||
          leaf.sha256() == d.sha256) {
        continue;
      }
      out.push_back(absl::StrCat(d.name, " ", VersionText(d.epoch, d.version), " is ", d.sha256,
                                 " here and ", leaf.sha256().substr(0, 64), " in the beacon"));
    }
  }
  return out;
}

}  // namespace muster::agent
