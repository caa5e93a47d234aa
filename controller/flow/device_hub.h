// The streams to agents: what each should have, what it was sent, one write in flight. Knows no
// transport and no store; driven from any number of threads.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "controller/flow/beacon.h"
#include "controller/flow/device_frames.h"
#include "controller/flow/publish_cohort.h"

namespace muster {

// One open stream. Write() is called with at most one write in flight; the transport answers
// each with DeviceHub::WriteDone(). The calls may come from any thread, must not block and
// must not call back into the hub from within.
class DeviceSink {
 public:
  virtual ~DeviceSink() = default;
  virtual void Write(Frame frame) = 0;
  // The agent is told why; what is being written is still written.
  virtual void Close(const absl::Status& why) = 0;
  // True where a bridge's stream carries this one: of those the bridge alone is told to drain.
  virtual bool IsPart() const { return false; }
  // For a stream that does not move: drops it without waiting for anything.
  virtual void Cancel(const absl::Status& why) = 0;
};

// How far one document has come on one stream.
struct Delivery {
  std::string sha256;
  absl::Time sent_at = absl::InfinitePast();
  absl::Time applied_at = absl::InfinitePast();  // the agent's own word
};

// What an agent's Hello says it has.
struct KnownVersion {
  uint64_t version = 0;
  std::string sha256;
};

// Thread-safe. Per stream: a desired and a last-sent hash by document (latest wins, no queue),
// the chunks it asked for, and the highest report number to acknowledge.
class DeviceHub {
 public:
  using StreamId = uint64_t;
  explicit DeviceHub(const Clock& clock) : clock_(clock) {}

  // A new stream of a device replaces its older one, which is closed with ABORTED. It ends with
  // the certificate it was opened with.
  StreamId Open(const std::string& device_id, std::shared_ptr<DeviceSink> sink,
                absl::Time certificate_not_after);
  // After the agent's Hello: the cohort it belongs to, what it has by name, and what it should
  // have beside its cohort's policy: the roots above its own, its assignment, emergency denies.
  // `log_seen`: how many entries of the audit log it has seen; the next Beacon proves from there.
  void Start(const std::string& device_id, StreamId stream, const std::string& cohort,
             const std::map<std::string, KnownVersion>& known,
             const std::vector<DocumentPtr>& desired, uint64_t log_seen = 0);

  // To one device, if connected; an older offer of the same name that was not yet sent is gone.
  void Offer(const std::string& device_id, const DocumentPtr& document);
  // To every device: a root, an emergency deny.
  void OfferAll(const DocumentPtr& document);
  // To the devices of the cohort, each the version of its wave.
  void OfferCohort(const CohortPublication& publication);
  // To every device, or only to those that were sent something since their last Beacon.
  void OfferBeacon(const BeaconsPtr& beacons, bool to_all);

  // The ControllerMessage with the receipts that the device does not hold yet, serialised; an older
  // offer that was not yet sent is gone, one that was just sent is not sent again. Null: none.
  void OfferReceipts(const std::string& device_id, std::shared_ptr<const std::string> receipts);

  void Need(const std::string& device_id, StreamId stream, const std::set<std::string>& chunks);
  void Acked(const std::string& device_id, StreamId stream, const std::string& name,
             const std::string& sha256);
  // The agent will not have these bytes.
  void Nacked(const std::string& device_id, StreamId stream, const std::string& name,
              const std::string& sha256);
  // Everything up to `seq` is stored; `sha256` is that report's.
  void AckReport(const std::string& device_id, StreamId stream, uint64_t seq,
                 const std::string& sha256);
  void WriteDone(const std::string& device_id, StreamId stream);
  // The transport's last word on a stream; harmless for one that was replaced.
  void Closed(const std::string& device_id, StreamId stream);

  // From our side, e.g. a retired device.
  void Disconnect(const std::string& device_id, const absl::Status& why);
  // Tells every agent to come back at a random moment within a window that spreads them to
  // limits::kReconnectsPerSecond; returns it. A stream that says Hello afterwards is told too.
  absl::Duration Drain();
  void DisconnectAll(const absl::Status& why);
  // Cancels streams that have not moved for limits::kStuckStream (a write that is not taken, no
  // Hello) and closes those whose certificate has ended. Call it every few seconds.
  void Sweep();

  bool Connected(const std::string& device_id) const;
  size_t size() const;
  std::map<std::string, Delivery> DeliveriesOf(const std::string& device_id) const;

 private:
  struct Stream {
    StreamId id = 0;
    std::shared_ptr<DeviceSink> sink;
    absl::Time certificate_not_after, moved_at;
    bool started = false, writing = false;
    std::string cohort;
    uint64_t cohort_version = 0;                 // that it has, or was sent
    std::map<std::string, DocumentPtr> desired;  // by slot
    std::map<std::string, Delivery> last_sent;   // by slot
    std::deque<Chunk> needed;
    BeaconsPtr beacon;             // to be sent
    BeaconsPtr beacon_unanswered;  // sent: what the device has seen of the log is not known yet
    absl::Time beacon_sent_at = absl::InfinitePast();
    uint64_t log_seen = 0;  // entries of the audit log
    std::shared_ptr<const std::string> receipts, sent_receipts;
    bool sent_since_beacon = true;
    uint64_t acked_report = 0, sent_report_ack = 0;
    std::string acked_sha256;
    absl::Time reports_since = absl::InfinitePast();
    uint32_t reports = 0;
    bool throttle = false, throttled = false;  // wanted, told
    bool drain = false;
    uint64_t nonce = 0;
  };
  struct Outgoing {
    std::shared_ptr<DeviceSink> sink;
    Frame frame;
    BeaconsPtr beacon;  // instead of a frame: made for these documents, outside the lock
    std::vector<DocumentPtr> own;
    uint64_t log_seen = 0;
  };

  static void Send(std::optional<Outgoing> out);
  Stream* FindStream(const std::string& device_id, StreamId stream)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // False when a newer one stands in its slot.
  static bool SetDesired(Stream& stream, const DocumentPtr& document);
  // The next frame of an idle stream, which is then writing.
  std::optional<Outgoing> Next(Stream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::optional<Frame> NextFrame(Stream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::optional<Frame> NextDocument(Stream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool NextBeacon(Stream& stream, Outgoing& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void BeaconAnswered(Stream& stream, const std::string& sha256, bool accepted);
  // What every agent would refuse: it has ended, or a root has begun a later epoch.
  bool IsPast(const Document& doc) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountReport(Stream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock& clock_;
  mutable Mutex mu_;
  StreamId last_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, Stream> streams_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, CohortPublication> cohorts_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, DocumentPtr> for_all_ ABSL_GUARDED_BY(mu_);  // by slot
  uint32_t epoch_ ABSL_GUARDED_BY(mu_) = 0;  // of the newest root that was offered
  BeaconsPtr beacons_ ABSL_GUARDED_BY(mu_);
  absl::Duration drain_window_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
};

}  // namespace muster
