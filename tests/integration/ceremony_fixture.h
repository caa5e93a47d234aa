// The ceremonies' machines: each offline key on its own, beside a real tenant and a laptop that
// nobody touches. Needs root.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/signed_doc.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {

namespace fs = std::filesystem;

inline constexpr absl::Duration kSoon =
    absl::Seconds(150);  // of a loaded machine; usually far less
// `musterctl trust WORDS` in `folder`, without a profile: no ceremony needs a controller.
inline CommandResult TrustIn(const std::string& folder, const std::string& words) {
  return RunCommand(
      {"sh", "-c",
       absl::StrCat("cd '", folder, "' && exec '", ProgramPath("musterctl"), "' trust ", words)});
}
inline void Trust(const std::string& folder, const std::string& words) {
  const CommandResult result = TrustIn(folder, words);
  EXPECT_EQ(result.exit_code, 0) << "musterctl trust " << words << ": " << result;
}

class TrustTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies(laptop_.chat());
    laptop_.Join(tenant_, kAlice);
    // The offline keys go to machines of their own, each with the root in force.
    for (const std::string name : {"root-1", "root-2", "root-3", "emergency"}) {
      fs::create_directories(Machine(name));
      for (const char* end : {".key", ".pub"}) {
        fs::rename(tenant_.data() + "/root-keys/" + name + end, Machine(name) + "/own" + end);
      }
      fs::copy_file(tenant_.data() + "/trust/root.pb", Machine(name) + "/root-1.pb");
    }
  }

  std::string Machine(const std::string& name) const {
    return tenant_.folder() + "/machine-" + name;
  }
  // What is carried from one machine to the next.
  void Carry(const std::string& file, const std::string& from, const std::string& to) {
    fs::copy_file(Machine(from) + "/" + file, Machine(to) + "/" + file,
                  fs::copy_options::overwrite_existing);
  }
  // Signs `file` on each machine in turn with its own key; it starts and ends on the first.
  void SignOn(const std::vector<std::string>& machines, const std::string& file,
              const std::string& previous) {
    for (size_t i = 0; i < machines.size(); ++i) {
      if (i > 0) Carry(file, machines[i - 1], machines[i]);
      if (!fs::exists(Machine(machines[i]) + "/" + previous)) {
        Carry(previous, machines[0], machines[i]);
      }
      Trust(Machine(machines[i]),
            absl::StrCat("sign ", file, " --key own.key --previous ", previous));
    }
    if (machines.size() > 1) Carry(file, machines.back(), machines[0]);
  }
  Answer Publish(const std::string& machine, const std::vector<std::string>& files) {
    std::vector<std::string> args = {"trust", "publish"};
    for (const std::string& file : files) args.push_back(Machine(machine) + "/" + file);
    return tenant_.Ask(kAdmin, args);
  }

  // Version of a document that the agent has in force; 0: none.
  uint64_t AgentHas(const std::string& name) {
    const Json status = laptop_.agent().Status();
    if (!status.is_object()) return 0;
    for (const Json& d : status.value("documents", Json::array())) {
      if (d.value("name", "") == name) return d.value("version", uint64_t{0});
    }
    return 0;
  }
  bool AgentGets(const std::string& name, uint64_t version) {
    return WaitUntil(kSoon, [&] { return AgentHas(name) == version; });
  }
  bool AliceBecomes(Started wanted) {
    return WaitUntil(kSoon, [&] { return TryRun({laptop_.chat()}, accounts_.uid(0)) == wanted; });
  }
  // Every document of this epoch, and proved to be in force on the laptop.
  bool AllVerifiedInEpoch(int epoch) {
    return WaitUntil(kSoon, [&] {
      const Json policy = tenant_.Get(kAdmin, {"policy", "show"});
      for (const Json& d : policy.value("items", Json::array())) {
        if (d.value("name", "") != kEmergencyDenyName && d.value("epoch", 0) != epoch) return false;
      }
      const Json shown = tenant_.Get(kAdmin, {"device", "show", laptop_.device()});
      for (const Json& d : shown.value("documents", Json::array())) {
        if (d.value("state", "") != "VERIFIED") return false;
      }
      return true;
    });
  }
  // "OK" or the code, as an agent of this state and root judges.
  std::string Verify(const std::string& root, const v1::SignedDoc& doc) {
    const std::string path = tenant_.folder() + "/document";
    EXPECT_TRUE(WriteWhole(path, doc.SerializeAsString()));
    const CommandResult result = RunCommand({ProgramPath("muster-agent"), "verify", "--trust", root,
                                             "--state", laptop_.agent().state(), path});
    const std::vector<std::string> words = absl::StrSplit(result.out, absl::ByAnyChar(" \n"));
    EXPECT_GT(words.size(), 1U) << result;
    return words.size() > 1 ? words[1] : "";
  }

  TestAccounts accounts_{1};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), "it-bob"};
  TestLaptop laptop_{tenant_.folder()};
};

}  // namespace muster
