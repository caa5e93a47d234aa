#include "agent/domain/person_of.h"

#include <gtest/gtest.h>

namespace muster::agent {
namespace {

TEST(PersonOf, LoginUidIsBelievedOnlyWhereTheRealUidAgrees) {
  struct Case {
    uint32_t login, real;
    std::optional<uint32_t> want;
    const char* why;
  };
  const Case kCases[] = {
      {kUnsetLoginUid, 1000, 1000, "daemon, su or runuser: the real uid"},
      {kUnsetLoginUid, 0, 0, "a root daemon is root"},
      {1000, 1000, 1000, "a login session"},
      {0, 0, 0, "root at the console"},
      {1000, 0, std::nullopt, "sudo: root is not alice"},
      {1000, 1001, std::nullopt, "su from alice, or a forged login uid"},
      {0, 1000, std::nullopt, "root became alice, or alice says she was root"},
  };
  for (const Case& c : kCases) EXPECT_EQ(PersonOf(c.login, c.real), c.want) << c.why;
}

TEST(ParseLoginUid, TakesNumbersOnly) {
  EXPECT_EQ(ParseLoginUid("1000"), 1000u);
  EXPECT_EQ(ParseLoginUid("1000\n"), 1000u);
  EXPECT_EQ(ParseLoginUid("4294967295"), kUnsetLoginUid);
  for (const char* bad : {"", "-1", "x", "10 00", "4294967296"}) {
    EXPECT_EQ(ParseLoginUid(bad), std::nullopt) << bad;
  }
}

TEST(ParseRealUid, TakesTheFirstOfTheUidLine) {
  EXPECT_EQ(ParseRealUid("Name:\tsh\nUid:\t1000\t0\t0\t0\nGid:\t5\t5\t5\t5\n"), 1000u);
  // A process may call itself anything, also this; the kernel escapes the newline.
  EXPECT_EQ(ParseRealUid("Name:\tUid:\t7\nUid:\t1000\t0\t0\t0\n"), 1000u);
  for (const char* bad : {"", "Name:\tsh\n", "Name:\tsh\nUid:\t", "Name:\tsh\nUid:\tx\t1\n"}) {
    EXPECT_EQ(ParseRealUid(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace muster::agent
