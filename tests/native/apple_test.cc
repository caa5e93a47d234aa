// Apple's formats, against Apple's own description of their keys and the programs that read them.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/process.h"
#include "tests/native/phone_inputs.h"
#include "tests/support/temp_dir.h"

namespace muster::native {
namespace {

const std::string kTool = MUSTER_SOURCE_DIR "/tests/native/apple_schema.py";
const std::string kSchemas = MUSTER_SOURCE_DIR "/tests/data/schemas/apple";

class AppleFormats : public testing::Test {
 protected:
  std::string Put(const std::string& name, const std::string& bytes) {
    const std::string path = dir_.File(name);
    EXPECT_TRUE(WriteWhole(path, bytes));
    return path;
  }
  std::string Check(const std::string& what, const std::string& bytes) {
    return RunCommand({"/usr/bin/python3", kTool, what, kSchemas, Put("checked", bytes)}).out;
  }
  // Its exit code is 0 whatever happens: what counts is what it says and writes.
  std::string Converted(const std::string& path, const std::string& format) {
    const std::string out = dir_.File("converted." + format);
    std::filesystem::remove(out);
    const CommandResult ran = RunCommand({"plistutil", "-i", path, "-o", out, "-f", format});
    if (!ran.err.empty() || !ran.out.empty()) return absl::StrCat("said: ", ran.out, ran.err);
    return out;
  }
  std::string XmlFlaw(const std::string& path) {
    const CommandResult ran = RunCommand({"xmllint", "--noout", "--nonet", path});
    return ran.exit_code == 0 && ran.err.empty() ? "" : "refused";
  }

  TempDir dir_;
};

TEST_F(AppleFormats, ProfilesAreWhatAppleDescribes) {
  for (const NamedInput& input : PhoneInputs()) {
    const absl::StatusOr<NativeFile> file = AppleProfile(input.in);
    ASSERT_TRUE(file.ok()) << file.status();
    const std::string path = Put("profile.mobileconfig", file->bytes);
    EXPECT_EQ(XmlFlaw(path), "") << input.name;
    const std::string binary = Converted(path, "bin");
    EXPECT_EQ(ReadWhole(binary).substr(0, 8), "bplist00") << input.name << " " << binary;
    const std::string back = Converted(binary, "xml");
    const CommandResult same = RunCommand({"/usr/bin/python3", kTool, "same", path, back});
    EXPECT_EQ(same.out, "OK\n") << input.name << same;
    EXPECT_EQ(Check("profile", file->bytes), "OK\n") << input.name;
  }
}

TEST_F(AppleFormats, AProfileThatBlocksNothingIsWhatAppleDescribes) {
  for (const NamedInput& input : PhoneInputs()) {
    const std::string bytes = AppleOpenProfile(input.in).bytes;
    const std::string path = Put("open.mobileconfig", bytes);
    EXPECT_EQ(XmlFlaw(path), "") << input.name;
    EXPECT_EQ(ReadWhole(Converted(path, "bin")).substr(0, 8), "bplist00") << input.name;
    EXPECT_EQ(Check("profile", bytes), "OK\n") << input.name;
  }
}

TEST_F(AppleFormats, DeclarationsAreWhatAppleDescribes) {
  for (const NamedInput& input : PhoneInputs()) {
    const absl::StatusOr<NativeFile> file = AppleDeclaration(input.in);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(Check("declaration", file->bytes), "OK\n") << input.name;
  }
}

// The versions that the notes and docs/phones.md tell of.
TEST_F(AppleFormats, EachKeyActsFromTheVersionThatIsTold) {
  EXPECT_EQ(Check("since", AppleProfile(Sample())->bytes),
            "com.apple.applicationaccess allowEnterpriseAppTrust iOS 9.0, not in user enrolment\n"
            "com.apple.applicationaccess allowMarketplaceAppInstallation iOS 17.4, supervised, "
            "not in user enrolment\n"
            "com.apple.applicationaccess allowWebDistributionAppInstallation iOS 17.5, "
            "supervised, not in user enrolment\n"
            "com.apple.applicationaccess blacklistedAppBundleIDs iOS 9.3, deprecated 15.0, "
            "supervised, not in user enrolment\n"
            "com.apple.applicationaccess blockedAppBundleIDs iOS 15.0, deprecated 27.0, "
            "supervised, not in user enrolment\n"
            "com.apple.webcontent-filter BlacklistedURLs iOS 7.0, deprecated 14.5\n"
            "com.apple.webcontent-filter DenyListURLs iOS 14.5\n"
            "com.apple.webcontent-filter FilterType iOS 8.0\n");
}

TEST_F(AppleFormats, AWrongProfileIsFound) {
  const std::string good = AppleProfile(Sample())->bytes;
  const Seed kSeeds[] = {
      {"<key>blockedAppBundleIDs", "<key>blockedAppBundleIds",
       "payload 0.blockedAppBundleIds: no such key\n"},
      {"<integer>1</integer>", "<string>1</string>",
       "profile.PayloadVersion: str, expected <integer>\n"},
      {"<integer>1</integer>", "<integer>2</integer>",
       "profile.PayloadVersion: 2 is none of [1]\n"},
      {"<integer>1</integer>", "<true/>", "profile.PayloadVersion: bool, expected <integer>\n"},
      {"<false/>", "<integer>0</integer>",
       "payload 0.allowEnterpriseAppTrust: int, expected <boolean>\n"},
      {"<string>net.whatsapp.WhatsApp</string>", "<integer>5</integer>",
       "payload 0.blacklistedAppBundleIDs[0]: int, expected <string>\n"},
      {">BuiltIn<", ">Builtin<",
       "payload 1.FilterType: 'Builtin' is none of ['BuiltIn', 'Plugin']\n"},
      {"<key>FilterType", "<key>FilterGrade</key><string>firewall</string><key>FilterType",
       "payload 1.FilterGrade: not on iOS\n"},
      {"com.apple.webcontent-filter", "com.apple.webcontent",
       "payload 1: no payload of type 'com.apple.webcontent'\n"},
      {"<key>PayloadIdentifier", "<key>Payloadidentifier",
       "profile.Payloadidentifier: no such key\nprofile: no PayloadIdentifier\n"},
      {".phones.web<", ".phones.restrictions<", "profile: one PayloadIdentifier stands for two\n"},
      {"<key>PayloadUUID</key>\n  <string>", "<key>PayloadUUID</key>\n  <string>x",
       "profile: 'x6B97DDBD-D56C-89DA-BF0D-57464DB2489F' is no UUID\n"},
      {"<key>PayloadOrganization", "<key>PayloadDescription",
       "profile: PayloadDescription stands twice in one dictionary\n"},
  };
  for (const Seed& seed : kSeeds) {
    EXPECT_EQ(Check("profile", Spoilt(good, seed.from, seed.to)), seed.complaint);
  }
}

TEST_F(AppleFormats, AWrongDeclarationIsFound) {
  const std::string good = AppleDeclaration(Sample())->bytes;
  const Seed kSeeds[] = {
      {"\"net.whatsapp.WhatsApp\"", "{\"AppIdentifier\": \"net.whatsapp.WhatsApp\"}",
       "payload.Allowed.DeniedApps[0]: dict, expected <string>\n"},
      {"DeniedApps", "DeniedBinaries",
       "payload.Allowed.DeniedBinaries: not on iOS\n"
       "payload.Allowed.DeniedBinaries[0]: str, expected <dictionary>\n"
       "payload.Allowed.DeniedBinaries[1]: str, expected <dictionary>\n"},
      {"app.settings", "app.setting",
       "declaration: no declaration of type 'com.apple.configuration.app.setting'\n"},
      {"ServerToken", "Comment", "declaration.Comment: no such key\ndeclaration: no ServerToken\n"},
      {"\"ServerToken\"", "\"Type\"", "not read: a key stands twice in one object\n"},
  };
  for (const Seed& seed : kSeeds) {
    EXPECT_EQ(Check("declaration", Spoilt(good, seed.from, seed.to)), seed.complaint);
  }
}

TEST_F(AppleFormats, WhatIsNoPropertyListIsFound) {
  const std::string good = AppleProfile(Sample())->bytes;
  const std::string kRefused = "said: ERROR: Failed to convert input file.\n";
  EXPECT_EQ(Converted(Put("bad", Spoilt(good, "<string>Muster", "<strin>Muster")), "bin"),
            kRefused);
  EXPECT_EQ(Converted(Put("bad", good.substr(0, good.size() / 2)), "bin"), kRefused);
  EXPECT_EQ(Converted(Put("bad", Spoilt(good, "apps that", "apps & that")), "bin"), kRefused);
  EXPECT_EQ(XmlFlaw(Put("bad", good.substr(0, good.size() / 2))), "refused");
  EXPECT_EQ(XmlFlaw(Put("bad", Spoilt(good, "apps that", "apps ]]> that"))), "refused");
  EXPECT_EQ(XmlFlaw(Put("bad", Spoilt(good, "apps that", "apps \x01 that"))), "refused");
  // A key without its value is fine to both programs, and not to the third.
  const std::string keyed = Spoilt(good, "<string>Muster: messaging apps</string>", "");
  EXPECT_EQ(XmlFlaw(Put("bad", keyed)), "");
  EXPECT_TRUE(absl::StartsWith(Check("profile", keyed), "not read: ")) << Check("profile", keyed);
}

// Signed as a UEM takes it: what comes out of the envelope is what went in.
TEST_F(AppleFormats, ASignedProfileKeepsItsBytes) {
  const std::string key = dir_.File("key.pem");
  const std::string certificate = dir_.File("cert.pem");
  const CommandResult made = RunCommand({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                                         "/CN=profiles", "-keyout", key, "-out", certificate});
  ASSERT_EQ(made.exit_code, 0) << made;
  for (const NamedInput& input : PhoneInputs()) {
    const std::string bytes = AppleProfile(input.in)->bytes;
    const std::string path = Put("profile.mobileconfig", bytes);
    const std::string envelope = dir_.File("signed.mobileconfig");
    const CommandResult sealed =
        RunCommand({"openssl", "cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-signer",
                    certificate, "-inkey", key, "-in", path, "-out", envelope});
    ASSERT_EQ(sealed.exit_code, 0) << sealed;
    const std::string out = dir_.File("out");
    const std::vector<std::string> verify = {
        "openssl",   "cms",      "-verify", "-binary", "-inform", "DER",  "-CAfile",
        certificate, "-purpose", "any",     "-in",     envelope,  "-out", out};
    const CommandResult verified = RunCommand(verify);
    EXPECT_EQ(verified.exit_code, 0) << verified;
    EXPECT_EQ(ReadWhole(out), bytes) << input.name;
    EXPECT_EQ(Check("profile", ReadWhole(out)), "OK\n") << input.name;
    Put("signed.mobileconfig", Spoilt(ReadWhole(envelope), "<false/>", "<true />"));
    EXPECT_NE(RunCommand(verify).exit_code, 0) << input.name;
  }
}

}  // namespace
}  // namespace muster::native
