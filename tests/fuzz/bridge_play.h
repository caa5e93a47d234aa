// What both ends of a bridge's stream share when they are fuzzed.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/phone_id.h"

namespace muster::fuzz {

inline constexpr char kBridge[] = "dev-bridge";
inline constexpr int kSteps = 48;
// Of one message, beside what it says itself: its entries, indexes, alarms.
inline constexpr size_t kBytesPerStep = size_t{64} << 10;

inline void Require(bool holds) {
  if (!holds) std::abort();
}

template <typename Message>
inline void RequireReadable(const Message& message) {
  Message back;
  Require(back.ParseFromString(message.SerializeAsString()));
}

// One of few, so that they meet again.
inline std::string UemId(FuzzedDataProvider& in) {
  return absl::StrCat("u-", in.ConsumeIntegralInRange<int>(0, 3));
}
inline std::string PhoneId(const std::string& uem_id) {
  return PhoneDeviceId("agency", kBridge, uem_id);
}
inline std::string SomeDevice(FuzzedDataProvider& in) {
  switch (in.ConsumeIntegralInRange<int>(0, 7)) {
    case 0:
      return "";
    case 1:
      return kBridge;
    case 2:
      return in.ConsumeRandomLengthString(80);
    default:
      return PhoneId(UemId(in));
  }
}

}  // namespace muster::fuzz
