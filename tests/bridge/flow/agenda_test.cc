#include "bridge/flow/agenda.h"

#include <gtest/gtest.h>

namespace muster::bridge {
namespace {

const absl::Time kAgendaNow = absl::FromUnixSeconds(1'000);

TEST(Agenda, TheMostUrgentThatIsDueGoesFirst) {
  Agenda agenda;
  agenda.Put("sweep", Urgency::kSweep, kAgendaNow - absl::Hours(1));
  agenda.Put("proof", Urgency::kProof, kAgendaNow);
  agenda.Put("later", Urgency::kApproval, kAgendaNow + absl::Seconds(1));
  EXPECT_EQ(agenda.NextAt(true), kAgendaNow);
  EXPECT_EQ(agenda.Take(false, kAgendaNow)->item, "proof");
  EXPECT_FALSE(agenda.Take(true, kAgendaNow).has_value());
  EXPECT_EQ(agenda.Take(false, kAgendaNow)->item, "sweep");
  EXPECT_FALSE(agenda.Take(false, kAgendaNow).has_value());
}

TEST(Agenda, WhatIsAskedForMeanwhileComesAfterwards) {
  Agenda agenda;
  agenda.Put("a", Urgency::kSweep, kAgendaNow);
  ASSERT_TRUE(agenda.Take(false, kAgendaNow).has_value());
  agenda.Put("a", Urgency::kProof, kAgendaNow);
  EXPECT_FALSE(agenda.Take(false, kAgendaNow).has_value());
  agenda.Done("a");
  EXPECT_EQ(agenda.Take(false, kAgendaNow)->urgency, Urgency::kProof);
  agenda.Done("a");
  EXPECT_EQ(agenda.size(), 0u);
}

TEST(Agenda, WhatIsForLaterStays) {
  Agenda agenda;
  agenda.Put("a", Urgency::kSweep, kAgendaNow);
  agenda.Put("a", Urgency::kProof, kAgendaNow + absl::Minutes(1));
  EXPECT_EQ(agenda.Take(false, kAgendaNow)->urgency, Urgency::kSweep);
  agenda.Done("a");
  EXPECT_EQ(agenda.NextAt(true), kAgendaNow + absl::Minutes(1));
  agenda.Drop("a");
  EXPECT_EQ(agenda.size(), 0u);
}

}  // namespace
}  // namespace muster::bridge
