#include "controller/domain/retirement.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(CauseOfRetirement, WholeWordsOfAnyCase) {
  const std::pair<const char*, v1::Incident::Cause> kCases[] = {
      {"Lost on the train", v1::Incident::DEVICE_LOST},
      {"STOLEN, police report 7", v1::Incident::DEVICE_LOST},
      {"wiped: handed back", v1::Incident::WIPED},
      {"factory-reset", v1::Incident::WIPED},
      {"lost after it was wiped", v1::Incident::DEVICE_LOST},
      {"glossary team gets a new one", v1::Incident::OTHER},
      {"", v1::Incident::OTHER}};
  for (const auto& [reason, want] : kCases) EXPECT_EQ(CauseOfRetirement(reason), want) << reason;
}

}  // namespace
}  // namespace muster
