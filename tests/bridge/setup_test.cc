// The parts that a configuration describes, from the files that it names.
#include "bridge/setup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/agent/certificates.h"
#include "tests/support/now.h"
#include "tests/support/temp_dir.h"

namespace muster::bridge {
namespace {

namespace fs = std::filesystem;

class SetupTest : public testing::Test {
 protected:
  std::string File(const std::string& name, const std::string& text, unsigned mode) {
    std::ofstream(dir_.File(name)) << text;
    fs::permissions(dir_.File(name), fs::perms(mode));
    return dir_.File(name);
  }
  BridgeConfig::Files CertificateAndKey(absl::Time until, unsigned key_mode) {
    const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
    const absl::Time from = absl::FromUnixSeconds(0);
    return {File("cert.pem", agent::TestCertificate(key, "signer", from, until), 0644),
            File("key.pem", *key.ToPem(), key_mode)};
  }
  BridgeConfig WithHints(unsigned key_mode) {
    BridgeConfig config;
    BridgeConfig::Hints hints;
    hints.address = "127.0.0.1";
    hints.user = "uem";
    hints.password_file = File("password", "secret\n", 0600);
    hints.tls = CertificateAndKey(absl::FromUnixSeconds(4'000'000'000), key_mode);
    config.hints = std::move(hints);
    return config;
  }

  TempDir dir_;
};

TEST_F(SetupTest, TheKeyOfTheHintsMustBeHidden) {
  const auto ignore = [](const std::string&) {};
  const auto open = StartHints(WithHints(0644), ignore);
  EXPECT_EQ(open.status(),
            absl::FailedPreconditionError(absl::StrCat(dir_.File("key.pem"),
                                                       " holds a key that others can read or "
                                                       "change: chmod g-w,o-rwx ",
                                                       dir_.File("key.pem"))));
  const auto hidden = StartHints(WithHints(0640), ignore);
  ASSERT_TRUE(hidden.ok()) << hidden.status();
  EXPECT_GT((*hidden)->port(), 0);
}

TEST_F(SetupTest, AProfileIsSignedWhileTheCertificateHolds) {
  const absl::Time until = absl::FromUnixSeconds(4'000'000'000);
  BridgeConfig config;
  config.profile_signing = CertificateAndKey(until, 0600);
  const auto options = MakeFleetOptions(config, "agency", "dev-bridge");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->sign_profile("x", until - absl::Seconds(1)).ok());
  EXPECT_EQ(options->sign_profile("x", until).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(options->signing_trouble(until - absl::Hours(24 * 31)), "");
  EXPECT_EQ(options->signing_trouble(until), options->sign_profile("x", until).status().message());
}

// A bridge that did not start would remove nothing any more either.
TEST_F(SetupTest, ACertificateThatIsTooOldKeepsNoBridgeFromStarting) {
  BridgeConfig config;
  config.profile_signing = CertificateAndKey(absl::FromUnixSeconds(1'000'000'000), 0600);
  const auto options = MakeFleetOptions(config, "agency", "dev-bridge");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_FALSE(options->sign_profile("x", kNow).ok());
  EXPECT_EQ(options->signing_trouble(kNow).substr(0, 23), "the signing certificate");
}

TEST_F(SetupTest, TheKeyThatSignsMustBeHidden) {
  BridgeConfig config;
  config.profile_signing = CertificateAndKey(absl::FromUnixSeconds(4'000'000'000), 0604);
  EXPECT_EQ(MakeFleetOptions(config, "agency", "dev-bridge").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace muster::bridge
