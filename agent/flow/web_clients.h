// Keeps the browsers' policy files as the policy in force wants them: written when a host is to be
// blocked, put back when somebody edits them, taken away when nothing is blocked any more.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/domain/browser_policy.h"
#include "agent/domain/web_policy.h"
#include "agent/flow/browser_policies.h"
#include "agent/flow/state_store.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// Thread-safe. State and files are written in such an order that a crash between any two steps
// heals with the next run: the state names what was and what will be before a file changes.
class WebClients {
 public:
  WebClients(BrowserPolicies* files, StateStore* store, const Clock* clock)
      : files_(files), store_(store), clock_(clock) {}

  // Brings the files in line with `decision`. Cheap when it is the last one and the files were
  // looked at within the last minute.
  void Want(WebDecision decision);
  // Looks at the files: something changed there. Does nothing before the first Want.
  void Check();

  struct Status {
    std::vector<std::string> files;        // in force
    std::vector<std::string> notes;        // what cannot be enforced, in words
    std::vector<v1::Tampering> tampering;  // newest last, at most limits::kMaxTampering
  };
  Status status() const;

 private:
  // One file of ours: how it is and how it should be.
  struct Target {
    const BrowserKind* browser = nullptr;
    std::string path;
    std::optional<std::string> present;
    bool sound = true;
    std::string text;  // empty: no file
    std::string keep;  // a text that would be lost, to be kept beside it; empty: none
    bool tampered = false;
    std::string merged_from;
    std::vector<std::string> ours;  // Firefox
    bool InOrder() const {
      return present.value_or("") == text && present.has_value() != text.empty() && sound;
    }
  };

  void Reconcile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mu_);
  std::optional<Target> Plan(const BrowserKind& browser, std::vector<std::string>* notes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mu_);
  void PlanOne(PolicyDirectory dir, Target* target, std::vector<std::string>* notes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mu_);
  void NoteFirefoxOwn(std::vector<std::string>* notes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mu_);
  bool WasExpected(const Target& target) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mu_);
  bool Apply(std::vector<Target>* targets, std::vector<std::string>* notes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mu_);
  void Settle(const std::vector<Target>& targets) ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mu_);
  void Report(const Target& target) ABSL_LOCKS_EXCLUDED(mu_);
  void LoadState() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mu_);
  absl::Status SaveState() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mu_);

  BrowserPolicies* const files_;
  StateStore* const store_;
  const Clock* const clock_;

  // Serialises the work on the files. Always taken before mu_.
  Mutex work_mu_;
  std::optional<WebDecision> wanted_ ABSL_GUARDED_BY(work_mu_);
  absl::Time looked_at_ ABSL_GUARDED_BY(work_mu_) = absl::InfinitePast();
  bool loaded_ ABSL_GUARDED_BY(work_mu_) = false;
  // What this agent wrote, by path: the hashes of the texts that may be there; "" is no file.
  std::map<std::string, std::set<std::string>> written_ ABSL_GUARDED_BY(work_mu_);
  std::vector<std::string> firefox_ours_ ABSL_GUARDED_BY(work_mu_);

  mutable Mutex mu_;  // held for moments only
  Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
