// What stands before the operations: sign-in, limits, faults, and the book of calls.
// Thread-compatible.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/support/uem_simulator/message.h"
#include "tests/support/uem_simulator/types.h"

namespace muster::uemsim {

class Gate {
 public:
  explicit Gate(const SimOptions& options)
      : options_(options), rates_(options.faults), random_(options.seed ^ 0x5eed) {}

  // Empty: the caller is signed in. 401 without a good token, 403 without the tenant code.
  std::optional<Reply> SignIn(const Call& call);
  Reply Token(const Call& call);
  void RevokeTokens() { tokens_.clear(); }

  // Counts the request; false: one of the limits is reached, and nothing may be done.
  bool Count(absl::Time now);
  // X-RateLimit-… of the limit that the headers speak of.
  std::vector<std::pair<std::string, std::string>> LimitHeadersAt(absl::Time now) const;

  // What happens to this request; one that was asked for comes before any by chance.
  Fault Draw(const Call& call);
  absl::Duration Latency(Fault fault);
  void FailNext(Fault fault, uint32_t count, std::string path_part);
  void SetRates(const FaultRates& rates) { rates_ = rates; }

  void Book(CallRecord record);
  const std::deque<CallRecord>& calls() const { return calls_; }
  size_t effects() const { return effects_; }
  size_t redundant() const { return redundant_; }

 private:
  // A count that begins anew with the first request after its window has ended.
  struct Window {
    absl::Time began = absl::InfinitePast();
    uint64_t used = 0;
  };
  static uint64_t Used(const Window& window, absl::Duration length, absl::Time now);
  static void Use(Window* window, absl::Duration length, absl::Time now);

  struct Planned {
    Fault fault;
    uint32_t count;
    std::string path_part;
  };

  const SimOptions options_;
  FaultRates rates_;
  std::mt19937_64 random_;
  std::map<std::string, absl::Time> tokens_;  // -> end
  uint64_t last_token_ = 0, last_call_ = 0;
  Window minute_, day_;
  std::deque<Planned> planned_;
  absl::Time storm_until_ = absl::InfinitePast();
  std::deque<CallRecord> calls_;
  size_t effects_ = 0, redundant_ = 0;
};

}  // namespace muster::uemsim
