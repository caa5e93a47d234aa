#include "common/signed_note.h"

#include <gtest/gtest.h>

#include "common/log_limits.h"
#include "common/signed_doc.h"
#include "tests/support/log_folder.h"

namespace muster {
namespace {

constexpr char kName[] = "agency/audit";
constexpr char kText[] = "one line\n";

NoteVerifier Known() { return *NoteVerifier::New(kName, LogTestKey().spki()); }
std::string Signed() { return *SignNote(kText, kName, LogTestKey()); }

std::string CodeOf(const absl::StatusOr<std::string>& opened) {
  const std::optional<VerifyCode> code = VerifyCodeOf(opened.status());
  return code.has_value() ? std::string(VerifyCodeName(*code)) : opened.status().ToString();
}

// A signature line of any name, id and bytes.
std::string Line(absl::string_view name, uint32_t id, absl::string_view bytes) {
  const char raw[] = {static_cast<char>(id >> 24), static_cast<char>(id >> 16),
                      static_cast<char>(id >> 8), static_cast<char>(id)};
  return absl::StrCat("— ", name, " ",
                      absl::Base64Escape(absl::StrCat(absl::string_view(raw, 4), bytes)), "\n");
}

TEST(SignedNote, GoldenForm) {
  EXPECT_EQ(Known().ToText(), "agency/audit+26424572+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea");
  EXPECT_EQ(
      Signed(),
      "one line\n\n— agency/audit JkJFcopelff3i/SGfY15bLWa/hxCdyVSbeRm3xSTQ80OHRt3POtzt7BtbIwc5"
      "W83srmMOZG2CSeOuVp1Y/a//IQ68Qk=\n");
  EXPECT_EQ(*OpenNote(Signed(), {Known()}), kText);
}

TEST(SignedNote, WhatIsNoNoteIsRefused) {
  const std::string line = Signed().substr(Signed().find("\n\n") + 2), text = kText;
  const std::string cut = line.substr(0, line.size() - 1);
  const struct {
    const char* name;
    std::string note;
    const char* want;
  } kCases[] = {
      {"good", text + "\n" + line, "OK"},
      {"nothing", "", "MALFORMED"},
      {"a newline", "\n", "MALFORMED"},
      {"newlines", "\n\n\n", "MALFORMED"},
      {"no blank line", text + line, "MALFORMED"},
      {"no text", "\n" + line, "MALFORMED"},
      {"an empty line for a text", "\n\n" + line, "BAD_SIGNATURE"},
      {"no signature", text + "\n", "MALFORMED"},
      {"a blank line under it", text + "\n" + line + "\n", "MALFORMED"},
      {"no last newline", text + "\n" + cut, "MALFORMED"},
      {"CR", "one line\r\n\n" + line, "MALFORMED"},
      {"CR in the line", text + "\n" + cut + "\r\n", "MALFORMED"},
      {"tab", "one\tline\n\n" + line, "MALFORMED"},
      {"NUL", std::string("one\0line\n\n", 10) + line, "MALFORMED"},
      {"not UTF-8", "one\xc0\xaf\n\n" + line, "MALFORMED"},
      {"cut UTF-8", text + "\n" + cut + "\xe2\x80\n", "MALFORMED"},
      {"a hyphen", text + "\n-" + line.substr(3), "MALFORMED"},
      {"no space", text + "\n— " + kName + "\n", "MALFORMED"},
      {"two spaces", text + "\n—  " + line.substr(4), "MALFORMED"},
      {"a word more", text + "\n" + cut + " x\n", "MALFORMED"},
      {"a space more", text + "\n" + cut + " \n", "MALFORMED"},
      {"no padding", text + "\n" + cut.substr(0, cut.size() - 1) + "\n", "MALFORMED"},
      {"bits left over", text + "\n— agency/audit AAAAAAAB\n— agency/audit AAAAAAF=\n",
       "MALFORMED"},
      {"an id alone", text + "\n" + Line(kName, Known().id(), ""), "MALFORMED"},
      {"too long", std::string(limits::kMaxNoteBytes, 'x') + "\n\n" + line, "OVERSIZE"},
      {"other text", "one lime\n\n" + line, "BAD_SIGNATURE"},
      {"more text", "more\n\n" + text + "\n" + line, "BAD_SIGNATURE"},
  };
  for (const auto& c : kCases) EXPECT_EQ(CodeOf(OpenNote(c.note, {Known()})), c.want) << c.name;
}

// Name and id together say which key signed.
TEST(SignedNote, OtherKeysAreNotTakenForTheKnownOne) {
  const std::string good = Signed(), head = absl::StrCat(kText, "\n");
  const std::string sig = FromBase64(good.substr(good.rfind(' ') + 1, 92))->substr(4);
  const uint32_t id = Known().id();
  const struct {
    const char* name;
    std::string lines, want;
  } kCases[] = {
      {"itself", Line(kName, id, sig), "OK"},
      {"another name", Line("agency/audit2", id, sig), "UNKNOWN_KEY"},
      {"another id", Line(kName, id + 1, sig), "UNKNOWN_KEY"},
      {"name in capitals", Line("Agency/audit", id, sig), "UNKNOWN_KEY"},
      {"unknown ones around it",
       Line("x", 1, "y") + Line(kName, id, sig) + Line(kName, id + 1, std::string(2'420, 'z')),
       "OK"},
      {"twice", Line(kName, id, sig) + Line(kName, id, sig), "OK"},
      {"good, then bad", Line(kName, id, sig) + Line(kName, id, std::string(64, 'x')),
       "BAD_SIGNATURE"},
      {"bad, then good", Line(kName, id, std::string(64, 'x')) + Line(kName, id, sig),
       "BAD_SIGNATURE"},
      {"good, then no line", Line(kName, id, sig) + "x\n", "MALFORMED"},
      {"a name with a plus", Line("a+b", 1, "y") + Line(kName, id, sig), "MALFORMED"},
      {"a name with a wide space",
       Line("a\xe3\x80\x80"
            "b",
            1, "y"),
       "MALFORMED"},
      {"a name with a no-break space",
       Line("a\xc2\xa0"
            "b",
            1, "y"),
       "MALFORMED"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(CodeOf(OpenNote(head + c.lines, {Known()})), c.want) << c.name;
  }
  std::string most = head, more;
  for (size_t i = 1; i < limits::kMaxNoteSignatures; ++i) most += Line("x", 1, "y");
  most += Line(kName, id, sig);
  EXPECT_EQ(CodeOf(OpenNote(most, {Known()})), "OK");
  EXPECT_EQ(CodeOf(OpenNote(most + Line("x", 1, "y"), {Known()})), "OVERSIZE");
}

// Signatures that a careless Ed25519 takes.
TEST(SignedNote, OnlyTheOneSignatureFits) {
  const std::string good = Signed();
  const std::string sig = FromBase64(good.substr(good.rfind(' ') + 1, 92))->substr(4);
  // S plus the order of the base point (RFC 8032, section 5.1.7: S is below it).
  const std::string order =
      absl::HexStringToBytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  std::string raised = sig;
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += static_cast<uint8_t>(sig[32 + i]) + static_cast<uint8_t>(order[i]);
    raised[32 + i] = static_cast<char>(carry);
    carry >>= 8;
  }
  ASSERT_EQ(carry, 0);
  const std::pair<const char*, std::string> kCases[] = {
      {"S + order", raised},
      {"zero", std::string(64, '\0')},
      {"the neutral point, S = 0", "\1" + std::string(63, '\0')},
      {"ones", std::string(64, '\xff')},
      {"a byte less", sig.substr(0, 63)},
      {"a byte more", sig + std::string(1, '\0')},
      {"one byte", "x"},
      {"halves swapped", sig.substr(32) + sig.substr(0, 32)},
      {"R negated",
       [&] {
         std::string out = sig;
         out[31] ^= '\x80';
         return out;
       }()},
  };
  for (const auto& [name, bytes] : kCases) {
    const std::string note = absl::StrCat(kText, "\n", Line(kName, Known().id(), bytes));
    EXPECT_EQ(CodeOf(OpenNote(note, {Known()})), "BAD_SIGNATURE") << name;
  }
  for (size_t bit = 0; bit < 512; ++bit) {
    std::string flipped = sig;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    const std::string note = absl::StrCat(kText, "\n", Line(kName, Known().id(), flipped));
    ASSERT_EQ(CodeOf(OpenNote(note, {Known()})), "BAD_SIGNATURE") << bit;
  }
}

TEST(SignedNote, WhatCannotBeOpenedIsNotSigned) {
  const PrivateKey key = LogTestKey();
  for (const char* text : {"", "no newline", "CR\r\n", "\xff\n", "\x01\n"}) {
    EXPECT_FALSE(SignNote(text, kName, key).ok()) << text;
  }
  for (const char* name : {"", "a b", "a+b", "a\nb", "a\xc2\x85", "\xff", "a\xe2\x80\xa8"}) {
    EXPECT_FALSE(SignNote(kText, name, key).ok()) << name;
    EXPECT_FALSE(NoteVerifier::New(name, key.spki()).ok()) << name;
  }
  EXPECT_FALSE(SignNote(std::string(limits::kMaxNoteBytes, 'x') + "\n", kName, key).ok());
  const PrivateKey p256 = *PrivateKey::Generate(kEcdsaP256Sha256);
  EXPECT_FALSE(SignNote(kText, kName, p256).ok());
  EXPECT_FALSE(NoteVerifier::New(kName, p256.spki()).ok());
  // A text that looks like a signed note is a text.
  const std::string nested = *SignNote(Signed(), kName, OtherLogTestKey());
  EXPECT_EQ(CodeOf(OpenNote(nested, {Known()})), "UNKNOWN_KEY");
  const NoteVerifier other = *NoteVerifier::New(kName, OtherLogTestKey().spki());
  EXPECT_EQ(*OpenNote(nested, {Known(), other}), Signed());
}

TEST(SignedNote, TextsOfKeys) {
  const std::string good = Known().ToText();
  EXPECT_EQ(NoteVerifier::FromText(good + "\r\n")->ToText(), good);
  const struct {
    std::string text;
    const char* want;
  } kCases[] = {
      {"", "it has no three parts"},
      {"agency/audit", "it has no three parts"},
      {"agency/audit+26424572", "it has no three parts"},
      {"agency/audit+26424572+", "its last part is not an Ed25519 key in base64"},
      {good + "A", "its last part is not an Ed25519 key in base64"},
      {good + " " + good, "its last part is not an Ed25519 key in base64"},
      {"agency/audit2" + good.substr(12), "its hash is not that of its key"},
      {"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
       "its hash is not that of its key"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(NoteVerifier::FromText(c.text).status().message(),
              absl::StrCat("not a log key of the form NAME+HASH+KEY: ", c.want))
        << c.text;
  }
  EXPECT_FALSE(NoteVerifier::FromText(" " + good).ok());
}

TEST(SignedNote, Base64HasOneForm) {
  EXPECT_EQ(FromBase64("Zm8="), "fo");
  EXPECT_EQ(FromBase64(""), "");
  for (const char* text :
       {"Zm8", "Zm9=", "Zm8=\n", " Zm8=", "Z m8=", "Zm8==", "Zm8.", "Zm-_", "="}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace muster
