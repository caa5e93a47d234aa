// The streams to agents: what each should have, what it was sent, one write in flight. Knows no
// transport and no store; driven from any number of threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "controller/flow/publish.h"

namespace muster {

// One message to write: a short head of its own and a body shared by every stream.
struct Frame {
  std::string head;
  std::shared_ptr<const std::string> body;  // may be null
};

// One open stream. Write() is called with at most one write in flight; the transport answers
// each with DeviceHub::WriteDone(). Both calls may come from any thread, must not block and
// must not call back into the hub from within.
class DeviceSink {
 public:
  virtual ~DeviceSink() = default;
  virtual void Write(Frame frame) = 0;
  virtual void Close(const absl::Status& why) = 0;
};

// Thread-safe. Per stream: a desired and a last-sent hash by document name (latest wins, no
// queue) and the highest report number to acknowledge.
class DeviceHub {
 public:
  using StreamId = uint64_t;

  // A new stream of a device replaces its older one, which is closed with ABORTED.
  StreamId Open(const std::string& device_id, std::shared_ptr<DeviceSink> sink);
  // After the agent's Hello: the cohort it belongs to, what it has (name -> sha256 of the payload)
  // and what it should have.
  void Start(const std::string& device_id, StreamId stream, const std::string& cohort,
             const std::map<std::string, std::string>& known,
             const std::vector<DocumentPtr>& desired);
  // To one device, if connected; an older offer of the same name that was not yet sent is gone.
  void Offer(const std::string& device_id, const DocumentPtr& document);
  // A root to every device, a cohort's policy to the devices of that cohort.
  void OfferAll(const DocumentPtr& document);
  void AckReport(const std::string& device_id, StreamId stream, uint64_t seq);
  void WriteDone(const std::string& device_id, StreamId stream);
  // The transport's last word on a stream; harmless for one that was replaced.
  void Closed(const std::string& device_id, StreamId stream);
  // From our side, e.g. a retired device.
  void Disconnect(const std::string& device_id, const absl::Status& why);
  void DisconnectAll(const absl::Status& why);

  bool Connected(const std::string& device_id) const;
  size_t size() const;

 private:
  struct Stream {
    StreamId id = 0;
    std::shared_ptr<DeviceSink> sink;
    bool started = false;
    std::string cohort;
    bool writing = false;
    std::map<std::string, DocumentPtr> desired;    // by name
    std::map<std::string, std::string> last_sent;  // name -> sha256
    uint64_t acked_report = 0, sent_report_ack = 0;
    uint64_t nonce = 0;
  };
  struct Outgoing {
    std::shared_ptr<DeviceSink> sink;
    Frame frame;
  };

  Stream* FindStream(const std::string& device_id, StreamId stream)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The next frame of an idle stream, which is then writing.
  static std::optional<Outgoing> Next(Stream& stream);

  mutable Mutex mu_;
  StreamId last_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, Stream> streams_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster
