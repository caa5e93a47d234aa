// What every flow needs from outside, passed in by the one construction file.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/mutex.h"
#include "controller/domain/request.h"
#include "controller/flow/store.h"

namespace muster {

// Random bytes for tokens, device ids and transaction ids. Thread-safe.
class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual std::string Bytes(size_t n) = 0;
};

// Wakes the reconciler. It only says where to look first; what is to be done is decided from
// the store, so a lost wake-up or a crash costs time, never a decision. Thread-safe.
class Work {
 public:
  struct Batch {
    bool all = false;               // every device's assignment and every cohort
    bool cohorts = false;           // every cohort
    std::set<std::string> persons;  // their devices' assignments
    std::set<std::string> devices;
  };

  void WakeAll();
  void WakeCohorts();
  void WakePerson(const std::string& person_id);
  void WakeDevice(const std::string& device_id);
  void Wake();  // requests and grants only
  // Blocks until woken, stopped or `timeout`; returns and clears what was asked for.
  Batch Wait(absl::Duration timeout);
  void Stop();
  bool stopped() const;

 private:
  mutable Mutex mu_;
  CondVar changed_;
  Batch batch_ ABSL_GUARDED_BY(mu_);
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

struct Settings {
  std::string tenant;
  std::string how_to_ask;
  bool write_back = true;
  std::map<std::string, std::string> groups;       // app id -> approval group
  std::map<std::string, std::string> role_groups;  // role -> group of those who hold it
  DecisionTimes decision_times;
  absl::Duration certificate_life = limits::kDeviceCertificateLife;
  std::vector<std::string> webhooks;  // names of the receivers
};

struct Services {
  Store& store;
  const Clock& clock;
  Entropy& entropy;
  Work& work;
  const Settings& settings;
};

// Who is acting, how they signed in and from where: for the audit log.
struct Actor {
  Operator who;
  std::string signed_in_by;             // "certificate <serial>", "password <session>"
  std::string from;                     // peer address
  std::vector<std::string> roles = {};  // that they hold, by name
};
// Muster's own reconciler and sync.
Actor MusterItself();

std::string NewTransactionId(Entropy& entropy);  // "tx-<16 hex digits>"

// Runs `attempt` again while it is ABORTED by a concurrent commit, at most 8 times in all.
template <typename F>
auto RetryAborted(F&& attempt) {
  for (int i = 0; i < 7; ++i) {
    auto result = attempt();
    if constexpr (requires { result.status(); }) {
      if (!absl::IsAborted(result.status())) return result;
    } else {
      if (!absl::IsAborted(result)) return result;
    }
  }
  return attempt();
}

}  // namespace muster
