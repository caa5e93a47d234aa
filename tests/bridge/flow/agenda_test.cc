#include "bridge/flow/agenda.h"

#include <gtest/gtest.h>

namespace muster::bridge {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'000);

TEST(Agenda, TheMostUrgentThatIsDueGoesFirst) {
  Agenda agenda;
  agenda.Put("sweep", Urgency::kSweep, kStart - absl::Hours(1));
  agenda.Put("proof", Urgency::kProof, kStart);
  agenda.Put("later", Urgency::kApproval, kStart + absl::Seconds(1));
  EXPECT_EQ(agenda.NextAt(true), kStart);
  EXPECT_EQ(agenda.Take(false, kStart)->item, "proof");
  EXPECT_FALSE(agenda.Take(true, kStart).has_value());
  EXPECT_EQ(agenda.Take(false, kStart)->item, "sweep");
  EXPECT_FALSE(agenda.Take(false, kStart).has_value());
}

TEST(Agenda, WhatIsAskedForMeanwhileComesAfterwards) {
  Agenda agenda;
  agenda.Put("a", Urgency::kSweep, kStart);
  ASSERT_TRUE(agenda.Take(false, kStart).has_value());
  agenda.Put("a", Urgency::kProof, kStart);
  EXPECT_FALSE(agenda.Take(false, kStart).has_value());
  agenda.Done("a");
  EXPECT_EQ(agenda.Take(false, kStart)->urgency, Urgency::kProof);
  agenda.Done("a");
  EXPECT_EQ(agenda.size(), 0u);
}

TEST(Agenda, WhatIsForLaterStays) {
  Agenda agenda;
  agenda.Put("a", Urgency::kSweep, kStart);
  agenda.Put("a", Urgency::kProof, kStart + absl::Minutes(1));
  EXPECT_EQ(agenda.Take(false, kStart)->urgency, Urgency::kSweep);
  agenda.Done("a");
  EXPECT_EQ(agenda.NextAt(true), kStart + absl::Minutes(1));
  agenda.Drop("a");
  EXPECT_EQ(agenda.size(), 0u);
}

}  // namespace
}  // namespace muster::bridge
