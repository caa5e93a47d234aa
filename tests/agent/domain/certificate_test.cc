#include "agent/domain/certificate.h"

#include <gtest/gtest.h>

#include "tests/agent/certificates.h"
#include "tests/support/now.h"

namespace muster::agent {
namespace {

TEST(Certificate, SaysItsKeyNameAndDates) {
  const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
  const absl::StatusOr<Certificate> got =
      ReadCertificate(TestCertificate(key, "dev-1", kNow, kNow + absl::Hours(1)));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->spki, key.spki());
  EXPECT_EQ(got->common_name, "dev-1");
  EXPECT_EQ(got->not_before, kNow);
  EXPECT_EQ(got->not_after, kNow + absl::Hours(1));
  EXPECT_EQ(ReadCertificate("nonsense").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Certificate, WhenToRenew) {
  const absl::Duration year = absl::Hours(24 * 360), month = year / 12, minute = absl::Minutes(1);
  struct Case {
    const char* name;
    absl::Duration life;
    int failed;
    absl::Duration last, want;  // after kNow
  };
  const Case kCases[] = {
      {"a third is left", year, 0, -absl::InfiniteDuration(), year * 2 / 3},
      {"failed once", year, 1, 9 * month, 9 * month + minute},
      {"twice", year, 2, 9 * month, 9 * month + 2 * minute},
      {"ten times", year, 10, 9 * month, 9 * month + absl::Hours(6)},
      {"a thousand times", year, 1000, 9 * month, 9 * month + absl::Hours(6)},
      {"ended", year, 1000, 2 * year, 2 * year + absl::Hours(6)},
      {"failed long ago", year, 1, month, year * 2 / 3},
      {"a life of a minute", minute, 0, -absl::InfiniteDuration(), absl::Seconds(40)},
      {"which failed", minute, 9, absl::Seconds(45), absl::Seconds(47)},
      {"ended before it began", -minute, 0, -absl::InfiniteDuration(), -minute},
  };
  for (const Case& c : kCases) {
    Certificate certificate;
    certificate.not_before = kNow - absl::Minutes(5);
    certificate.not_after = kNow + c.life;
    EXPECT_EQ(RenewalDue(certificate, {c.failed, kNow + c.last}) - kNow, c.want) << c.name;
  }
}

}  // namespace
}  // namespace muster::agent
