#include "common/byte_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace muster {
namespace {

// Lengths around a register's and a block's, with what is sought often and seldom.
std::string Text(std::mt19937& random) {
  static constexpr char kLetters[] = {'a', '\n', '\r', ':', '\xE2'};
  std::string out(random() % 200, 'a');
  const unsigned seldom = 1 + random() % 80;
  for (char& c : out) {
    if (random() % seldom == 0) c = kLetters[random() % sizeof kLetters];
  }
  return out;
}

TEST(ByteScan, FindsWhatAPlainSearchFinds) {
  std::mt19937 random(3);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = Text(random);
    const char* const end = text.data() + text.size();
    const size_t want = std::min(text.find_first_of("\n:"), text.size());
    ASSERT_EQ(FindEither(text.data(), end, '\n', ':') - text.data(), static_cast<long>(want));
    ASSERT_EQ(HasByte(text, ':'), text.find(':') != std::string::npos);
    const size_t high = std::min(text.find('\xE2'), text.size());
    ASSERT_EQ(SkipAscii(text.data(), end) - text.data(), static_cast<long>(high));
  }
}

TEST(ByteScan, ListsEveryBreak) {
  std::mt19937 random(5);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = Text(random);
    std::vector<uint32_t> want;
    for (size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '\n' || text[at] == '\r') want.push_back(static_cast<uint32_t>(at + 1'000));
    }
    std::vector<uint32_t> found(text.size() + kSpareBreaks);
    found.resize(FindBreaks(text, 1'000, found.data()));
    ASSERT_EQ(found, want) << round;
  }
}

}  // namespace
}  // namespace muster
