// `musterctl trust` on files, as in a ceremony: no network, no controller but where one is asked.
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/errors.h"
#include "cli/trust_documents.h"
#include "common/checkpoint.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {
namespace {

class TrustTest : public testing::Test {
 protected:
  ~TrustTest() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const { return (dir_ / name).string(); }
  std::string Bytes(const std::string& name) const {
    std::ifstream in(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool Exists(const std::string& name) const { return std::filesystem::exists(Path(name)); }

  // `musterctl trust WORDS -o json`; a word that begins with @ is a file of the folder.
  Ran Trust(const std::string& words) {
    std::vector<std::string> args = {"trust"};
    for (const absl::string_view word : absl::StrSplit(words, ' ')) {
      args.push_back(word[0] == '@' ? Path(std::string(word.substr(1))) : std::string(word));
    }
    args.insert(args.end(), {"-o", "json"});
    return RunCtl(&controller_, args);
  }
  Json Ok(const std::string& words) {
    const Ran ran = Trust(words);
    EXPECT_EQ(ran.code, 0) << words << ": " << ran.err;
    return ran.code == 0 ? Json::parse(ran.out) : Json::object();
  }
  // "code message" of a command that must fail.
  std::string Refused(const std::string& words) {
    const Ran ran = Trust(words);
    EXPECT_EQ(ran.out, "") << words;
    return absl::StrCat(ran.code, " ", ran.err);
  }

  void MakeKeys() {
    for (const char* name :
         {"r1", "r2", "r3", "policy", "assignment", "beacon", "emergency", "fresh"}) {
      id_[name] = Ok(absl::StrCat("key --out @", name, ".key")).value("key_id", "");
    }
  }
  Json Init(const std::string& out = "root1.pb") {
    return Ok("init --tenant agency --out @" + out +
              " --root @r1.pub @r2.pub @r3.pub --policy @policy.pub --assignment @assignment.pub "
              "--beacon @beacon.pub --emergency @emergency.pub");
  }
  // A signed first root.
  void MakeRoot() {
    MakeKeys();
    Init();
    Ok("sign @root1.pb --key @r1.key");
    EXPECT_EQ(Ok("sign @root1.pb --key @r3.key").value("accepted", ""), "OK");
  }

  std::filesystem::path dir_ = TempFolder();
  FakeController controller_;
  std::map<std::string, std::string> id_;  // key name -> key id
};

TEST_F(TrustTest, AKeyPairIsNewAndItsPrivateHalfTheOwnersAlone) {
  const Ran ran = Trust("key --out @a.key");
  ASSERT_EQ(ran.code, 0) << ran.err;
  struct stat st;
  ASSERT_EQ(stat(Path("a.key").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_EQ(ran.out.find("PRIVATE"), std::string::npos);
  EXPECT_EQ(TrustedKeyFromPem(Bytes("a.pub"))->key_id(), Json::parse(ran.out).at("key_id"));
  const std::string before = Bytes("a.key");
  EXPECT_EQ(Refused("key --out @a.key"),
            absl::StrCat("3 musterctl: ", Path("a.key"),
                         " exists already; remove it or name another file\n"));
  EXPECT_EQ(Bytes("a.key"), before);
  EXPECT_EQ(Trust("key --out @b.key --public @a.pub").code, kExitRejected);
  EXPECT_FALSE(Exists("b.key"));
  EXPECT_EQ(Ok("key --out @e --algorithm ed25519").value("algorithm", ""), "ed25519");
  EXPECT_EQ(TrustedKeyFromPem(Bytes("e.pub"))->algorithm(), "ed25519");
  EXPECT_EQ(Trust("key --out @f --algorithm rsa").code, kExitUsage);
  EXPECT_EQ(Trust("key").code, kExitUsage);
  EXPECT_EQ(Ok("key --out @dry.key --dry-run").value("key_file", ""), Path("dry.key"));
  EXPECT_FALSE(Exists("dry.key"));
}

TEST_F(TrustTest, TwoOfThreeMakeTheFirstRoot) {
  MakeKeys();
  const Json draft = Init();
  EXPECT_EQ(draft.at("missing").dump(), R"~(["2 more of role root of root 1 (0 of 2)"])~");
  EXPECT_EQ(draft.at("accepted"), "THRESHOLD: 0 of 2 needed keys of role root signed");
  EXPECT_EQ(draft.at("keys").size(), 7U);
  Ok("sign @root1.pb --key @r1.key");
  // Once more by the same key is still one.
  EXPECT_EQ(Ok("sign @root1.pb --key @r1.key").at("missing").dump(),
            R"~(["1 more of role root of root 1 (1 of 2)"])~");
  EXPECT_EQ(Refused("sign @root1.pb --key @policy.key"),
            absl::StrCat("3 musterctl: ROLE: the key ", id_["policy"],
                         " is no root key of this root; if it is one of the root before, name "
                         "that root with --previous\n"));
  const Json done = Ok("sign @root1.pb --key @r2.key --out @signed.pb");
  EXPECT_EQ(done.at("missing").dump(), "[]");
  EXPECT_EQ(done.at("accepted"), "OK");
  EXPECT_EQ(done.at("next_step"), "musterctl trust publish --dir DATA_DIR " + Path("signed.pb"));
  EXPECT_EQ(Ok("show @root1.pb").at("missing").size(), 1U) << "the input of --out stays";
}

TEST_F(TrustTest, ARotationNeedsTheOldRootAndTheNew) {
  MakeRoot();
  const Json draft =
      Ok("rotate root --root @root1.pb --public @fresh.pub @r2.pub @r3.pub --out "
         "@root2.pb");
  EXPECT_EQ(draft.at("changes"),
            Json({"root 1 -> 2", absl::StrCat("role root: key ", id_["fresh"], " added"),
                  absl::StrCat("role root: key ", id_["r1"], " removed")}));
  EXPECT_EQ(Trust("sign @root2.pb --key @r1.key").code, kExitRejected) << "without --previous";
  Ok("sign @root2.pb --key @fresh.key");
  Ok("sign @root2.pb --key @r1.key --previous @root1.pb");
  EXPECT_EQ(
      Ok("show @root2.pb --previous @root1.pb").at("missing"),
      Json({"1 more of role root of root 1 (1 of 2)", "1 more of role root of root 2 (1 of 2)"}));
  EXPECT_EQ(Ok("show @root2.pb").at("accepted"), "not known without --previous");
  const Json done = Ok("sign @root2.pb --key @r2.key --previous @root1.pb");
  EXPECT_EQ(done.at("accepted"), "OK");
  EXPECT_EQ(done.at("next_step"), "musterctl trust publish " + Path("root2.pb"));
  // A root is only the next one of the one right before it.
  Ok("add-key root --root @root2.pb --public @r1.pub --out @root3.pb");
  EXPECT_EQ(Refused("sign @root3.pb --key @r2.key --previous @root1.pb"),
            "3 musterctl: ROLLBACK: root 1.3 is not the next after 1.1\n");
}

TEST_F(TrustTest, AStolenKeyBeginsANewEpoch) {
  MakeRoot();
  const Json draft =
      Ok("rotate policy --root @root1.pb --public @fresh.pub --compromised --out @root2.pb");
  EXPECT_EQ(draft.at("epoch"), 2);
  EXPECT_EQ(draft.at("version"), 2);
  EXPECT_EQ(draft.at("changes").at(1), "epoch 1 -> 2: every document is signed anew");
}

TEST_F(TrustTest, TheLogsKeyIsMadeNamedAndRotated) {
  MakeRoot();
  EXPECT_FALSE(Ok("show @root1.pb").contains("audit_log_keys"));
  for (const char* name : {"log1", "log2"}) {
    id_[name] = Ok(absl::StrCat("key --algorithm ed25519 --out @", name, ".key"))["key_id"];
  }
  const auto key_text = [&](const std::string& name) {
    return NoteVerifier::New("agency/audit", TrustedKeyFromPem(Bytes(name + ".pub"))->spki())
        ->ToText();
  };
  EXPECT_EQ(Refused("add-key log --root @root1.pb --public @fresh.pub --out @x.pb"),
            absl::StrCat("2 musterctl: the key ", id_["fresh"],
                         " is an ecdsa-p256-sha256 key, and the role log takes ed25519 keys: make "
                         "one with `musterctl trust key --algorithm ed25519`\n"));
  EXPECT_FALSE(Exists("x.pb"));
  const Json named = Ok("add-key log --root @root1.pb --public @log1.pub --out @root2.pb");
  EXPECT_EQ(named.at("audit_log_keys"), Json({key_text("log1")}));
  EXPECT_EQ(named.at("changes"),
            Json({"root 1 -> 2", absl::StrCat("role log: key ", id_["log1"], " added"),
                  "role log: threshold 0 -> 1"}));
  const Json rotated = Ok("rotate log --root @root2.pb --public @log2.pub --out @root3.pb");
  EXPECT_EQ(rotated.at("audit_log_keys"), Json({key_text("log2")}));
  // And in the first root.
  const Json first =
      Ok("init --tenant agency --out @other.pb --root @r1.pub @r2.pub @r3.pub --policy @policy.pub "
         "--assignment @assignment.pub --beacon @beacon.pub --log @log1.pub --emergency "
         "@emergency.pub");
  EXPECT_EQ(first.at("audit_log_keys"), Json({key_text("log1")}));
  EXPECT_EQ(first.at("keys").size(), 8U);
}

TEST_F(TrustTest, AddAndRemoveKeys) {
  MakeRoot();
  Ok("add-key root --root @root1.pb --public @fresh.pub --threshold 3 --out @four.pb");
  EXPECT_EQ(RootOf(*ReadTrustDocument(Path("four.pb")))->roles(0).threshold(), 3u);
  Ok("remove-key root " + id_["r3"] + " --root @root1.pb --out @two.pb");
  EXPECT_EQ(RootOf(*ReadTrustDocument(Path("two.pb")))->roles(0).key_ids_size(), 2);
  EXPECT_EQ(Trust("remove-key root " + id_["policy"] + " --root @root1.pb --out @x.pb").code,
            kExitNotFound);
  EXPECT_EQ(Trust("remove-key policy " + id_["policy"] + " --root @root1.pb --out @x.pb").code,
            kExitUsage);
  EXPECT_EQ(Trust("add-key root --root @root1.pb --public @policy.pub --out @x.pb").code,
            kExitUsage);
  EXPECT_EQ(Trust("add-key root --root @root1.pb --public @fresh.key --out @x.pb").code,
            kExitUsage);
  EXPECT_FALSE(Exists("x.pb"));
  const std::string before = Bytes("four.pb");
  EXPECT_EQ(Trust("add-key root --root @root1.pb --public @fresh.pub --out @four.pb").code,
            kExitRejected);
  EXPECT_EQ(Bytes("four.pb"), before);
}

TEST_F(TrustTest, DryRunsWriteNothing) {
  MakeRoot();
  const std::string before = Bytes("root1.pb");
  Ok("add-key root --root @root1.pb --public @fresh.pub --out @x.pb --dry-run");
  Ok("rotate beacon --root @root1.pb --public @fresh.pub --out @x.pb --dry-run");
  Ok("deny tox --root @root1.pb --reason r --key @emergency.key --out @x.pb --dry-run");
  Ok("sign @root1.pb --key @r2.key --dry-run");
  EXPECT_FALSE(Exists("x.pb"));
  EXPECT_EQ(Bytes("root1.pb"), before);
}

TEST_F(TrustTest, AnEmergencyDenyIsSignedByItsOwnKeyOnly) {
  MakeRoot();
  const Json deny =
      Ok("deny tox whatsapp --root @root1.pb --reason r --key @emergency.key --out @d.pb");
  EXPECT_EQ(deny.at("accepted"), "OK");
  EXPECT_EQ(deny.at("app_ids").dump(), R"(["tox","whatsapp"])");
  EXPECT_EQ(deny.at("next_step"), "musterctl trust publish " + Path("d.pb"));
  const Json lift = Ok(
      "deny --lift-all --root @root1.pb --reason r --key @emergency.key --out @l.pb --version 9");
  EXPECT_EQ(lift.at("lifts_all"), true);
  EXPECT_EQ(lift.at("version"), 9);
  EXPECT_EQ(Refused("deny tox --root @root1.pb --reason r --key @r1.key --out @x.pb"),
            absl::StrCat("3 musterctl: ROLE: the key ", id_["r1"],
                         " has no say in this document; only keys of role emergency of root 1 "
                         "sign it\n"));
  EXPECT_EQ(Trust("deny --root @root1.pb --reason r --key @emergency.key --out @x.pb").code,
            kExitUsage);
  EXPECT_EQ(
      Trust("deny tox --lift-all --root @root1.pb --reason r --key @emergency.key --out @x.pb")
          .code,
      kExitUsage);
  EXPECT_EQ(Trust("deny tox tox --root @root1.pb --reason r --key @emergency.key --out @x.pb").code,
            kExitUsage);
  EXPECT_FALSE(Exists("x.pb"));
  EXPECT_EQ(Trust("sign @d.pb --key @emergency.key").code, kExitUsage) << "against which root?";
  Ok("sign @d.pb --key @emergency.key --previous @root1.pb");
}

TEST_F(TrustTest, AKeyFileThatOthersCanReadIsRefused) {
  MakeKeys();
  Init();
  ASSERT_EQ(chmod(Path("r1.key").c_str(), 0640), 0);
  EXPECT_EQ(Refused("sign @root1.pb --key @r1.key"),
            absl::StrCat("3 musterctl: the key file ", Path("r1.key"),
                         " can be read by others, so it is no longer a secret: replace it, and "
                         "keep such files 0600\n"));
  EXPECT_EQ(Trust("sign @root1.pb --key @nothing.key").code, kExitUsage);
  EXPECT_EQ(Trust("sign @root1.pb --key @r2.pub").code, kExitRejected) << "0644";
}

TEST_F(TrustTest, DamagedDocumentsHaveTheirCode) {
  MakeRoot();
  v1::SignedDoc doc = *ReadTrustDocument(Path("root1.pb"));
  const auto code = [&](const v1::SignedDoc& d) {
    WriteFile(dir_ / "bad.pb", d.SerializeAsString());
    const Ran ran = Trust("show @bad.pb");
    return absl::StrCat(ran.code, " ", ran.err.substr(0, ran.err.find(':', 11)));
  };
  v1::SignedDoc bad = doc;
  bad.set_payload_type("muster.v1.CohortPolicy");
  EXPECT_EQ(code(bad), "3 musterctl: WRONG_TYPE");
  bad = doc;
  bad.set_payload("x");
  EXPECT_EQ(code(bad), "3 musterctl: MALFORMED");
  EXPECT_EQ(code({}), "3 musterctl: MALFORMED");
  bad = doc;
  bad.set_payload(std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(code(bad), "3 musterctl: OVERSIZE");
  bad = doc;
  bad.mutable_signatures(0)->set_sig("x");
  WriteFile(dir_ / "bad.pb", bad.SerializeAsString());
  EXPECT_EQ(
      Ok("show @bad.pb").at("missing").at(0),
      absl::StrCat("the signature of ", id_["r1"], " is of other bytes: that key signs again"));
}

TEST_F(TrustTest, TheFirstRootIsInstalledIntoATenant) {
  MakeRoot();
  WriteFile(dir_ / "t/tenant", "agency\n");
  WriteFile(dir_ / "other/tenant", "bureau\n");
  std::filesystem::create_directory(dir_ / "t/trust");
  Init("draft.pb");
  EXPECT_EQ(Refused("publish --dir @t @draft.pb"),
            "3 musterctl: THRESHOLD: 0 of 2 needed keys of role root signed\n");
  EXPECT_EQ(Refused("publish --dir @other @root1.pb"),
            "3 musterctl: WRONG_TENANT: is for tenant 'agency', this is 'bureau'\n");
  Ok("publish --dir @t @root1.pb --dry-run");
  EXPECT_FALSE(Exists("t/trust/root.pb"));
  EXPECT_EQ(Ok("publish --dir @t @root1.pb").at("next_step"), "musterd run --config FILE");
  EXPECT_EQ(Bytes("t/trust/root.pb"), Bytes("root1.pb"));
  Ok("publish --dir @t @root1.pb");
  Ok("sign @draft.pb --key @r1.key");
  Ok("sign @draft.pb --key @r2.key");
  EXPECT_EQ(Trust("publish --dir @t @draft.pb").code, kExitRejected) << "another first root";
  EXPECT_EQ(Bytes("t/trust/root.pb"), Bytes("root1.pb"));
  EXPECT_TRUE(controller_.calls.empty());
}

TEST_F(TrustTest, PublishSendsTheBytesOfTheFilesInTheirOrder) {
  MakeRoot();
  Ok("deny tox --root @root1.pb --reason r --key @emergency.key --out @d.pb");
  v1::PublishTrustResponse response;
  response.add_items()->set_name("root");
  response.mutable_impact()->set_devices(3);
  controller_.Answer(response);
  controller_.Answer(response);
  EXPECT_EQ(Ok("publish @root1.pb @d.pb").at("items").at(0).at("name"), "root");
  EXPECT_EQ(Ok("publish @root1.pb --dry-run").at("devices"), 3);
  v1::PublishTrustRequest want;
  *want.add_documents() = *ReadTrustDocument(Path("root1.pb"));
  *want.add_documents() = *ReadTrustDocument(Path("d.pb"));
  EXPECT_EQ(controller_.calls.at(0), "PublishTrust " + CompactJson(MessageJson(want)));
  want.mutable_documents()->RemoveLast();
  want.set_dry_run(true);
  EXPECT_EQ(controller_.calls.at(1), "PublishTrust " + CompactJson(MessageJson(want)));
  EXPECT_EQ(Trust("publish @nothing.pb").code, kExitUsage);
  EXPECT_EQ(controller_.calls.size(), 2U);
}

TEST_F(TrustTest, ShowWithoutAFileAsksTheController) {
  MakeRoot();
  Ok("deny tox --root @root1.pb --reason because --key @emergency.key --out @d.pb");
  v1::TrustView view;
  *view.mutable_root() = *ReadTrustDocument(Path("root1.pb"));
  controller_.Answer(view);
  *view.mutable_emergency_deny() = *ReadTrustDocument(Path("d.pb"));
  controller_.Answer(view);
  controller_.Answer(v1::TrustView());
  EXPECT_FALSE(Ok("show").contains("emergency_deny"));
  const Json shown = Ok("show");
  EXPECT_EQ(shown.at("version"), 1);
  EXPECT_EQ(shown.at("keys").size(), 7U);
  EXPECT_EQ(shown.at("emergency_deny").at("reason"), "because");
  EXPECT_EQ(Refused("show"), "5 musterctl: the controller has no root of trust\n");
}

}  // namespace
}  // namespace muster::cli
