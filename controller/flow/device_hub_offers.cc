// What comes to streams beside the documents of one device.
#include <utility>

#include "controller/flow/device_hub.h"

namespace muster {

void DeviceHub::OfferCohort(const CohortPublication& publication) {
  if (publication.target == nullptr) return;
  std::vector<std::optional<Outgoing>> out;
  {
    MutexLock lock(&mu_);
    cohorts_[publication.name] = publication;
    for (auto& [device, stream] : streams_) {
      if (!stream.started || stream.cohort != publication.name) continue;
      if (SetDesired(stream, publication.For(device, stream.cohort_version)))
        out.push_back(Next(stream));
    }
  }
  for (std::optional<Outgoing>& o : out) Send(std::move(o));
}

void DeviceHub::OfferBeacon(const BeaconsPtr& beacons, bool to_all) {
  std::vector<std::optional<Outgoing>> out;
  {
    MutexLock lock(&mu_);
    beacons_ = beacons;
    for (auto& [device, stream] : streams_) {
      if (!stream.started || (!to_all && !stream.sent_since_beacon)) continue;
      stream.beacon = beacons;
      out.push_back(Next(stream));
    }
  }
  for (std::optional<Outgoing>& o : out) Send(std::move(o));
}

void DeviceHub::OfferReceipts(const std::string& device_id,
                              std::shared_ptr<const std::string> receipts) {
  std::optional<Outgoing> out;
  {
    MutexLock lock(&mu_);
    const auto it = streams_.find(device_id);
    if (it == streams_.end()) return;
    Stream& stream = it->second;
    const bool sent = receipts != nullptr && stream.sent_receipts != nullptr &&
                      *receipts == *stream.sent_receipts;
    stream.receipts = sent ? nullptr : std::move(receipts);
    out = Next(stream);
  }
  Send(std::move(out));
}

}  // namespace muster
