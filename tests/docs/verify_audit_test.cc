// docs/verify_audit.py, the verifier in another language: run on folders that are whole, and on
// every way to spoil one.
#include <gtest/gtest.h>

#include <functional>

#include "tests/integration/process.h"
#include "tests/support/log_folder.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

constexpr char kVerifier[] = MUSTER_SOURCE_DIR "/docs/verify_audit.py";

CommandResult RunVerifier(const std::string& path, const std::string& key, bool print = false) {
  std::vector<std::string> argv = {"python3", kVerifier, path, key};
  if (print) argv.emplace_back("--print");
  return RunCommand(argv);
}

std::string Verdict(const LogFiles& files, const std::string& key) {
  const TempDir dir;
  WriteLogFiles(files, dir.path());
  const CommandResult r = RunVerifier(dir.path(), key);
  EXPECT_EQ(r.exit_code, r.err.empty() ? 0 : 1) << r;
  return r.out + r.err;
}

LogFolder Log(uint64_t size) {
  LogFolder log;
  log.AddSome(size);
  return log;
}

TEST(VerifyAudit, WholeFoldersOfAnySize) {
  const LogFolder log = Log(256'300);
  for (const uint64_t size : {0, 1, 2, 255, 256, 257, 700, 65'536, 66'000, 256'300}) {
    EXPECT_EQ(Verdict(log.Files(size), log.KeyText()),
              absl::StrCat("OK: ", size, " entries, and 0 other heads of the same log\n"));
  }
}

TEST(VerifyAudit, HeadsOfWitnessesAndProofsAreLookedAt) {
  const LogFolder log = Log(700);
  LogFiles files = log.Files(700);
  files["README.txt"] = "How to check this folder.";
  files["witness/dev-1.checkpoint"] = log.Note(3);
  files["witness/dev-2.checkpoint"] = log.Note(3);
  files["witness/dev-3.checkpoint"] = log.Note(700);
  files["witness/dev-4.refused"] = log.Note(512);
  files["proofs/9.tlog-proof"] = FormatLogProof(log.Proof(9, 600));
  EXPECT_EQ(Verdict(files, log.KeyText()), "OK: 700 entries, and 4 other heads of the same log\n");
}

TEST(VerifyAudit, PrintsEntriesAsJson) {
  const TempDir dir;
  LogFolder log;
  v1::AuditEntry entry;
  entry.mutable_at()->set_seconds(1'800'000'000);
  entry.set_actor_id("person/p-1");
  entry.set_verb("request.approve");
  entry.set_reason("für \"Eilfälle\"");
  entry.add_roles("approver");
  entry.add_subjects("person/p-1");
  entry.add_subjects("app/whatsapp");
  log.Add(entry);
  log.AddSome(1);
  WriteLogFiles(log.Files(2), dir.path());
  const CommandResult r = RunVerifier(dir.path(), log.KeyText(), true);
  EXPECT_EQ(r.out,
            "{\"sequence\": 0, \"at\": 1800000000, \"actor_id\": \"person/p-1\", \"verb\": "
            "\"request.approve\", \"reason\": \"für \\\"Eilfälle\\\"\", \"roles\": [\"approver\"], "
            "\"subjects\": [\"person/p-1\", \"app/whatsapp\"]}\n"
            "{\"sequence\": 1, \"at\": 1800000001, \"actor_id\": \"person/p-1\", \"actor_upn\": "
            "\"weber@agency.example\", \"verb\": \"request.approve\", \"object\": "
            "\"request/REQ-1\", \"outcome\": \"ok\"}\n");
  EXPECT_EQ(r.err, "OK: 2 entries, and 0 other heads of the same log\n");
}

TEST(VerifyAudit, AKeyMayBeInAFileAndMayHaveChanged) {
  const TempDir dir;
  const LogFolder log = Log(3);
  LogFolder later("agency", OtherLogTestKey());
  later.AddSome(3);
  LogFiles files = later.Files(3);
  files["witness/dev-1.checkpoint"] = log.Note(2);
  files["key"] = absl::StrCat(log.KeyText(), "\n", later.KeyText(), "\n");
  WriteLogFiles({{"key", files["key"]}}, dir.path());
  files.erase("key");
  EXPECT_EQ(Verdict(files, dir.File("key")), "OK: 3 entries, and 1 other heads of the same log\n");
  EXPECT_EQ(Verdict(files, later.KeyText()),
            "NOT PROVEN: a head that KEY did not sign as its own log's\n");
  const std::string damaged = "x" + log.KeyText();
  EXPECT_EQ(Verdict(files, damaged), "NOT PROVEN: KEY and its hash do not fit\n");
  EXPECT_EQ(Verdict(files, "agency"), "NOT PROVEN: KEY is not NAME+HASH+KEY\n");
}

// A log whose first 512 entries are gone, and whose last entry says so.
TEST(VerifyAudit, OnlyWhatAnEntrySaysWasPrunedMayBeMissing) {
  LogFolder log = Log(700);
  v1::AuditEntry prune;
  prune.set_verb("audit.prune");
  prune.set_after(R"({"pruned_below":512,"pruned":512})");
  prune.set_outcome("ok");
  log.Add(prune);
  prune.clear_after();
  prune.set_outcome("PERMISSION_DENIED: only records officers prune");
  log.Add(prune);
  LogFiles files = log.Files(702);
  files.erase("tile/entries/000");
  EXPECT_EQ(Verdict(files, log.KeyText()), "OK: 702 entries, and 0 other heads of the same log\n");
  files.erase("tile/entries/001");
  EXPECT_EQ(Verdict(files, log.KeyText()), "OK: 702 entries, and 0 other heads of the same log\n");
  files["tile/0/001"][0] ^= 1;
  EXPECT_EQ(Verdict(files, log.KeyText()), "NOT PROVEN: tile/1/000.p/2 does not fit the entries\n");
  files["tile/0/001"][0] ^= 1;
  files.erase("tile/entries/002.p/190");
  EXPECT_EQ(Verdict(files, log.KeyText()),
            "NOT PROVEN: tile/entries/000 is missing, and no entry says that it was pruned\n");
  files = Log(700).Files(700);
  files.erase("tile/entries/000");
  EXPECT_EQ(Verdict(files, log.KeyText()),
            "NOT PROVEN: tile/entries/000 is missing, and no entry says that it was pruned\n");
}

// What an operator may try who holds the log's key and writes a folder that fits in itself.
TEST(VerifyAudit, ARewrittenLogIsFoundByTheHeadThatADeviceSaw) {
  const LogFolder log = Log(300);
  const std::string entry = log.entry(7);
  LogFolder fork = log;
  fork.Replace(7, log.entry(7) + std::string("\x5a\x04gone"));  // its reason
  LogFiles files = fork.Files(300);
  EXPECT_EQ(Verdict(files, log.KeyText()), "OK: 300 entries, and 0 other heads of the same log\n");
  files["witness/dev-1.checkpoint"] = log.Note(200);
  EXPECT_EQ(Verdict(files, log.KeyText()),
            "NOT PROVEN: witness/dev-1.checkpoint has seen another log\n");
  files.erase("witness/dev-1.checkpoint");
  files["proofs/9.tlog-proof"] = FormatLogProof(log.Proof(9, 250));
  EXPECT_EQ(Verdict(files, log.KeyText()),
            "NOT PROVEN: proofs/9.tlog-proof has seen another log\n");
  LogFiles old = log.Files(250);
  old["witness/dev-1.checkpoint"] = log.Note(251);
  EXPECT_EQ(
      Verdict(old, log.KeyText()),
      "NOT PROVEN: older than what witness/dev-1.checkpoint has seen: 250 entries, not 251\n");
}

TEST(VerifyAudit, ASpoiltFolderIsFound) {
  const LogFolder log = Log(300);
  const struct {
    const char* name;
    std::function<void(LogFiles&)> spoil;
    const char* want;
  } kCases[] = {
      {"unsigned",
       [](LogFiles& f) {
         std::string& note = f["checkpoint"];
         note.resize(note.find("\n\n") + 2);
       },
       "a head that is no signed note"},
      {"of another log",
       [](LogFiles& f) {
         f["checkpoint"] = *SignCheckpoint({"agency/audit", 300, ""}, LogTestKey());
       },
       "a head without a tree"},
      {"of another tenant",
       [&](LogFiles& f) {
         f["checkpoint"] = *SignNote(CheckpointText({"other/audit", 300, log.Root(300)}),
                                     "agency/audit", LogTestKey());
       },
       "a head that KEY did not sign as its own log's"},
      {"by another key",
       [](LogFiles& f) {
         LogFolder other("agency", OtherLogTestKey());
         other.AddSome(300);
         f["checkpoint"] = other.Note(300);
       },
       "a head that KEY did not sign as its own log's"},
      {"no checkpoint", [](LogFiles& f) { f.erase("checkpoint"); }, "checkpoint is missing"},
      {"an older one", [&](LogFiles& f) { f["checkpoint"] = log.Note(299); },
       "tile/0/001.p/43 is missing"},
      {"no tile", [](LogFiles& f) { f.erase("tile/1/000.p/1"); }, "tile/1/000.p/1 is missing"},
      {"a file more", [](LogFiles& f) { f["tile/0/002"] = ""; },
       "tile/0/002 is not part of an export"},
      {"an empty note", [](LogFiles& f) { f["witness/dev-1.checkpoint"] = ""; },
       "a head that is no signed note"},
      {"a foreign note", [](LogFiles& f) { f["witness/dev-1.txt"] = ""; },
       "witness/dev-1.txt is not part of an export"},
      {"another number",
       [](LogFiles& f) {
         LogFolder skips;
         skips.AddSome(2);
         skips.AddBytes("\x08\x03");
         f = skips.Files(3);
       },
       "entry 2 says that it is another"},
  };
  for (const auto& c : kCases) {
    LogFiles files = log.Files(300);
    c.spoil(files);
    EXPECT_EQ(Verdict(files, log.KeyText()), absl::StrCat("NOT PROVEN: ", c.want, "\n")) << c.name;
  }
}

// Every byte flipped, every file gone, cut and longer, every entry dropped, doubled and swapped.
// That a witness or a proof is gone is nothing that a folder can tell.
TEST(VerifyAudit, NoChangeOfAnyByteOrEntryIsMissed) {
  const TempDir dir;
  const LogFolder log = Log(6);
  LogFiles files = log.Files(6);
  files["witness/dev-1.checkpoint"] = log.Note(4);
  files["proofs/2.tlog-proof"] = FormatLogProof(log.Proof(2, 5));
  WriteLogFiles(files, dir.path());
  CommandOptions options;
  options.deadline = absl::Minutes(10);
  const CommandResult r = RunCommand({"python3", MUSTER_SOURCE_DIR "/tests/docs/spoil_export.py",
                                      kVerifier, dir.path(), log.KeyText()},
                                     options);
  EXPECT_EQ(r.exit_code, 0) << r;
  EXPECT_EQ(r.err, "") << r;
  size_t bytes = 0;
  for (const auto& [path, text] : files) bytes += text.size();
  EXPECT_EQ(r.out, absl::StrCat(bytes, " bytes flipped, ", 3 * files.size() - 2,
                                " files spoilt, 27 entries moved: each was found\n"));
}

TEST(VerifyAudit, ProofsOfOneEntry) {
  const TempDir dir;
  const LogFolder log = Log(300);
  WriteLogFiles(
      {{"good", FormatLogProof(log.Proof(7, 300))}, {"alone", FormatLogProof(Log(1).Proof(0, 1))}},
      dir.path());
  const CommandResult r = RunVerifier(dir.File("good"), log.KeyText());
  EXPECT_EQ(r.exit_code, 0) << r;
  EXPECT_EQ(r.out,
            "{\"sequence\": 7, \"at\": 1800000007, \"actor_id\": \"person/p-1\", \"actor_upn\": "
            "\"weber@agency.example\", \"verb\": \"request.approve\", \"object\": "
            "\"request/REQ-7\", \"outcome\": \"ok\"}\n"
            "OK: the entry is in the log of 300 entries that KEY signed\n");
  EXPECT_EQ(RunVerifier(dir.File("alone"), log.KeyText()).exit_code, 0);
  LogProof other = log.Proof(7, 300);
  other.entry = log.entry(8);
  LogProof moved = log.Proof(7, 300);
  moved.index = 8;
  LogProof longer = log.Proof(7, 300);
  longer.path.push_back(log.Root(3));
  LogProof shorter = log.Proof(7, 300);
  shorter.path.pop_back();
  for (const LogProof& proof : {other, moved, longer, shorter}) {
    WriteLogFiles({{"bad", FormatLogProof(proof)}}, dir.path());
    const CommandResult bad = RunVerifier(dir.File("bad"), log.KeyText());
    EXPECT_EQ(bad.exit_code, 1) << bad;
    EXPECT_EQ(bad.err.substr(0, 12), "NOT PROVEN: ") << bad;
  }
}

}  // namespace
}  // namespace muster
