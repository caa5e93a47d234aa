// Notices on people's desktops. A session bus lets in its own person alone, and the agent must
// not do anything of root's on a socket of theirs: a short-lived program with their uid and no
// rights, muster-notify, does it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/adapters/files/file_io.h"
#include "agent/domain/notice.h"

namespace muster::agent {

struct DesktopOptions {
  std::string helper;                      // path of muster-notify
  std::string run_user_dir = "/run/user";  // the session bus is run_user_dir/UID/bus
};

// Where the program lies that belongs to this agent; empty: nowhere.
std::string FindNoticeHelper();

// Thread-compatible. The helpers end with the thread that calls Show.
class DesktopNotices {
 public:
  explicit DesktopNotices(DesktopOptions options) : options_(std::move(options)) {}
  ~DesktopNotices();  // ends the helpers that run
  DesktopNotices(const DesktopNotices&) = delete;
  DesktopNotices& operator=(const DesktopNotices&) = delete;

  // Starts a helper and does not wait for it. FAILED_PRECONDITION: root and nobody have no
  // desktop, or there is no helper; RESOURCE_EXHAUSTED: the person has one under way, or
  // limits::kMaxNoticeHelpers run; UNAVAILABLE.
  absl::Status Show(uint32_t uid, const Notice& notice, absl::Time now);

  // Forgets helpers that ended and ends those that took limits::kNoticeHelperTime. What an
  // administrator has to know of, once each; usually nothing.
  std::vector<std::string> Reap(absl::Time now);

  // Become readable when a helper ends.
  std::vector<int> fds() const;
  // When the next helper has to be ended; InfiniteFuture: none.
  absl::Time deadline() const;

 private:
  struct Helper {
    uint32_t uid = 0;
    Fd process;        // pidfd
    absl::Time until;  // InfiniteFuture: killed, and not gone yet
  };
  const DesktopOptions options_;
  std::vector<Helper> helpers_;
  bool setup_failed_ = false;
};

}  // namespace muster::agent
