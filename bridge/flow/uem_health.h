// Whether the UEM takes calls at all: when it answers nobody, or refuses the bridge itself, it is
// asked little. Pure; thread-compatible.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "bridge/domain/uem.h"

namespace muster::bridge {

class UemHealth {
 public:
  void Answered(const UemAnswer& answer, absl::Time now);
  // Where it is not well: one call at a time, not before this.
  bool well() const { return !denied() && failures_ < kFewFailures; }
  absl::Time not_before() const { return not_before_; }
  // The bridge's own account was refused: only readings may go, and an operator must act.
  bool denied() const { return denials_ > 0; }
  // In words; empty: the last call was answered.
  const std::string& problem() const { return problem_; }

 private:
  static constexpr uint32_t kFewFailures = 5;  // in a row
  uint32_t failures_ = 0, denials_ = 0;
  absl::Time not_before_ = absl::InfinitePast();
  std::string problem_;
};

}  // namespace muster::bridge
