// Many commits in one write: what each sees of the others, and what the log is afterwards.
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <thread>

#include "common/log_limits.h"
#include "common/merkle.h"
#include "controller/adapters/rocksdb/commit_batch.h"
#include "controller/adapters/rocksdb/database.h"
#include "controller/adapters/rocksdb/layout.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/domain/log_terms.h"
#include "controller/flow/records.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

Mutation Change(const std::string& key, const std::string& value, int entries) {
  Mutation m;
  m.puts.push_back({key, value});
  for (int i = 0; i < entries; ++i) {
    v1::AuditEntry& entry = m.audit.emplace_back();
    entry.set_verb("key.set");
    entry.set_object(key);
  }
  return m;
}

std::unique_ptr<Store> MustOpen(const std::string& folder) {
  auto store = RocksDbStore::Open(folder);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

// Dense, and the head and each tile are what its entries make them.
void ExpectWholeLog(const Snapshot& snapshot, uint64_t size) {
  TileEdge edge;
  std::vector<Tile> tiles;
  const auto records = snapshot.Scan("audit/", "", SIZE_MAX);
  ASSERT_TRUE(records.ok());
  for (const Record& record : *records) {
    EXPECT_EQ(record.key, AuditKey(edge.size()));
    edge.Append(LeafHash(Parse<v1::AuditRecord>(record)->value.entry()), tiles);
  }
  EXPECT_EQ(edge.size(), size);
  EXPECT_EQ(snapshot.log_head().size, size);
  EXPECT_EQ(snapshot.log_head().root, edge.Root());
  for (Tile& tile : edge.PartialTiles()) tiles.push_back(std::move(tile));
  for (const Tile& tile : tiles) {
    EXPECT_EQ(*snapshot.ReadTile(tile.level, tile.index, tile.hashes.size() / kHashBytes),
              tile.hashes);
  }
}

class CommitBatchTest : public ::testing::Test {
 protected:
  CommitBatchTest() : database_(*Database::Open(dir_.File("db"))) {}
  absl::StatusOr<uint64_t> Add(CommitBatch& batch, Mutation m) {
    return batch.Add(*Prepare(std::move(m)));
  }
  Mutation Expecting(Mutation m, const std::string& key, uint64_t revision) {
    m.expects.push_back({key, revision});
    return m;
  }

  TempDir dir_;
  std::unique_ptr<Database> database_;
};

TEST_F(CommitBatchTest, EachIsJudgedAfterThoseBeforeIt) {
  CommitBatch batch(database_->Get().get(), Tip());
  const auto code = [&](Mutation m) { return Add(batch, std::move(m)).status().code(); };
  constexpr auto kOk = absl::StatusCode::kOk, kAborted = absl::StatusCode::kAborted;
  EXPECT_EQ(code(Expecting(Change("a", "1", 1), "a", 0)), kOk);       // revision 1
  EXPECT_EQ(code(Expecting(Change("a", "2", 1), "a", 0)), kAborted);  // not there any more
  EXPECT_EQ(code(Expecting(Change("a", "3", 1), "a", 1)), kOk);       // revision 2
  EXPECT_EQ(code(Expecting(Change("b", "4", 1), "a", 1)), kAborted);
  Mutation gone;
  gone.deletes.push_back("a");
  EXPECT_EQ(code(Expecting(gone, "a", 2)), kOk);  // revision 3
  EXPECT_EQ(code(Expecting(Change("c", "5", 0), "a", 2)), kAborted);
  EXPECT_EQ(code(Expecting(Change("d", "6", 2), "a", 0)), kOk);  // revision 4
  ASSERT_TRUE(database_->Get()->Write(rocksdb::WriteOptions(), &batch.Finish()).ok());
  database_.reset();
  const auto store = MustOpen(dir_.File("db"));
  const auto snapshot = store->Read();
  EXPECT_EQ(snapshot->revision(), 4u);
  EXPECT_FALSE(snapshot->Get("a")->has_value());
  EXPECT_FALSE(snapshot->Get("b")->has_value());
  EXPECT_FALSE(snapshot->Get("c")->has_value());
  EXPECT_EQ((*snapshot->Get("d"))->revision, 4u);
  ExpectWholeLog(*snapshot, 4);
  EXPECT_EQ(*snapshot->FindInLog(LogTerm("object", "a"), 0, 9), (std::vector<uint64_t>{0, 1}));
  EXPECT_EQ(*snapshot->FindInLog(LogTerm("object", "d"), 0, 9), (std::vector<uint64_t>{2, 3}));
}

TEST(Sequencer, ManyThreadsLeaveOneWholeLog) {
  TempDir dir;
  constexpr int kThreads = 64, kEach = 20;
  {
    const auto store = MustOpen(dir.File("db"));
    std::vector<std::thread> threads;
    std::atomic<int> failed = 0;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::string key = absl::StrFormat("k/%02d/%02d", t, i);
          const auto revision = store->Commit(Change(key, "v", 1));
          const auto read = store->Read()->Get(key);  // what is acknowledged can be read
          if (!revision.ok() || !read.ok() || !*read || (*read)->revision != *revision) ++failed;
        }
      });
    }
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(store->Read()->revision(), uint64_t{kThreads * kEach});
  }
  ExpectWholeLog(*MustOpen(dir.File("db"))->Read(), kThreads * kEach);
}

TEST(Sequencer, AnEntryThatIsTooLargeIsRefusedAndChangesNothing) {
  TempDir dir;
  const auto store = MustOpen(dir.File("db"));
  Mutation m = Change("k", "v", 1);
  m.audit[0].set_reason(std::string(limits::kMaxLogEntryBytes, 'x'));
  EXPECT_EQ(store->Commit(std::move(m)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(store->Read()->Get("k")->has_value());
  ExpectWholeLog(*store->Read(), 0);
}

// One byte of what the log ends with, and the store does not open.
TEST(RocksDbStoreOpen, FindsATamperedEnd) {
  const std::string entry = layout::RecordKey(AuditKey(299));
  const struct {
    std::string key;
    size_t byte;
  } kCases[] = {
      {layout::kHeadKey, 15},          // the size
      {layout::kHeadKey, 20},          // the root
      {layout::TileKey(1, 0), 3},      // the tile above
      {entry, layout::kU64Bytes + 4},  // an entry's text
      {entry, 0},                      // its revision
  };
  for (const auto& c : kCases) {
    TempDir dir;
    MustOpen(dir.File("db"))->Commit(Change("k", "v", 300)).status().IgnoreError();
    {
      const auto database = *Database::Open(dir.File("db"));
      std::string value;
      ASSERT_TRUE(database->Get()->Get(rocksdb::ReadOptions(), c.key, &value).ok());
      value[c.byte] = static_cast<char>(value[c.byte] ^ 1);
      ASSERT_TRUE(database->Get()->Put(rocksdb::WriteOptions(), c.key, value).ok());
    }
    EXPECT_EQ(RocksDbStore::Open(dir.File("db")).status().code(), absl::StatusCode::kDataLoss)
        << c.key << " " << c.byte;
  }
}

// Makes it what it was before there was a head.
void MakeOld(const std::string& folder, uint64_t count) {
  const auto database = *Database::Open(folder);
  const std::shared_ptr<rocksdb::DB> db = database->Get();
  rocksdb::WriteBatch batch;
  batch.DeleteRange("t/", "t0");
  batch.DeleteRange("x/", "x0");
  batch.Delete(layout::kHeadKey);
  batch.Put(layout::kOldRevisionKey, layout::EncodeU64(7));
  batch.Put(layout::kOldCountKey, layout::EncodeU64(count));
  ASSERT_TRUE(db->Write(rocksdb::WriteOptions(), &batch).ok());
}

TEST(RocksDbStoreOpen, GivesAnOldStoreItsTree) {
  TempDir dir;
  constexpr int kEntries = 4'500;  // more than one batch
  LogHead head;
  {
    const auto store = MustOpen(dir.File("db"));
    ASSERT_TRUE(store->Commit(Change("k", "v", kEntries)).ok());
    head = store->Read()->log_head();
  }
  MakeOld(dir.File("db"), kEntries);
  for (int opened = 0; opened < 2; ++opened) {
    const auto snapshot_store = MustOpen(dir.File("db"));
    const auto snapshot = snapshot_store->Read();
    EXPECT_EQ(snapshot->revision(), 7u);
    EXPECT_EQ(snapshot->log_head().root, head.root);
    ExpectWholeLog(*snapshot, kEntries);
    EXPECT_EQ(snapshot->FindInLog(LogTerm("object", "k"), 0, SIZE_MAX)->size(), size_t{kEntries});
  }
  MakeOld(dir.File("db"), kEntries + 1);
  EXPECT_EQ(RocksDbStore::Open(dir.File("db")).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace muster
