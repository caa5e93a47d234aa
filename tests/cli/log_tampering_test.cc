// What an operator, or anybody with a disk, can do to an exported log; each is found offline, by
// the log's public key and, where the log's key itself is in the wrong hands, by a witness's note.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/log_folder.h"
#include "cli/log_verify.h"
#include "common/log_limits.h"
#include "tests/support/log_folder.h"
#include "tests/support/temp_dir.h"

namespace muster::cli {
namespace {

namespace fs = std::filesystem;

// Two full bundles and a partial one.
constexpr uint64_t kSize = 2 * kTileWidth + 5;

class LogTamperingTest : public ::testing::Test {
 protected:
  LogTamperingTest() { log_.AddSome(kSize); }

  // The findings' codes, each once; "OK" when there are none.
  std::set<std::string> Codes(const LogFiles& files, const std::vector<std::string>& witnesses = {},
                              const LogFolder* key_of = nullptr) {
    const std::string dir = temp_.File("export");
    fs::remove_all(dir);
    fs::create_directories(dir);
    WriteLogFiles(files, dir);
    const absl::StatusOr<LogReport> report =
        VerifyLogExport({dir, {(key_of == nullptr ? log_ : *key_of).Key()}, witnesses});
    if (!report.ok()) return {std::string(report.status().message())};
    report_ = *report;
    std::set<std::string> codes;
    for (const LogFinding& f : report->findings) codes.insert(f.code);
    return codes.empty() ? std::set<std::string>{"OK"} : codes;
  }

  // A note that somebody kept, as a file.
  std::string Kept(const std::string& note) {
    WriteLogFiles({{"kept.checkpoint", note}}, temp_.path());
    return temp_.File("kept.checkpoint");
  }

  static LogFiles FilesOf(const LogFolder& log) { return log.Files(log.size()); }

  using Found = std::set<std::string>;
  TempDir temp_;
  LogFolder log_;
  LogReport report_;
};

TEST_F(LogTamperingTest, AWholeExportIsGood) {
  EXPECT_EQ(Codes(FilesOf(log_), {Kept(log_.Note(300))}), Found{"OK"});
  EXPECT_EQ(report_.head.size, kSize);
  EXPECT_EQ(report_.texts, kSize);
  EXPECT_EQ(report_.tiles, 4U);
  EXPECT_EQ(report_.witnesses, 1U);
  EXPECT_TRUE(report_.warnings.empty());
}

TEST_F(LogTamperingTest, EveryFlippedByteOfASmallExportIsFound) {
  LogFolder small;
  small.AddSome(5);
  LogFiles files = small.Files(5);
  files["witness/dev-1.checkpoint"] = small.Note(3);
  files["proofs/2.tlog-proof"] = FormatLogProof(small.Proof(2, 4));
  ASSERT_EQ(Codes(files, {}, &small), Found{"OK"});
  const std::string dir = temp_.File("export");
  for (const auto& [path, bytes] : files) {
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (const char bit : {'\x01', '\x20', '\x80'}) {
        std::string changed = bytes;
        changed[at] ^= bit;
        WriteLogFiles({{path, changed}}, dir);
        const auto report = VerifyLogExport({dir, {small.Key()}, {}});
        ASSERT_TRUE(report.ok()) << report.status();
        EXPECT_FALSE(report->good()) << path << " byte " << at;
      }
    }
    WriteLogFiles({{path, bytes}}, dir);
  }
}

TEST_F(LogTamperingTest, AByteFlippedInEachFileOfALargeExportIsNamedByItsPlace) {
  const LogFiles files = FilesOf(log_);
  for (const auto& [path, bytes] : files) {
    LogFiles changed = files;
    changed[path][bytes.size() / 2] ^= 1;
    const Found found = Codes(changed);
    EXPECT_FALSE(found.contains("OK")) << path;
    ASSERT_FALSE(report_.findings.empty());
    EXPECT_NE(report_.findings[0].place.find(path), std::string::npos)
        << report_.findings[0].place << " for " << path;
  }
}

TEST_F(LogTamperingTest, AChangedEntryIsToldFromAChangedTile) {
  LogFiles entry = FilesOf(log_), tile = FilesOf(log_);
  entry["tile/entries/001"][100] ^= 1;
  tile["tile/0/001"][100] ^= 1;
  EXPECT_TRUE(Codes(entry).contains("ENTRY_MISMATCH"));
  EXPECT_FALSE(Codes(entry).contains("ROOT_MISMATCH"));
  EXPECT_EQ(Codes(tile), Found{"TILE_MISMATCH"});
}

TEST_F(LogTamperingTest, EachDroppedFileIsMissed) {
  const LogFiles files = FilesOf(log_);
  for (const auto& [path, bytes] : files) {
    LogFiles changed = files;
    changed.erase(path);
    EXPECT_TRUE(Codes(changed).contains("MISSING_FILE")) << path;
  }
}

TEST_F(LogTamperingTest, EachTruncatedOrLengthenedFileIsFound) {
  const LogFiles files = FilesOf(log_);
  for (const auto& [path, bytes] : files) {
    LogFiles changed = files;
    for (const size_t size : {size_t{0}, size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
      changed[path] = bytes.substr(0, size);
      EXPECT_FALSE(Codes(changed).contains("OK")) << path << " cut to " << size;
    }
    changed[path] = bytes + std::string(32, 'x');
    EXPECT_FALSE(Codes(changed).contains("OK")) << path;
  }
}

TEST_F(LogTamperingTest, EachPairOfSwappedFilesIsFound) {
  const LogFiles files = FilesOf(log_);
  for (const auto& [a, a_bytes] : files) {
    for (const auto& [b, b_bytes] : files) {
      if (a >= b) continue;
      LogFiles changed = files;
      std::swap(changed[a], changed[b]);
      EXPECT_FALSE(Codes(changed).contains("OK")) << a << " and " << b;
    }
  }
}

// Entries out of, into and within bundles, with the bundles themselves in good form.
TEST_F(LogTamperingTest, DroppedSwappedInsertedAndDoubledEntriesAreFound) {
  const auto bundle_of = [&](const std::vector<std::string>& entries) {
    std::string out;
    for (const std::string& e : entries) AppendToBundle(e, out);
    return out;
  };
  std::vector<std::string> entries;
  for (uint64_t i = 512; i < kSize; ++i) entries.push_back(log_.entry(i));
  LogFiles files = FilesOf(log_);
  const std::string path = BundlePath(2, 5);
  for (size_t i = 0; i < entries.size(); ++i) {
    std::vector<std::string> dropped = entries, doubled = entries, emptied = entries;
    dropped.erase(dropped.begin() + static_cast<int64_t>(i));
    doubled.insert(doubled.begin() + static_cast<int64_t>(i), entries[i]);
    emptied[i].clear();
    for (const auto& changed : {dropped, doubled, emptied}) {
      files[path] = bundle_of(changed);
      EXPECT_FALSE(Codes(files).contains("OK")) << i;
    }
    for (size_t j = 0; j < i; ++j) {
      std::vector<std::string> swapped = entries;
      std::swap(swapped[i], swapped[j]);
      files[path] = bundle_of(swapped);
      EXPECT_TRUE(Codes(files).contains("ENTRY_MISMATCH")) << i << " and " << j;
    }
  }
}

TEST_F(LogTamperingTest, AFileThatDoesNotBelongIsFound) {
  for (const char* path :
       {"tile/0/002", "tile/0/002.p/4", "tile/entries/003", "tile/2/000.p/1", "tile/0/x000/002.p/5",
        "tile/00/001", "extra", ".unfinished", "witness/a b.checkpoint", "proofs/01.tlog-proof"}) {
    LogFiles files = FilesOf(log_);
    files[path] = "x";
    EXPECT_EQ(Codes(files), Found{"UNEXPECTED_FILE"}) << path;
  }
  ASSERT_EQ(Codes(FilesOf(log_)), Found{"OK"});
  fs::rename(temp_.File("export/tile/0/001"), temp_.File("elsewhere"));
  fs::create_symlink(temp_.File("elsewhere"), temp_.File("export/tile/0/001"));
  const auto report = VerifyLogExport({temp_.File("export"), {log_.Key()}, {}});
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->good());
}

TEST_F(LogTamperingTest, ARewriteWithoutTheKeyDoesNotLeadToTheSignedHead) {
  LogFolder forged = log_;
  forged.Replace(17, log_.entry(18));
  LogFiles files = FilesOf(forged);
  files[kCheckpointFile] = log_.Note(kSize);
  EXPECT_EQ(Codes(files), (Found{"ROOT_MISMATCH", "SEQUENCE"}));
}

TEST_F(LogTamperingTest, AnOldCopyIsBehindWhatAWitnessSaw) {
  EXPECT_EQ(Codes(log_.Files(300)), Found{"OK"}) << "by itself it is a good export";
  EXPECT_EQ(Codes(log_.Files(300), {Kept(log_.Note(kSize))}), Found{"BEHIND"});
}

// The log's key signs whatever the thief likes; the notes that others hold it cannot change.
TEST_F(LogTamperingTest, ARewriteWithTheLogsKeyInHandIsNotWhatAWitnessSaw) {
  LogFolder forged = log_;
  v1::AuditEntry entry;
  ASSERT_TRUE(entry.ParseFromString(log_.entry(400)));
  entry.set_actor_upn("somebody.else@agency.example");
  forged.Replace(400, entry.SerializeAsString());
  forged.AddSome(10);
  EXPECT_EQ(Codes(FilesOf(forged)), Found{"OK"}) << "nothing in it shows the theft";
  EXPECT_EQ(Codes(FilesOf(forged), {Kept(log_.Note(400))}), Found{"OK"}) << "that came before";
  EXPECT_EQ(Codes(FilesOf(forged), {Kept(log_.Note(401))}), Found{"WITNESS_INCONSISTENT"});
  LogFiles with_note = FilesOf(forged);
  with_note["witness/dev-1.checkpoint"] = log_.Note(kSize);
  EXPECT_EQ(Codes(with_note), Found{"WITNESS_INCONSISTENT"});
}

TEST_F(LogTamperingTest, ARefusedHeadOfAnotherLogIsAFork) {
  LogFolder forged = log_;
  forged.Replace(100, log_.entry(101));
  LogFiles files = FilesOf(log_);
  files["witness/dev-1.refused"] = forged.Note(200);
  EXPECT_EQ(Codes(files), Found{"FORK"});
  files["witness/dev-1.refused"] = log_.Note(200);
  EXPECT_EQ(Codes(files), Found{"OK"}) << "this log has that head";
  ASSERT_EQ(report_.warnings.size(), 1U);
  EXPECT_EQ(report_.warnings[0].code, "REFUSED");
}

TEST_F(LogTamperingTest, ForeignKeysStrippedSignaturesAndOtherTenantsAreRefused) {
  const LogFiles files = FilesOf(log_);
  const LogFolder foreign("agency", OtherLogTestKey()), other("county");
  EXPECT_EQ(Codes(files, {}, &foreign), Found{"UNKNOWN_KEY"});
  EXPECT_EQ(Codes(files, {}, &other), Found{"UNKNOWN_KEY"});
  LogFiles changed = files;
  const std::string note = files.at(kCheckpointFile);
  changed[kCheckpointFile] = note.substr(0, note.find("\n\n") + 2);
  EXPECT_EQ(Codes(changed), Found{"MALFORMED"});
  LogFolder county("county");
  county.AddSome(5);
  EXPECT_EQ(Codes(county.Files(5)), Found{"UNKNOWN_KEY"});
  // The right key under another log's head.
  changed[kCheckpointFile] = *SignNote(CheckpointText({"county/audit", kSize, log_.Root(kSize)}),
                                       "agency/audit", LogTestKey());
  EXPECT_EQ(Codes(changed), Found{"WRONG_TENANT"});
}

TEST_F(LogTamperingTest, AWrongSequenceIsFoundThoughTheTreeHasIt) {
  LogFolder log = log_;
  log.AddBytes(log_.entry(3));
  EXPECT_EQ(Codes(FilesOf(log)), Found{"SEQUENCE"});
  log.AddBytes("\xff");
  EXPECT_EQ(Codes(FilesOf(log)), (Found{"ENTRY_MALFORMED", "SEQUENCE"}));
}

TEST_F(LogTamperingTest, TimesThatRunBackwardsAreAWarning) {
  LogFolder log = log_;
  v1::AuditEntry entry;
  entry.set_verb("request.deny");
  entry.mutable_at()->set_seconds(1'700'000'000);
  log.Add(entry);
  EXPECT_EQ(Codes(FilesOf(log)), Found{"OK"});
  ASSERT_EQ(report_.warnings.size(), 1U);
  EXPECT_EQ(report_.warnings[0].code, "TIME");
}

TEST_F(LogTamperingTest, OnlyWhatTheLogSaysWasPrunedMayBeMissing) {
  LogFolder log = log_;
  v1::AuditEntry entry;
  entry.set_verb("audit.prune");
  entry.set_outcome("ok");
  entry.mutable_at()->set_seconds(1'900'000'000);
  entry.set_after(R"({"pruned_below":"256","pruned":"256"})");
  log.Add(entry);
  LogFiles files = FilesOf(log);
  files.erase(BundlePath(0, kTileWidth));
  EXPECT_EQ(Codes(files), Found{"OK"});
  EXPECT_EQ(report_.hash_only, 256U);
  ASSERT_EQ(report_.warnings.size(), 1U);
  EXPECT_EQ(report_.warnings[0].code, "PRUNED");
  files["tile/0/000"][0] ^= 1;
  EXPECT_TRUE(Codes(files).contains("TILE_MISMATCH"));
  files = FilesOf(log);
  files.erase(BundlePath(1, kTileWidth));
  EXPECT_EQ(Codes(files), Found{"MISSING_FILE"}) << "not at the front";
  files.erase(BundlePath(0, kTileWidth));
  EXPECT_EQ(Codes(files), Found{"MISSING_FILE"}) << "more than was said";
}

TEST_F(LogTamperingTest, AHeadOfAnEndlessLogEndsTheWalk) {
  for (const uint64_t size : {uint64_t{1} << 50, ~uint64_t{0}}) {
    LogFiles files = FilesOf(log_);
    files["checkpoint"] =
        *SignCheckpoint({log_.Key().name(), size, log_.leaves()[0]}, LogTestKey());
    EXPECT_TRUE(Codes(files).contains("MISSING_FILE"));
    EXPECT_GT(report_.more_findings, 0U);
  }
}

TEST_F(LogTamperingTest, NoNoteOfAFolderOfWitnessesIsLeftOutInSilence) {
  const std::string kept = temp_.File("kept");
  fs::create_directories(kept);
  WriteLogFiles({{"a.checkpoint", log_.Note(300)}, {"b.note", log_.Note(200)}}, kept);
  EXPECT_EQ(Codes(FilesOf(log_), {kept + "/"}), Found{"OK"});
  ASSERT_EQ(report_.warnings.size(), 1U);
  EXPECT_EQ(report_.warnings[0].code, "IGNORED");
  fs::create_symlink("a.checkpoint", kept + "/c.checkpoint");
  EXPECT_EQ(Codes(FilesOf(log_), {kept}), Found{"UNREADABLE_FILE"});
}

TEST_F(LogTamperingTest, ASlashBehindTheFolderIsNoFinding) {
  ASSERT_EQ(Codes(FilesOf(log_)), Found{"OK"});
  const auto report = VerifyLogExport({temp_.File("export") + "/", {log_.Key()}, {}});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->good());
}

TEST_F(LogTamperingTest, OneProofIsCheckedByItself) {
  const std::string text = FormatLogProof(log_.Proof(400, kSize));
  const auto proven = VerifyProofText(text, {log_.Key()});
  ASSERT_TRUE(proven.ok()) << proven.status();
  EXPECT_EQ(proven->entry.object(), "request/REQ-400");
  EXPECT_EQ(proven->head, (Checkpoint{"agency/audit", kSize, log_.Root(kSize)}));
  for (size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] ^= 1;
    EXPECT_FALSE(VerifyProofText(changed, {log_.Key()}).ok()) << at;
  }
  EXPECT_FALSE(VerifyProofText(text, {LogFolder("agency", OtherLogTestKey()).Key()}).ok());
  EXPECT_FALSE(VerifyProofText(text, {}).ok());
}

}  // namespace
}  // namespace muster::cli
