// Ends what libldap would wait for without end. With GnuTLS it spins for ever on a server that
// takes the connection but not the handshake, and a read in the middle of a record has no timeout.
#pragma once

#include <thread>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace muster {

// Thread-safe. One thread while it lives.
class SocketWatchdog {
 public:
  explicit SocketWatchdog(absl::Duration timeout);
  ~SocketWatchdog();
  SocketWatchdog(const SocketWatchdog&) = delete;
  SocketWatchdog& operator=(const SocketWatchdog&) = delete;

  // Watches this socket from now on (a duplicate of it, so that a number used again later is
  // never touched).
  void Watch(int fd);

  // While one lives, the socket has `timeout` until it is shut down. They do not nest.
  class Guard {
   public:
    explicit Guard(SocketWatchdog* dog) : dog_(dog) { dog_->Arm(true); }
    ~Guard() { dog_->Arm(false); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    SocketWatchdog* const dog_;
  };

  bool fired() const;

 private:
  void Arm(bool on);
  void Loop();

  const absl::Duration timeout_;
  mutable Mutex mu_;
  CondVar changed_;
  int fd_ ABSL_GUARDED_BY(mu_) = -1;
  uint64_t turn_ ABSL_GUARDED_BY(mu_) = 0;  // tells one arming from the next
  bool armed_ ABSL_GUARDED_BY(mu_) = false;
  bool fired_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace muster
