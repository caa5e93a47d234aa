#include "common/uuid.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace muster {
namespace {

TEST(Uuid, IsTheTextOfTheStandardAndNothingElse) {
  const std::pair<absl::string_view, bool> kCases[] = {
      {"0a1b2c3d-0000-4000-8000-00000000002a", true},
      {"0A1B2C3D-0000-4000-8000-00000000002A", true},
      {"", false},
      {"0a1b2c3d-0000-4000-8000-00000000002", false},
      {"0a1b2c3d-0000-4000-8000-00000000002aa", false},
      {"{a1b2c3d-0000-4000-8000-00000000002}", false},
      {"0a1b2c3d00000-4000-8000-00000000002a", false},
      {"0a1b2c3-d0000-4000-8000-00000000002a", false},
      {"0a1b2c3d-0000-4000-8000-00000000002g", false},
      {"0a1b2c3d-0000-4000-8000-0000000000\xC3\xA9", false},
      {"------------------------------------", false},
  };
  for (const auto& [text, want] : kCases) EXPECT_EQ(IsUuid(text), want) << text;
}

}  // namespace
}  // namespace muster
