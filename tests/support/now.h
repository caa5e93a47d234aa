#ifndef MUSTER_TESTS_SUPPORT_NOW_H_
#define MUSTER_TESTS_SUPPORT_NOW_H_

#include "absl/time/time.h"

namespace muster {

/// The moment at which the tests of rules take place: 2027-01-15T08:00:00Z.
inline const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

}  // namespace muster

#endif  // MUSTER_TESTS_SUPPORT_NOW_H_
