#include "controller/domain/archive_guidance.h"

#include <gtest/gtest.h>

#include "common/crypto.h"
#include "common/time_proto.h"

namespace muster {
namespace {

const absl::Time kSince = absl::FromUnixSeconds(1'800'000'000);

TEST(ArchiveTextsSha256, IsOverNamesAndTexts) {
  EXPECT_EQ(ArchiveTextsSha256({}), "");
  EXPECT_EQ(ArchiveTextsSha256({{"ios", "b"}, {"android", "aé"}}),
            Sha256Hex("android 3\naéios 1\nb"));
  // No text can pass for another platform's.
  EXPECT_NE(ArchiveTextsSha256({{"android", "x"}, {"ios", "y"}}),
            ArchiveTextsSha256({{"android", "xios 1\ny"}}));
}

TEST(AttestedTraining, TheTextThatWasShownIsOnFile) {
  v1::Guidance guidance;
  (*guidance.mutable_archive())["ios"] = "Export.";
  guidance.set_archive_version("2");
  guidance.set_archive_sha256("ff");
  v1::GuidanceAttestation attestation;
  const std::pair<std::string, std::string> kCases[] = {
      {"", "ff"}, {"ff", "ff"}, {Sha256Hex("Export."), Sha256Hex("Export.")}};
  for (const auto& [shown, want] : kCases) {
    attestation.set_sha256(shown);
    const auto got = AttestedTraining(guidance, attestation, "a@x");
    ASSERT_TRUE(got.ok()) << shown;
    EXPECT_EQ(got->version(), "2");
    EXPECT_EQ(got->text_sha256(), want);
    EXPECT_EQ(got->recorded_by_upn(), "a@x");
  }
  attestation.set_sha256(Sha256Hex("Export"));
  EXPECT_EQ(AttestedTraining(guidance, attestation, "a@x").status().message(),
            "archive guidance 2 is on file with another text than the one that was shown");
}

TEST(OwesAttestation, WhatRanBeforeRunsOnUntilItIsCertifiedAnew) {
  struct Case {
    const char* name;
    absl::Duration granted, certified;  // after the guidance got its version
    v1::Grant::State state;
    bool attested, owes;
  };
  const absl::Duration before = -absl::Seconds(1), then = absl::ZeroDuration();
  const Case kCases[] = {
      {"granted before", before, before, v1::Grant::ACTIVE, false, false},
      {"granted then", then, then, v1::Grant::ACTIVE, false, true},
      {"approved before, granted then", then, before, v1::Grant::ACTIVE, false, true},
      {"certified anew", before, then, v1::Grant::ACTIVE, false, true},
      {"attested", then, then, v1::Grant::ACTIVE, true, false},
      {"break-glass", then, then, v1::Grant::BREAK_GLASS, false, false},
      {"due for recertification", before, before, v1::Grant::RECERT_DUE, false, false},
  };
  for (const Case& c : kCases) {
    v1::Grant grant;
    grant.set_state(c.state);
    *grant.mutable_granted_at() = ToProto(kSince + c.granted);
    *grant.mutable_certified_at() = ToProto(kSince + c.certified);
    if (c.attested) grant.mutable_archive_attestation()->set_version("1");
    EXPECT_EQ(OwesAttestation(grant, kSince), c.owes) << c.name;
    EXPECT_FALSE(OwesAttestation(grant, std::nullopt)) << c.name;
  }
}

}  // namespace
}  // namespace muster
