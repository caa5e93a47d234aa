// A small directory in an LDIF file of its own, for the tests of reading and of writing.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "controller/adapters/ldif/ldif_directory.h"
#include "tests/support/temp_dir.h"

namespace muster {

inline constexpr char kGroup[] = "cn=wa-approved,ou=groups,dc=mdm,dc=test";
inline constexpr char kGroupId[] = "6f000000-0000-4000-8000-000000000001";
inline constexpr char kAlice[] = "a0000000-0000-4000-8000-000000000001";
inline constexpr char kBob[] = "a0000000-0000-4000-8000-000000000002";

inline constexpr char kFile[] = R"(version: 1

# The people.
dn: uid=alice,ou=people,dc=mdm,dc=test
objectClass: inetOrgPerson
uid: alice
cn: Alice A.
mail: alice@mdm.test
entryUUID: A0000000-0000-4000-8000-000000000001

dn: uid=bob,ou=people,dc=mdm,dc=test
objectClass: person
uid: bob
cn: Bob
displayName: Bob B.
mail: bob@mdm.test
entryUUID: a0000000-0000-4000-8000-000000000002

dn: cn=wa-approved,ou=groups,dc=mdm,dc=test
objectClass: groupOfNames
entryUUID: 6f000000-0000-4000-8000-000000000001
member: UID=Alice, ou=people,dc=mdm,
 dc=test
# Why this one is here.
member: cn=placeholder
description: last line
)";

class LdifDirectoryTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) const {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << text;
  }
  std::string Text() const {
    std::ifstream in(file_, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  std::unique_ptr<LdifDirectory> Open(const std::string& text) const {
    Write(text);
    absl::StatusOr<std::unique_ptr<LdifDirectory>> directory = LdifDirectory::Open(file_);
    EXPECT_TRUE(directory.ok()) << directory.status();
    return *std::move(directory);
  }
  static absl::StatusOr<DirectorySnapshotPtr> Read(LdifDirectory* from, const std::string& app,
                                                   const std::string& group) {
    return from->Read({{app, group}}, ReadDepth::kFull);
  }
  std::set<std::string> Files() const {
    std::set<std::string> out;
    for (const auto& item : std::filesystem::directory_iterator(folder_.path())) {
      out.insert(item.path().filename().string());
    }
    return out;
  }

  const TempDir folder_;
  const std::string file_ = folder_.File("directory.ldif");
};

}  // namespace muster
