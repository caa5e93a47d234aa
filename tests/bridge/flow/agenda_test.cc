#include "bridge/flow/agenda.h"

#include <gtest/gtest.h>

namespace muster::bridge {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000);

TEST(Agenda, TheMostUrgentThatIsDueGoesFirst) {
  Agenda agenda;
  agenda.Put("sweep", Urgency::kSweep, kNow - absl::Hours(1));
  agenda.Put("proof", Urgency::kProof, kNow);
  agenda.Put("later", Urgency::kApproval, kNow + absl::Seconds(1));
  EXPECT_EQ(agenda.NextAt(true), kNow);
  EXPECT_EQ(agenda.Take(false, kNow)->item, "proof");
  EXPECT_FALSE(agenda.Take(true, kNow).has_value());
  EXPECT_EQ(agenda.Take(false, kNow)->item, "sweep");
  EXPECT_FALSE(agenda.Take(false, kNow).has_value());
}

TEST(Agenda, WhatIsAskedForMeanwhileComesAfterwards) {
  Agenda agenda;
  agenda.Put("a", Urgency::kSweep, kNow);
  ASSERT_TRUE(agenda.Take(false, kNow).has_value());
  agenda.Put("a", Urgency::kProof, kNow);
  EXPECT_FALSE(agenda.Take(false, kNow).has_value());
  agenda.Done("a");
  EXPECT_EQ(agenda.Take(false, kNow)->urgency, Urgency::kProof);
  agenda.Done("a");
  EXPECT_EQ(agenda.size(), 0u);
}

TEST(Agenda, WhatIsForLaterStays) {
  Agenda agenda;
  agenda.Put("a", Urgency::kSweep, kNow);
  agenda.Put("a", Urgency::kProof, kNow + absl::Minutes(1));
  EXPECT_EQ(agenda.Take(false, kNow)->urgency, Urgency::kSweep);
  agenda.Done("a");
  EXPECT_EQ(agenda.NextAt(true), kNow + absl::Minutes(1));
  agenda.Drop("a");
  EXPECT_EQ(agenda.size(), 0u);
}

}  // namespace
}  // namespace muster::bridge
