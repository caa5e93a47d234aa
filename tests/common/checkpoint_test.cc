#include "common/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/attacks/tenant.h"
#include "tests/support/log_folder.h"

namespace muster {
namespace {

std::string CodeOf(const absl::StatusOr<Checkpoint>& result) {
  const std::optional<VerifyCode> code = VerifyCodeOf(result.status());
  return code.has_value() ? std::string(VerifyCodeName(*code)) : result.status().ToString();
}

// Of the empty log.
constexpr char kRoot[] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

TEST(Checkpoint, HasOneForm) {
  const std::string root = kRoot;
  const struct {
    const char* name;
    std::string text;
    const char* want;
  } kCases[] = {
      {"empty log", "agency/audit\n0\n" + root + "\n", "OK"},
      {"largest", "agency/audit\n18446744073709551615\n" + root + "\n", "OK"},
      {"a line more", "agency/audit\n7\n" + root + "\nmore\n", "OK"},
      {"any origin", "The log of Köln\n7\n" + root + "\n", "OK"},
      {"nothing", "", "MALFORMED"},
      {"no root", "agency/audit\n7\n", "MALFORMED"},
      {"no last newline", "agency/audit\n7\n" + root, "MALFORMED"},
      {"no origin", "\n7\n" + root + "\n", "MALFORMED"},
      {"an empty line", "agency/audit\n7\n" + root + "\n\n", "MALFORMED"},
      {"no size", "agency/audit\n\n" + root + "\n", "MALFORMED"},
      {"leading zero", "agency/audit\n07\n" + root + "\n", "MALFORMED"},
      {"zeroes", "agency/audit\n00\n" + root + "\n", "MALFORMED"},
      {"plus", "agency/audit\n+7\n" + root + "\n", "MALFORMED"},
      {"minus", "agency/audit\n-7\n" + root + "\n", "MALFORMED"},
      {"minus zero", "agency/audit\n-0\n" + root + "\n", "MALFORMED"},
      {"space", "agency/audit\n 7\n" + root + "\n", "MALFORMED"},
      {"hexadecimal", "agency/audit\n0x7\n" + root + "\n", "MALFORMED"},
      {"too large", "agency/audit\n18446744073709551616\n" + root + "\n", "MALFORMED"},
      {"short root", "agency/audit\n7\nAAAA\n", "MALFORMED"},
      {"no padding", "agency/audit\n7\n" + root.substr(0, 43) + "\n", "MALFORMED"},
      {"bits left over", "agency/audit\n7\n" + root.substr(0, 42) + "V=\n", "MALFORMED"},
      {"root with a space", "agency/audit\n7\n" + root + " \n", "MALFORMED"},
  };
  for (const auto& c : kCases) EXPECT_EQ(CodeOf(ParseCheckpoint(c.text)), c.want) << c.name;
  EXPECT_EQ(*ParseCheckpoint("agency/audit\n7\n" + root + "\n"),
            (Checkpoint{"agency/audit", 7, MerkleRoot({})}));
}

TEST(Checkpoint, IsSignedByTheKeyOfItsLog) {
  const PrivateKey key = LogTestKey();
  const NoteVerifier known = *NoteVerifier::New("agency/audit", key.spki());
  const NoteVerifier of_other = *NoteVerifier::New("other/audit", key.spki());
  const NoteVerifier rotated = *NoteVerifier::New("agency/audit", OtherLogTestKey().spki());
  const Checkpoint head = {"agency/audit", 7, MerkleRoot({})};
  const std::string note = *SignCheckpoint(head, key);
  EXPECT_EQ(*OpenCheckpoint(note, {known}, ""), head);
  EXPECT_EQ(*OpenCheckpoint(note, {rotated, known}, "agency/audit"), head);
  EXPECT_EQ(CodeOf(OpenCheckpoint(note, {known}, "other/audit")), "WRONG_TENANT");
  EXPECT_EQ(CodeOf(OpenCheckpoint(note, {rotated}, "agency/audit")), "UNKNOWN_KEY");
  EXPECT_EQ(CodeOf(OpenCheckpoint(note, {}, "")), "UNKNOWN_KEY");
  // The right key, over the head of a log that is not its own.
  const Checkpoint second = {"agency/audit2", 7, MerkleRoot({})};
  const std::string text = CheckpointText(second);
  for (const NoteVerifier& signer : {known, of_other}) {
    const std::string foreign = *SignNote(text, signer.name(), key);
    EXPECT_EQ(CodeOf(OpenCheckpoint(foreign, {signer}, "")), "WRONG_TENANT");
    EXPECT_EQ(CodeOf(OpenCheckpoint(foreign, {signer}, "agency/audit2")), "WRONG_TENANT");
  }
  // A key of the right name is known, but it was another that signed.
  const std::string by_other = *SignNote(CheckpointText(head), "other/audit", key);
  EXPECT_EQ(CodeOf(OpenCheckpoint(by_other, {known, of_other}, "")), "WRONG_TENANT");
  EXPECT_EQ(CodeOf(OpenCheckpoint(*SignNote("no head\n", "agency/audit", key), {known}, "")),
            "MALFORMED");
}

// As roots were before there was the role "log".
void Without(const PrivateKey& key, v1::Root& root) {
  auto* roles = root.mutable_roles();
  roles->erase(std::remove_if(roles->begin(), roles->end(),
                              [](const v1::TrustedRole& r) { return r.role() == kLogRole; }),
               roles->end());
  auto* keys = root.mutable_keys();
  keys->erase(std::remove_if(keys->begin(), keys->end(),
                             [&](const v1::TrustedKey& k) { return k.key_id() == key.key_id(); }),
              keys->end());
}

TEST(Checkpoint, KeysAreThoseOfTheRoleLog) {
  v1::Root root = attacks::Tenant().Root(1);
  const PrivateKey key = LogTestKey();
  Without(key, root);
  const auto names = [&] {
    std::vector<std::string> out;
    for (const NoteVerifier& key : LogKeysOf(*Trust::FromRoot(root))) out.push_back(key.ToText());
    return out;
  };
  EXPECT_EQ(names(), std::vector<std::string>{}) << "an older root";
  *root.add_keys() = attacks::KeyRecord(key);
  root.mutable_keys(root.keys_size() - 1)->set_algorithm(std::string(kEd25519));
  v1::TrustedRole* role = root.add_roles();
  role->set_role(kLogRole);
  role->set_threshold(1);
  role->add_key_ids(key.key_id());
  EXPECT_EQ(names(),
            std::vector<std::string>{NoteVerifier::New("agency/audit", key.spki())->ToText()});
  role->add_key_ids(attacks::TestKey("policy").key_id());
  EXPECT_EQ(names().size(), 1) << "a key that is not Ed25519";
}

}  // namespace
}  // namespace muster
