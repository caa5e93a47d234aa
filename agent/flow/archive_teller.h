// Tells people about their chats: each matter at most once a day, also over restarts.
#pragma once

#include <string>

#include "agent/domain/archive_plan.h"
#include "agent/flow/archive_ledger.h"
#include "agent/flow/notifier.h"
#include "common/clock.h"

namespace muster::agent {

// Thread-safe.
class ArchiveTeller {
 public:
  // `channel` null: nobody is told anything.
  ArchiveTeller(NoticeChannel* channel, ArchiveLedger* ledger, const Clock* clock)
      : channel_(channel), ledger_(ledger), clock_(clock) {}

  // `what` names the matter, e.g. "DUE_SOON whatsapp"; it stays on the device. What cannot be
  // remembered is not said.
  void Tell(const ArchivePerson& person, const std::string& what, const Notice& notice);

 private:
  NoticeChannel* const channel_;
  ArchiveLedger* const ledger_;
  const Clock* const clock_;
};

}  // namespace muster::agent
