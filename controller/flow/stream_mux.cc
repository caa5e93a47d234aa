#include "controller/flow/stream_mux.h"

#include <utility>

#include "common/bridge_limits.h"
#include "common/limits.h"
#include "controller/flow/device_frames.h"

namespace muster {

StreamPart::StreamPart(std::shared_ptr<StreamMux> mux, std::string device_id,
                       std::shared_ptr<DeviceSession> session)
    : mux_(std::move(mux)), device_id_(std::move(device_id)), session_(std::move(session)) {}

StreamPart::~StreamPart() = default;

void StreamPart::Write(Frame frame) { mux_->Write(*this, std::move(frame)); }

void StreamPart::Close(const absl::Status& why) {
  if (!IsPart()) return mux_->CloseWire(why);
  mux_->Close(*this, why);
}

void StreamPart::Cancel(const absl::Status& why) { mux_->Cancel(*this, why); }

bool StreamPart::closed() const { return mux_->IsClosed(*this); }

void StreamPart::End() { mux_->End(*this); }

bool StreamMux::IsClosed(const StreamPart& part) const {
  MutexLock lock(&mu_);
  return part.closed_;
}

void StreamMux::Enqueue(StreamPart& part, Frame frame) {
  if (!part.device_id_.empty()) frame = ForDevice(part.device_id_, std::move(frame));
  const bool has_place = part.waiting_.has_value();
  part.waiting_ = std::move(frame);
  if (!has_place) {
    queue_.push_back(part.shared_from_this());
  }
}

std::optional<Frame> StreamMux::Next() {
  if (writing_ || over_) return std::nullopt;
  while (!queue_.empty() && !queue_.front()->waiting_) queue_.pop_front();  // It was left.
  if (queue_.empty()) return std::nullopt;
  in_flight_ = std::move(queue_.front());
  queue_.pop_front();
  if (in_flight_->session_ == nullptr && refusals_ > 0) --refusals_;
  writing_ = true;
  moved_at_ = clock_.Now();
  return std::exchange(in_flight_->waiting_, std::nullopt);
}

void StreamMux::Start(std::optional<Frame> frame) {
  if (frame) wire_->Write(*std::move(frame));
}

void StreamMux::Write(StreamPart& part, Frame frame) {
  std::optional<Frame> next;
  {
    MutexLock lock(&mu_);
    if (part.closed_ || over_) return;
    Enqueue(part, std::move(frame));
    next = Next();
  }
  Start(std::move(next));
}

void StreamMux::Close(StreamPart& part, const absl::Status& why) {
  std::optional<Frame> next;
  bool too_many = false;
  {
    MutexLock lock(&mu_);
    if (part.closed_ || over_) return;
    part.closed_ = true;
    // Who asks again and again and never reads the answers.
    too_many = queue_.size() >= limits::kMaxPhones + limits::kMaxPendingRefusals;
    // In the place of what it was to hear, which says nothing to it any more.
    if (in_flight_.get() == &part) {
      part.last_ = RefusalFrame(why);
    } else if (!too_many) {
      Enqueue(part, RefusalFrame(why));
    }
    next = Next();
  }
  Start(std::move(next));
  if (too_many) wire_->Cancel(absl::ResourceExhaustedError("too much waits for this bridge"));
}

void StreamMux::End(StreamPart& part) {
  MutexLock lock(&mu_);
  if (part.waiting_.has_value()) std::erase(queue_, part.shared_from_this());
  part.closed_ = true;
  part.last_.reset();
  part.waiting_.reset();
}

void StreamMux::Cancel(const StreamPart& part, const absl::Status& why) {
  {
    MutexLock lock(&mu_);
    if (over_) return;
    // A phone waits for its turn as long as the others move. What the bridge itself may owe is its
    // Hello, with nothing to be written.
    if (writing_ ? clock_.Now() - moved_at_ < limits::kStuckStream : part.IsPart()) return;
  }
  wire_->Cancel(why);
}

bool StreamMux::Refuse(const std::string& device_id, const absl::Status& why) {
  std::optional<Frame> next;
  {
    MutexLock lock(&mu_);
    if (over_) return true;
    if (refusals_ >= limits::kMaxPendingRefusals) return false;
    ++refusals_;
    const auto part = std::make_shared<StreamPart>(shared_from_this(), device_id, nullptr);
    part->closed_ = true;
    Enqueue(*part, RefusalFrame(why));
    next = Next();
  }
  Start(std::move(next));
  return true;
}

void StreamMux::OnWriteDone() {
  std::shared_ptr<StreamPart> done;
  std::optional<Frame> next;
  bool ended = false;
  {
    MutexLock lock(&mu_);
    done = std::move(in_flight_);
    in_flight_ = nullptr;
    writing_ = false;
    moved_at_ = clock_.Now();
    if (done != nullptr) {
      if (done->last_) Enqueue(*done, *std::exchange(done->last_, std::nullopt));
      ended = done->closed_ && !done->waiting_;
    }
    next = Next();
  }
  Start(std::move(next));
  if (done == nullptr || done->session_ == nullptr) return;
  // Outside the lock: the hub may write the next frame of this part from within.
  if (ended) {
    done->session_->OnClosed();
  } else {
    done->session_->OnWriteDone();
  }
}

void StreamMux::OnClosed() {
  std::deque<std::shared_ptr<StreamPart>> dropped;  // Outside the lock: the last references.
  std::shared_ptr<StreamPart> in_flight;
  MutexLock lock(&mu_);
  over_ = true;
  dropped.swap(queue_);
  in_flight = std::move(in_flight_);
}

}  // namespace muster
