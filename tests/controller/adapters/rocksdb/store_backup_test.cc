// A backup is the store of one moment, and a restored one is that store or none.
#include "controller/adapters/rocksdb/store_backup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/checkpoint.h"
#include "common/crypto.h"
#include "common/log_tiles.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/flow/records.h"
#include "controller/flow/restore_proof.h"
#include "tests/controller/adapters/rocksdb/paced_writer.h"
#include "tests/controller/flow/whole_store.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

std::string NoHead(const Snapshot&) { return "head\n"; }

void CommitOne(Store& store, int n) {
  Mutation m;
  m.puts.push_back({"archive_walk", absl::StrCat(n)});
  v1::AuditEntry entry;
  entry.set_verb("test.commit");
  entry.set_object(absl::StrCat("test/", n));
  m.audit.push_back(entry);
  ASSERT_TRUE(store.Commit(std::move(m)).ok());
}

absl::StatusOr<BackupManifest> Backup(const std::string& db, const std::string& out) {
  MUSTER_ASSIGN_OR_RETURN(const auto reader, StoreReader::Open(db));
  return WriteBackup(*reader, out, kNow, NoHead);
}

absl::Status RestoreTo(const std::string& backup, const std::string& db) {
  MUSTER_ASSIGN_OR_RETURN(const auto loaded, LoadedBackup::Load(backup, db));
  return loaded->Keep();
}

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

using Names = std::vector<std::string>;

TEST(StoreBackup, ComesBackAsItWas) {
  TempDir dir;
  const auto store = *RocksDbStore::Open(dir.File("db"));
  for (int i = 0; i < 300; ++i) CommitOne(*store, i);
  const auto made = Backup(dir.File("db"), dir.File("b"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(NamesIn(dir.File("b")), Names({"checkpoint", "data", "manifest.json"}));
  const auto read = ReadBackupManifest(dir.File("b"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->at, kNow);
  EXPECT_EQ(read->revision, 300u);
  EXPECT_EQ(read->log.size, 300u);
  EXPECT_EQ(read->log.root, store->Read()->log_head().root);
  EXPECT_EQ(read->sha256, made->sha256);
  EXPECT_EQ(read->bytes, fs::file_size(dir.File("b/data")));

  ASSERT_TRUE(RestoreTo(dir.File("b"), dir.File("new")).ok());
  EXPECT_EQ(FindingsIn(dir.File("new")), std::vector<std::string>());
  const auto again = *RocksDbStore::Open(dir.File("new"));
  EXPECT_EQ(again->Read()->log_head().root, store->Read()->log_head().root);
  // It goes on as the first would have.
  CommitOne(*again, 300);
  CommitOne(*store, 300);
  EXPECT_EQ(again->Read()->log_head().root, store->Read()->log_head().root);
  EXPECT_EQ(NamesIn(dir.path()), Names({"b", "db", "new"}));
}

TEST(StoreBackup, OverwritesNothing) {
  TempDir dir;
  const auto store = *RocksDbStore::Open(dir.File("db"));
  CommitOne(*store, 0);
  fs::create_directory(dir.File("taken"));
  EXPECT_EQ(Backup(dir.File("db"), dir.File("taken")).status().code(),
            absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(Backup(dir.File("db"), dir.File("b")).ok());
  EXPECT_EQ(RestoreTo(dir.File("b"), dir.File("db")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(RestoreTo(dir.File("none"), dir.File("new")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(NamesIn(dir.path()), Names({"b", "db", "taken"}));
}

TEST(StoreBackup, WhatAKilledOneLeftIsRemovedAndNothingElse) {
  TempDir dir;
  const auto store = *RocksDbStore::Open(dir.File("db"));
  CommitOne(*store, 0);
  const auto make = [&](const std::string& folder, const Names& files) {
    fs::create_directory(dir.File(folder));
    for (const std::string& file : files) std::ofstream(dir.File(folder + "/" + file)) << "x";
  };
  make("mon.partial-aB3xyz", {"checkpoint", "data"});
  make("tue.partial-000000", {});
  const Names kept = {"other.partial-aB3xyz", "partial-aB3xyz", "wed.partial-aB3xy",
                      "wed.partial-aB3xy!", "wed.partial-aB3xyz.old"};
  for (const std::string& folder : kept) make(folder, {"data"});
  make("other.partial-aB3xyz", {"mine"});  // no backup has such a file
  fs::create_symlink(dir.File("partial-aB3xyz"), dir.File("link.partial-aB3xyz"));
  // One that runs meanwhile is let alone, and does not hinder.
  Names removed, during;
  const auto reader = *StoreReader::Open(dir.File("db"));
  const auto made = WriteBackup(*reader, dir.File("b"), kNow, [&](const Snapshot&) {
    removed = RemoveDeadBackups(dir.File("c"));
    during = NamesIn(dir.path());
    return std::string("head\n");
  });
  ASSERT_TRUE(made.ok()) << made.status();
  std::sort(removed.begin(), removed.end());
  EXPECT_EQ(removed, Names({dir.File("mon.partial-aB3xyz"), dir.File("tue.partial-000000")}));
  EXPECT_EQ(RemoveDeadBackups(dir.File("b")), Names());
  // So no backup may be called that: the next one would take it for a dead one's.
  EXPECT_EQ(WriteBackup(*reader, dir.File("mon.partial-261128"), kNow, NoHead).status().code(),
            absl::StatusCode::kInvalidArgument);
  Names left = {"b", "db", "link.partial-aB3xyz"};
  left.insert(left.end(), kept.begin(), kept.end());
  std::sort(left.begin(), left.end());
  EXPECT_EQ(NamesIn(dir.path()), left);
  EXPECT_EQ(during.size(), left.size());
  EXPECT_EQ(NamesIn(dir.File("b")), Names({"checkpoint", "data", "manifest.json"}));
}

TEST(StoreBackup, ADamagedOneIsRefusedWhole) {
  TempDir dir;
  const auto store = *RocksDbStore::Open(dir.File("db"));
  for (int i = 0; i < 3; ++i) CommitOne(*store, i);
  ASSERT_TRUE(Backup(dir.File("db"), dir.File("b")).ok());
  const auto slurp = [&](const std::string& name) {
    std::ifstream in(dir.File("b/" + name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const auto put = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(dir.File("b/" + name), std::ios::binary | std::ios::trunc) << bytes;
  };
  const std::string data = slurp("data"), manifest = slurp("manifest.json");
  for (size_t at = 0; at < data.size(); at += 5) {
    std::string bad = data;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    put("data", bad);
    EXPECT_EQ(RestoreTo(dir.File("b"), dir.File("new")).code(), absl::StatusCode::kDataLoss) << at;
  }
  for (const std::string& bad : {data.substr(0, data.size() - 1), data + "x", std::string()}) {
    put("data", bad);
    EXPECT_EQ(RestoreTo(dir.File("b"), dir.File("new")).code(), absl::StatusCode::kDataLoss);
  }
  put("data", data);
  // Each number and hash of the manifest is compared with the store itself.
  for (const char* digit : {"\"revision\": 3", "\"log_size\": 3", "\"keys\": ", "\"bytes\": "}) {
    const size_t at = manifest.find(digit) + std::string(digit).size();
    std::string bad = manifest;
    bad.insert(at, "1");
    put("manifest.json", bad);
    EXPECT_EQ(RestoreTo(dir.File("b"), dir.File("new")).code(), absl::StatusCode::kDataLoss)
        << digit;
  }
  put("manifest.json", "{}");
  EXPECT_EQ(RestoreTo(dir.File("b"), dir.File("new")).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(NamesIn(dir.path()), Names({"b", "db"}));
  put("manifest.json", manifest);
  EXPECT_TRUE(RestoreTo(dir.File("b"), dir.File("new")).ok());
}

// While somebody writes: all that was acknowledged before, and a prefix of the rest.
TEST(StoreBackup, BesideAWriterItIsAPrefixOfWhatWasAcknowledged) {
  constexpr int kRounds = 8, kAhead = 50;
  TempDir dir;
  const std::string db = dir.File("db");
  const auto store = *RocksDbStore::Open(db);
  const std::string bulk(200'000, 'b');  // a flush every 40 commits
  PacedWriter writer(*store, kRounds * kAhead, [&](int i) {
    Mutation m;
    m.puts.push_back({absl::StrCat("archive_work/", i), "1"});
    m.puts.push_back({"archive_walk", absl::StrCat(i, bulk)});
    v1::AuditEntry entry;
    entry.set_verb("test.commit");
    m.audit.push_back(entry);
    return m;
  });
  std::vector<LogHead> heads;
  for (int round = 0; round < kRounds; ++round) {
    writer.Let(kAhead);
    const uint64_t before = writer.acknowledged();
    const std::string name = absl::StrCat("b", round);
    const auto made = Backup(db, dir.File(name));
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_GE(made->revision, before);
    heads.push_back(made->log);
    ASSERT_TRUE(RestoreTo(dir.File(name), dir.File(name + "-db")).ok());
    EXPECT_EQ(FindingsIn(dir.File(name + "-db")), std::vector<std::string>());
    // Every commit until then, none after.
    const auto restored = *RocksDbStore::Open(dir.File(name + "-db"));
    EXPECT_EQ(KeyTails(*restored->Read(), "archive_work/")->size(), made->revision);
    EXPECT_EQ(restored->Read()->log_head().size, made->revision);
  }
  writer.Finish();  // a backup may be ahead of what was acknowledged
  for (const LogHead& head : heads) EXPECT_EQ(head.root, *RootAt(*store->Read(), head.size));
}

class RestoreProofTest : public testing::Test {
 protected:
  RestoreProofTest() {
    for (int i = 0; i < 290; ++i) CommitOne(*store_, i);
    keys_.push_back(*NoteVerifier::New("agency/audit", key_.spki()));
  }
  std::string NoteAt(uint64_t size, const std::string& root = "") {
    return *SignCheckpoint(
        {"agency/audit", size, root.empty() ? *RootAt(*store_->Read(), size) : root}, key_);
  }
  // What the store as it was at 260 entries says of these notes.
  absl::StatusOr<RestoreProof> Prove(const std::vector<WitnessNote>& notes) {
    return ProveRestored(*older_->Read(), keys_, notes);
  }
  void SetUp() override {
    older_ = *RocksDbStore::Open(dir_.File("older"));
    for (int i = 0; i < 260; ++i) CommitOne(*older_, i);
  }

  TempDir dir_;
  const PrivateKey key_ = *PrivateKey::Generate(kEd25519);
  std::unique_ptr<Store> store_ = *RocksDbStore::Open(dir_.File("db"));
  std::unique_ptr<Store> older_;
  std::vector<NoteVerifier> keys_;
};

TEST_F(RestoreProofTest, SaysWhichEntriesAreMissing) {
  const auto proof = Prove({{"d1", NoteAt(258)}, {"d2", NoteAt(288)}, {"d3", NoteAt(3)}});
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_TRUE(proof->lacks());
  EXPECT_EQ(proof->size, 260u);
  EXPECT_EQ(proof->seen_size, 288u);
  EXPECT_EQ(proof->seen_from, "d2");
}

TEST_F(RestoreProofTest, SaysThatNothingIs) {
  const auto proof = Prove({{"d1", NoteAt(258)}, {"d2", NoteAt(260)}});
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_FALSE(proof->lacks());
  EXPECT_EQ(proof->seen_size, 260u);
  EXPECT_FALSE(Prove({})->lacks());
}

TEST_F(RestoreProofTest, TakesNoOtherLogAndNoOtherKey) {
  const PrivateKey other = *PrivateKey::Generate(kEd25519);
  const std::string forged =
      *SignCheckpoint({"agency/audit", 288, *RootAt(*store_->Read(), 288)}, other);
  const WitnessNote kCases[] = {
      {"rewritten", NoteAt(258, Sha256("x"))}, {"forged", forged}, {"nothing", "no note\n"}};
  for (const WitnessNote& note : kCases) {
    const auto proof = Prove({note});
    EXPECT_EQ(proof.status().code(), absl::StatusCode::kFailedPrecondition) << note.from;
    EXPECT_EQ(proof.status().message().substr(0, note.from.size() + 2), note.from + ": ");
  }
}

}  // namespace
}  // namespace muster
