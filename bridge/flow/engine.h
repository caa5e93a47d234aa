// Fleet and sessions together, under one lock: what the controller says becomes policy for the
// fleet, what the fleet learns becomes reports. Threads ask it for work; it starts none.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bridge/flow/fleet.h"
#include "bridge/flow/sessions.h"
#include "bridge/flow/uem_client.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace muster::bridge {

struct EngineParts {
  BridgeIdentity identity;
  PrivateKey key;
  BridgeStore* store = nullptr;
  const Clock* clock = nullptr;
  FleetOptions fleet = {};
  std::string uem = {};  // UemClient::Name()
  std::string host_name = {}, version = {};
};

// In the store: the last BridgeReport, for `muster-bridge status`.
inline constexpr char kBridgeReportFile[] = "report.pb";

// Thread-safe.
class Engine {
 public:
  explicit Engine(EngineParts parts);

  // NOT_FOUND: never enrolled; DATA_LOSS; UNAVAILABLE.
  absl::Status Load();

  // The next call to the UEM, when one may go; everything that it rests on is committed. Empty: not
  // before `*wake_at`.
  std::optional<UemCall> TakeCall(absl::Time* wake_at);
  void GiveAnswer(const UemCall& call, const UemAnswer& answer);
  // A webhook's word: read this phone again.
  void Hint(const std::string& uem_id);

  // The stream to the controller.
  v1::AgentMessage MakeHello();
  void OnConnected();
  void OnDisconnected(const absl::Status& why);
  void OnMessage(const v1::ControllerMessage& message);
  agent::Outbox& outbox() { return sessions_.outbox(); }
  // What is to be told, committed or not; thread-safe as the outbox.
  ReportQueue& reports() { return sessions_.reports(); }

  // Hands over what was committed, what time alone makes due, and the bridge's own reports. When to
  // call again, unless Wait() ends before.
  absl::Time Tick();

  // Until something has come in that Tick() or TakeCall() should see, `until`, or Stop().
  void Wait(absl::Time until);
  void Stop();
  bool stopped() const;

 private:
  void OnChanged(const PhoneChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReportPhone(const std::string& device_id, v1::Report body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReportItself(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What is or will be wrong with signing goes with the UEM's own trouble, and to the log.
  void TellSigningTrouble(v1::BridgeReport& report, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Flush() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WakeAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const EngineParts parts_;
  mutable Mutex mu_;
  CondVar changed_;
  uint64_t events_ ABSL_GUARDED_BY(mu_) = 0;  // counts what came in, so that none is missed
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  Fleet fleet_ ABSL_GUARDED_BY(mu_);
  Sessions sessions_;  // outbox() is thread-safe; everything else is under mu_
  // What was told last of each phone, without times; empty after a start: told once more.
  struct Told {
    std::string status, canaries;
  };
  std::map<std::string, Told> told_ ABSL_GUARDED_BY(mu_);
  std::string told_itself_ ABSL_GUARDED_BY(mu_);
  std::string kept_report_ ABSL_GUARDED_BY(mu_);
  absl::Time kept_report_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time told_itself_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::string link_error_ ABSL_GUARDED_BY(mu_), signing_trouble_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::bridge
