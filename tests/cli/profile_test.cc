#include "cli/profile.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace muster::cli {
namespace {

TEST(ParseProfile, ResolvesPathsAgainstItsOwnFolder) {
  const auto profile = ParseProfile("p.yaml", "/etc/muster",
                                    "server: 127.0.0.1:7443\n"
                                    "ca: ../ca.pem\n"
                                    "certificate: op.pem\n"
                                    "key: /keys/op.key\n"
                                    "server_name: controller\n");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->server, "127.0.0.1:7443");
  EXPECT_EQ(profile->ca, "/etc/ca.pem");
  EXPECT_EQ(profile->certificate, "/etc/muster/op.pem");
  EXPECT_EQ(profile->key, "/keys/op.key");
  EXPECT_EQ(profile->server_name, "controller");
}

TEST(ParseProfile, NamesTheKeyThatIsWrong) {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "p: not a list of 'key: value' lines"},
      {"- a", "p: not a list of 'key: value' lines"},
      {"server: a\nca: b\nkey: c\n", "p: 'certificate' is missing"},
      {"sever: a\n", "p: unknown key 'sever'"},
      {"server:\n", "p: 'server' has no value"},
      {"server: [a]\n", "p: 'server' has no value"},
      {"server: a\nserver: b\n", "p: 'server' stands twice"},
  };
  for (const auto& [text, want] : kCases) {
    EXPECT_EQ(ParseProfile("p", "/", text).status().message(),
              std::string(want) +
                  "; a profile has the keys server, ca, certificate and key (or token), and maybe "
                  "server_name")
        << text;
  }
  EXPECT_EQ(ParseProfile("p", "/", "a: [").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ReadSmallFile, SaysWhyNot) {
  EXPECT_EQ(ReadSmallFile("/nonexistent/x", "CA", 10).status().message(),
            "cannot read the CA /nonexistent/x: No such file or directory");
  EXPECT_EQ(ReadSmallFile("/", "key", 10).status().message(),
            "cannot read the key /: it is a folder");
  EXPECT_EQ(ReadSmallFile("/proc/version", "CA", 10).status().message(),
            "the CA /proc/version is larger than 10 bytes");
}

}  // namespace
}  // namespace muster::cli
