// One stream of a bridge, shared by the bridge and its phones: one write in flight, the others wait
// their turn, each with one frame at most.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "common/clock.h"
#include "common/mutex.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/device_session.h"

namespace muster {

class StreamMux;

// One device's part of the stream. The hub writes to it as to a stream of its own. Thread-safe.
class StreamPart final : public DeviceSink, public std::enable_shared_from_this<StreamPart> {
 public:
  // `session`: is told when what it wrote is on the wire, and when the part has ended. An empty id:
  // the bridge's own, with which the whole stream ends.
  StreamPart(std::shared_ptr<StreamMux> mux, std::string device_id,
             std::shared_ptr<DeviceSession> session);
  ~StreamPart() override;

  void Write(Frame frame) override;
  // Of a phone: it is told by a Refusal, and the other parts go on.
  void Close(const absl::Status& why) override;
  // The hub thinks that the part does not move; it may only wait behind the others. The stream is
  // dropped where that is what does not move.
  void Cancel(const absl::Status& why) override;
  bool IsPart() const override { return !device_id_.empty(); }
  bool closed() const;
  // Without a word: the bridge left it.
  void End();

 private:
  friend class StreamMux;
  const std::shared_ptr<StreamMux> mux_;
  const std::string device_id_;
  const std::shared_ptr<DeviceSession> session_;  // null: nobody has to be told
  // Guarded by the mux's lock.
  std::optional<Frame> waiting_;  // in the queue
  std::optional<Frame> last_;     // a Refusal behind a frame that is in flight
  bool closed_ = false;
};

// Thread-safe. Writes are started outside its lock.
class StreamMux : public std::enable_shared_from_this<StreamMux> {
 public:
  StreamMux(const Clock& clock, std::shared_ptr<DeviceSink> wire)
      : clock_(clock), wire_(std::move(wire)) {}

  // The transport has taken what was written: the next one's turn.
  void OnWriteDone();
  // Nothing is written any more; what waits is dropped.
  void OnClosed();
  // Says no to a device that has no part here. False: too many wait already.
  bool Refuse(const std::string& device_id, const absl::Status& why);
  void CloseWire(const absl::Status& why) { wire_->Close(why); }

 private:
  friend class StreamPart;
  struct Turn {
    std::shared_ptr<StreamPart> part;
    Frame frame;
  };

  bool IsClosed(const StreamPart& part) const;
  void Write(StreamPart& part, Frame frame);
  void Close(StreamPart& part, const absl::Status& why);
  void End(StreamPart& part);
  void Cancel(const StreamPart& part, const absl::Status& why);
  // The frame to write now, if it is anybody's turn.
  std::optional<Frame> Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Puts a frame into the part's place in the queue.
  void Enqueue(StreamPart& part, Frame frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Start(std::optional<Frame> frame);

  const Clock& clock_;
  const std::shared_ptr<DeviceSink> wire_;
  mutable Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false, over_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time moved_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::shared_ptr<StreamPart> in_flight_ ABSL_GUARDED_BY(mu_);
  std::deque<std::shared_ptr<StreamPart>> queue_ ABSL_GUARDED_BY(mu_);
  size_t refusals_ ABSL_GUARDED_BY(mu_) = 0;  // in the queue, of devices without a part
};

}  // namespace muster
