// What others published about trees, notes and checkpoints, against ours.
#include <gtest/gtest.h>

#include "common/checkpoint.h"
#include "common/log_tiles.h"
#include "common/merkle.h"
#include "tests/support/log_folder.h"

namespace muster {
namespace {

using Hashes = std::vector<std::string>;

Hashes Hex(const Hashes& raw) {
  Hashes out;
  for (const std::string& hash : raw) out.push_back(absl::BytesToHexString(hash));
  return out;
}

std::string CodeOf(const absl::Status& status) {
  const std::optional<VerifyCode> code = VerifyCodeOf(status);
  return code.has_value() ? std::string(VerifyCodeName(*code)) : "";
}

// The Certificate Transparency reference log.
LogFolder ReferenceLog() {
  LogFolder log;
  for (const char* leaf : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                           "606162636465666768696a6b6c6d6e6f"}) {
    log.AddBytes(absl::HexStringToBytes(leaf));
  }
  return log;
}

TEST(LogVectors, ReferenceLogConsistency) {
  const LogFolder log = ReferenceLog();
  const struct {
    uint64_t old_size, new_size;
    Hashes want;
  } kCases[] = {
      {1, 1, {}},
      {1,
       8,
       {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
      {6,
       8,
       {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
      {2,
       5,
       {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
  };
  for (const auto& c : kCases) {
    const absl::StatusOr<Hashes> path = ConsistencyPath(log, c.old_size, c.new_size);
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_EQ(Hex(*path), c.want) << c.old_size << " to " << c.new_size;
    EXPECT_TRUE(
        Continues(c.old_size, log.Root(c.old_size), c.new_size, log.Root(c.new_size), *path));
  }
}

TEST(LogVectors, ReferenceLogInclusion) {
  const LogFolder log = ReferenceLog();
  const absl::StatusOr<Hashes> path = InclusionPath(log, 5, 8);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(Hex(*path),
            (Hashes{"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_TRUE(LeadsToRoot(log.leaves()[5], 5, 8, *path, log.Root(8)));
}

// RFC 9162, section 2.1.5: the tree of seven, its paths and its growth, by the names used there.
TEST(LogVectors, TreeOfSeven) {
  LogFolder log;
  for (int i = 0; i < 7; ++i) log.AddBytes(absl::StrCat("d", i));
  const std::string a = log.leaves()[0], b = log.leaves()[1], c = log.leaves()[2],
                    d = log.leaves()[3], e = log.leaves()[4], f = log.leaves()[5],
                    j = log.leaves()[6], g = NodeHash(a, b), h = NodeHash(c, d), i = NodeHash(e, f),
                    k = NodeHash(g, h), l = NodeHash(i, j);
  EXPECT_EQ(log.Root(3), NodeHash(g, c));
  EXPECT_EQ(log.Root(4), k);
  EXPECT_EQ(log.Root(6), NodeHash(k, i));
  EXPECT_EQ(log.Root(7), NodeHash(k, l));
  EXPECT_EQ(*InclusionPath(log, 0, 7), (Hashes{b, h, l}));
  EXPECT_EQ(*InclusionPath(log, 3, 7), (Hashes{c, g, l}));
  EXPECT_EQ(*InclusionPath(log, 4, 7), (Hashes{f, j, k}));
  EXPECT_EQ(*InclusionPath(log, 6, 7), (Hashes{i, k}));
  EXPECT_EQ(*ConsistencyPath(log, 3, 7), (Hashes{c, d, g, l}));
  EXPECT_EQ(*ConsistencyPath(log, 4, 7), (Hashes{l}));
  EXPECT_EQ(*ConsistencyPath(log, 6, 7), (Hashes{i, j, k}));
}

// The notes of Go's golang.org/x/mod/sumdb/note, whose keys are published.
constexpr char kPeter[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr char kEnoch[] = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
constexpr char kPeterSeed[] = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr char kGoText[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr char kPeterSigned[] =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n";
constexpr char kEnochSigned[] =
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WW"
    "d1RvMc+QQ=\n";

TEST(LogVectors, GoNotesOpenWithTheirKeys) {
  const NoteVerifier peter = *NoteVerifier::FromText(kPeter),
                     enoch = *NoteVerifier::FromText(kEnoch);
  EXPECT_EQ(peter.name(), "PeterNeumann");
  EXPECT_EQ(peter.id(), 0xc74f20a3);
  EXPECT_EQ(peter.ToText(), kPeter);
  EXPECT_EQ(enoch.ToText(), kEnoch);
  const std::string by_both = absl::StrCat(kGoText, "\n", kPeterSigned, kEnochSigned);
  EXPECT_EQ(*OpenNote(by_both, {peter}), kGoText);
  EXPECT_EQ(*OpenNote(by_both, {enoch}), kGoText);
  EXPECT_EQ(*OpenNote(by_both, {peter, enoch}), kGoText);
  EXPECT_EQ(*OpenNote(absl::StrCat(kGoText, "\n", kPeterSigned, kPeterSigned), {peter}), kGoText);
  EXPECT_EQ(CodeOf(OpenNote(by_both, {}).status()), "UNKNOWN_KEY");
  EXPECT_EQ(CodeOf(OpenNote(absl::StrCat(kGoText, "\n", kPeterSigned), {enoch}).status()),
            "UNKNOWN_KEY");
}

TEST(LogVectors, GoKeySignsTheSameBytes) {
  const std::string seed = FromBase64(kPeterSeed)->substr(1);
  const absl::StatusOr<std::string> note =
      SignNote(kGoText, "PeterNeumann", Ed25519FromSeed(absl::BytesToHexString(seed)));
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(*note, absl::StrCat(kGoText, "\n", kPeterSigned));
}

TEST(LogVectors, GoRefusals) {
  const NoteVerifier peter = *NoteVerifier::FromText(kPeter);
  const std::string text = kGoText, sig = kPeterSigned;
  const std::string kMalformed[] = {
      text,
      text + "\n",
      text + "\n" + sig.substr(0, sig.size() - 1),
      "\x01" + text + "\n" + sig,
      "\xff" + text + "\n" + sig,
      text + "\n— Bad Name " + sig.substr(sig.find("x08")),
      text + "\n" + sig + "Unexpected line.\n",
  };
  for (const std::string& note : kMalformed) {
    EXPECT_EQ(CodeOf(OpenNote(note, {peter}).status()), "MALFORMED") << note;
  }
  const std::string longer = sig.substr(0, 60) + "ABCD" + sig.substr(60);
  EXPECT_EQ(CodeOf(OpenNote(text + "\n" + longer, {peter}).status()), "BAD_SIGNATURE");
  // A key of another length, and of another algorithm, each with the hash that it would have.
  EXPECT_FALSE(NoteVerifier::FromText("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
                                      "LDE4izWy10TWBADKEY==")
                   .ok());
  EXPECT_FALSE(NoteVerifier::FromText("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
                                      "LDE4izWy10TW")
                   .ok());
}

TEST(LogVectors, EveryOtherSpellingOfAKeyIsRefused) {
  const std::string key = kPeter;
  for (size_t i = 0; i <= key.size(); ++i) {
    for (size_t j = i + 1; j <= key.size(); ++j) {
      if (i == 0 && j == key.size()) continue;
      EXPECT_FALSE(NoteVerifier::FromText(key.substr(i, j - i)).ok());
    }
  }
  for (size_t i = 0; i < key.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = key;
      other[i] = static_cast<char>(other[i] ^ 1 << bit);
      EXPECT_FALSE(NoteVerifier::FromText(other).ok()) << other;
    }
  }
}

// The examples of C2SP's signed-note and tlog-checkpoint; their keys are not published.
TEST(LogVectors, C2spExamples) {
  constexpr char kPoem[] =
      "Ognuno sta solo sul cuor della terra\n"
      "trafitto da un raggio di sole:\n"
      "\n"
      "ed è subito sera.\n"
      "\n"
      "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouF"
      "SQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
  constexpr char kSofa[] =
      "example.com/behind-the-sofa\n"
      "20852163\n"
      "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
      "\n"
      "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcy"
      "v2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
  const NoteVerifier peter = *NoteVerifier::FromText(kPeter);
  EXPECT_EQ(CodeOf(OpenNote(kPoem, {peter}).status()), "UNKNOWN_KEY");
  EXPECT_EQ(CodeOf(OpenCheckpoint(kSofa, {peter}, "").status()), "UNKNOWN_KEY");
  const std::string sofa = kSofa, text = sofa.substr(0, sofa.find("\n\n") + 1);
  const absl::StatusOr<Checkpoint> checkpoint = ParseCheckpoint(text);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(*checkpoint,
            (Checkpoint{"example.com/behind-the-sofa", 20'852'163,
                        absl::HexStringToBytes("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f"
                                               "0378f68f1ab62")}));
  EXPECT_EQ(CheckpointText(*checkpoint), text);
}

}  // namespace
}  // namespace muster
