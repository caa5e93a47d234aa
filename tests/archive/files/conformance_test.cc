// The Library of Congress's conformance bags: each valid one is read, each other one is refused
// for its own reason.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "archive/files/bag_files.h"

namespace muster::archive {
namespace {

// Whole: every bag of the suite that is refused, and why.
const std::map<std::string, std::string>& Refused() {
  static const auto* const refused = new std::map<std::string, std::string>{
      {"v0.97/invalid/baginfo-missing-encoding", "BAG_MALFORMED"},
      {"v0.97/invalid/bom-in-bagit.txt", "BAG_MALFORMED"},
      {"v0.97/invalid/corrupt-data-file", "BAG_CHECKSUM"},
      {"v0.97/invalid/corrupt-tag-file", "BAG_CHECKSUM"},
      {"v0.97/invalid/extra-file-in-bag", "BAG_INCOMPLETE"},
      {"v0.97/invalid/invalid-version-number", "BAG_VERSION"},
      {"v0.97/invalid/missing-baginfo", "BAG_INCOMPLETE"},
      {"v0.97/invalid/missing-bagit.txt", "BAG_MALFORMED"},
      {"v0.97/invalid/out-of-scope-file-paths-using-dot-notation", "BAG_PATH"},
      {"v0.97/invalid/out-of-scope-file-paths-using-dot-notation-for-fetch", "BAG_PATH"},
      {"v0.97/invalid/same-filename-listed-twice-with-different-hashes", "BAG_MALFORMED"},
      {"v0.97/linux-only/out-of-scope-file-paths-using-absolute-path", "BAG_PATH"},
      {"v0.97/linux-only/out-of-scope-file-paths-using-absolute-path-for-fetch", "BAG_PATH"},
      {"v0.97/linux-only/out-of-scope-file-paths-using-shortcut", "BAG_PATH"},
      {"v0.97/linux-only/out-of-scope-file-paths-using-shortcut-for-fetch", "BAG_PATH"},
      {"v0.97/linux-only/out-of-scope-file-paths-using-shortcut-username", "BAG_PATH"},
      {"v0.97/linux-only/out-of-scope-file-paths-using-shortcut-username-for-fetch", "BAG_PATH"},
  };
  return *refused;
}

TEST(ConformanceSuite, EachBagHasItsVerdict) {
  namespace fs = std::filesystem;
  const fs::path suite = fs::path(MUSTER_SOURCE_DIR) / "tests/testdata/bagit-suite";
  std::map<std::string, std::string> refused;
  int valid = 0;
  for (const auto& version : fs::directory_iterator(suite)) {
    if (!version.is_directory()) continue;
    for (const auto& kind : fs::directory_iterator(version)) {
      for (const auto& bag : fs::directory_iterator(kind)) {
        const std::string name = fs::relative(bag, suite).string();
        const auto got = ValidateBag(bag.path().string());
        if (got.ok()) {
          ++valid;
          EXPECT_EQ("v" + got->version, version.path().filename().string()) << name;
          EXPECT_FALSE(got->as_packed) << name;
          EXPECT_NE(kind.path().filename(), "invalid") << name;
        } else {
          refused[name] = BagCodeOf(got.status());
          EXPECT_NE(kind.path().filename(), "valid") << name << ": " << got.status();
        }
      }
    }
  }
  EXPECT_EQ(refused, Refused());
  EXPECT_EQ(valid, 26);
}

}  // namespace
}  // namespace muster::archive
