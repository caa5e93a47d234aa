// Shows notices, on a thread of its own: neither a terminal nor a desktop may hold up the agent.
#pragma once

#include <deque>
#include <string>
#include <thread>

#include "agent/adapters/files/file_io.h"
#include "agent/adapters/linux/desktop_notice.h"
#include "agent/flow/notifier.h"
#include "common/mutex.h"

namespace muster::agent {

// Thread-safe.
class NoticeSender final : public NoticeChannel {
 public:
  explicit NoticeSender(DesktopOptions desktop);
  ~NoticeSender() override;  // what is not shown yet is not shown any more

  // Beyond limits::kMaxNoticesWaiting a notice is dropped.
  void Send(uint32_t uid, const std::string& terminal, const Notice& notice) override;

 private:
  struct Waiting {
    uint32_t uid = 0;
    std::string terminal;
    Notice notice;
  };
  void Serve();
  bool Take(Waiting& out);

  const Fd event_;
  Mutex mu_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  DesktopNotices desktop_;  // the thread's alone
  std::thread thread_;
};

}  // namespace muster::agent
