#include "agent/domain/interpreters.h"

#include <gtest/gtest.h>

#include <utility>

namespace muster::agent {
namespace {

TEST(PathFromOutside, WhatIsTheProcesssOwnIsFoundByItsPid) {
  const std::pair<const char*, const char*> kCases[] = {
      {"/opt/app", "/proc/7/root/opt/app"},
      {"app", "/proc/7/cwd/app"},
      {"../app", "/proc/7/cwd/../app"},
      {"/proc/self/fd/3", "/proc/7/fd/3"},
      {"/proc/thread-self/fd/3", "/proc/7/fd/3"},
      {"/proc/self/cwd/app", "/proc/7/cwd/app"},
      {"/dev/fd/3", "/proc/7/fd/3"},
      {"/dev/stdin", "/proc/7/fd/0"},
      {"/proc/selfish", "/proc/7/root/proc/selfish"},
  };
  for (const auto& [argument, want] : kCases) EXPECT_EQ(PathFromOutside(7, argument), want);
}

}  // namespace
}  // namespace muster::agent
