#include "common/log_proof.h"

#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "common/log_limits.h"
#include "tests/support/log_folder.h"

namespace muster {
namespace {

template <typename T>
std::string CodeOf(const absl::StatusOr<T>& result) {
  const std::optional<VerifyCode> code = VerifyCodeOf(result.status());
  return code.has_value() ? std::string(VerifyCodeName(*code)) : result.status().ToString();
}

TEST(LogProof, GoldenFile) {
  LogFolder log;
  log.AddSome(5);
  const std::string text = FormatLogProof(log.Proof(4, 5));
  EXPECT_EQ(
      text,
      "c2sp.org/tlog-proof@v1\n"
      "extra CAQSBgiEpKfaBhoKcGVyc29uL3AtMSIUd2ViZXJAYWdlbmN5LmV4YW1wbGU6D3JlcXVlc3QuYXBwcm"
      "92ZUINcmVxdWVzdC9SRVEtNHoCb2s=\n"
      "index 4\n"
      "cqtyCpPodEWEcKbuTWe0eIrw1ilnfoWpIt6mRqMxCJk=\n"
      "\n"
      "agency/audit\n"
      "5\n"
      "Ov5jR6o59pmGLzGO03m19cYtKlP/KVgIWATE/nVBxwY=\n"
      "\n"
      "— agency/audit JkJFcrAGd3JJovGSnU6FIfC9BvgFlYPAFhFExCnqcOotPxjG7A1MJhjdPCT7RGEvy2z10Fbl8"
      "GoYwn8YLutky9l7LgE=\n");
  const absl::StatusOr<LogProof> proof = ParseLogProof(text);
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->entry, log.entry(4));
  EXPECT_EQ(proof->index, 4);
  EXPECT_EQ(proof->path, std::vector<std::string>{log.Root(4)});
  EXPECT_EQ(proof->checkpoint, log.Note(5));
  EXPECT_EQ(*VerifyLogProof(*proof, {log.Key()}), (Checkpoint{"agency/audit", 5, log.Root(5)}));
}

TEST(LogProof, HasOneForm) {
  LogFolder log;
  log.AddSome(3);
  const std::string good = FormatLogProof(log.Proof(0, 3));
  const struct {
    const char* name;
    std::string from, to;
    const char* want;
  } kCases[] = {
      {"itself", "", "", "OK"},
      {"another version", "@v1", "@v2", "MALFORMED"},
      {"Windows lines", "\n", "\r\n", "MALFORMED"},
      {"a space", "index 0", "index  0", "MALFORMED"},
      {"leading zero", "index 0", "index 00", "MALFORMED"},
      {"plus", "index 0", "index +0", "MALFORMED"},
      {"minus", "index 0", "index -0", "MALFORMED"},
      {"no number", "index 0", "index ", "MALFORMED"},
      {"too large", "index 0", "index 18446744073709551616", "MALFORMED"},
      {"largest", "index 0", "index 18446744073709551615", "OK"},
      {"no index", "index 0\n", "", "MALFORMED"},
      {"two", "index 0\n", "index 0\nindex 0\n", "MALFORMED"},
      {"extra without data", "index 0", "extra \nindex 0", "MALFORMED"},
      {"empty extra", "extra ", "extra \nextra ", "MALFORMED"},
      {"extra that is no base64", "extra ", "extra !", "MALFORMED"},
      {"extra below the index", "index 0\n", "index 0\nextra AAAA\n", "MALFORMED"},
      {"a short hash", "index 0\n", "index 0\nAAAA\n", "MALFORMED"},
      {"a hash with a space", "index 0\n", "index 0\n ", "MALFORMED"},
  };
  for (const auto& c : kCases) {
    const std::string text = c.from.empty() ? good : absl::StrReplaceAll(good, {{c.from, c.to}});
    EXPECT_EQ(CodeOf(ParseLogProof(text)), c.want) << c.name;
  }
  const size_t end = good.find("\n\n") + 2;
  for (size_t size = 0; size < end; ++size) {
    EXPECT_EQ(CodeOf(ParseLogProof(good.substr(0, size))), "MALFORMED") << size;
  }
  EXPECT_EQ(CodeOf(ParseLogProof(good.substr(0, end))), "OK") << "its head is looked at later";
}

TEST(LogProof, HasBounds) {
  LogFolder log;
  log.AddBytes(std::string(limits::kMaxLogEntryBytes, 'x'));
  LogProof proof = log.Proof(0, 1);
  proof.path.assign(limits::kMaxProofHashes, std::string(32, 'h'));
  EXPECT_EQ(CodeOf(ParseLogProof(FormatLogProof(proof))), "OK");
  proof.path.emplace_back(32, 'h');
  EXPECT_EQ(CodeOf(ParseLogProof(FormatLogProof(proof))), "MALFORMED");
  proof.path.clear();
  proof.entry += "x";
  EXPECT_EQ(CodeOf(ParseLogProof(FormatLogProof(proof))), "OVERSIZE");
  proof.entry = std::string(limits::kMaxProofFileBytes, 'x');
  EXPECT_EQ(CodeOf(ParseLogProof(FormatLogProof(proof))), "OVERSIZE");
}

TEST(LogProof, ProvesOneEntryAtOnePlaceOfOneLog) {
  LogFolder log, other("agency", OtherLogTestKey());
  log.AddSome(300);
  other.AddSome(300);
  const LogProof good = log.Proof(7, 300);
  const auto code = [&](const std::function<void(LogProof&)>& edit) {
    LogProof proof = good;
    edit(proof);
    const absl::StatusOr<LogProof> read = ParseLogProof(FormatLogProof(proof));
    return read.ok() ? CodeOf(VerifyLogProof(*read, {log.Key()})) : CodeOf(read);
  };
  EXPECT_EQ(code([](LogProof&) {}), "OK");
  EXPECT_EQ(code([&](LogProof& p) { p.entry = log.entry(8); }), "NOT_NAMED");
  EXPECT_EQ(code([](LogProof& p) { p.entry.clear(); }), "NOT_NAMED");
  EXPECT_EQ(code([](LogProof& p) { p.entry += "x"; }), "NOT_NAMED");
  EXPECT_EQ(code([](LogProof& p) { p.index = 6; }), "NOT_NAMED");
  EXPECT_EQ(code([](LogProof& p) { p.index = 300; }), "NOT_NAMED");
  EXPECT_EQ(code([](LogProof& p) { p.index = UINT64_MAX; }), "NOT_NAMED");
  EXPECT_EQ(code([](LogProof& p) { p.path.pop_back(); }), "NOT_NAMED");
  EXPECT_EQ(code([&](LogProof& p) { p.path.push_back(log.Root(1)); }), "NOT_NAMED");
  EXPECT_EQ(code([](LogProof& p) { std::swap(p.path[0], p.path[1]); }), "NOT_NAMED");
  EXPECT_EQ(code([&](LogProof& p) { p.checkpoint = log.Note(299); }), "NOT_NAMED");
  EXPECT_EQ(code([&](LogProof& p) { p.checkpoint = other.Note(300); }), "UNKNOWN_KEY");
  EXPECT_EQ(code([](LogProof& p) { p.checkpoint.clear(); }), "MALFORMED");
  EXPECT_EQ(code([](LogProof& p) { p.checkpoint[14] = '4'; }), "BAD_SIGNATURE");
  EXPECT_EQ(code([&](LogProof& p) {
              p.checkpoint = *SignNote(CheckpointText({"agency/audit2", 300, log.Root(300)}),
                                       "agency/audit", LogTestKey());
            }),
            "WRONG_TENANT");
}

// tlog-proof's example, with its shortened lines left out.
TEST(LogProof, FormOfTheSpecification) {
  const std::string text =
      "c2sp.org/tlog-proof@v1\n"
      "index 73894\n"
      "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n"
      "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n"
      "EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=\n"
      "RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=\n"
      "AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n"
      "\n"
      "example.com/fancylog\n"
      "109482\n"
      "sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n";
  const absl::StatusOr<LogProof> proof = ParseLogProof(text);
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->entry, "");
  EXPECT_EQ(proof->index, 73'894);
  EXPECT_EQ(proof->path.size(), 5);
  EXPECT_EQ(ParseCheckpoint(proof->checkpoint)->size, 109'482);
  EXPECT_EQ(FormatLogProof(*proof), text);
  EXPECT_EQ(CodeOf(ParseLogProof(absl::StrReplaceAll(text, {{"index", "extra \nindex"}}))),
            "MALFORMED")
      << "no data is no line";
}

}  // namespace
}  // namespace muster
